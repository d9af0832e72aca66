from __future__ import annotations

import itertools
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import argon2
import pyotp
import pytest

from aggregator.auth import authenticator, passwords, totp
from aggregator.auth.authenticator import Authenticator, SessionRules
from aggregator.auth.passwords import BY_PROVIDER, add_user, create_one_time_user, hash_password, hash_token
from aggregator.auth.principal_cache import KEEP_S
from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.accounts.account import DropFactor, DropGrant, PutFactor, PutGrant, PutUser, TotpSecret
from aggregator.domain.accounts.authorization import ROLES, RoleAssignment
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port import Store, Writer
from aggregator.storage.keyring import KeyRing
from aggregator.storage.write_queue import WriteQueue
from common.clock import FakeClock
from common.errors import KeysMissing, LoginError, LoginThrottled
from common.secret import Secret

ACT = AuditEntry(time_ns=0, who="system", what="role.changed")
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = Secret("correct horse battery")


@pytest.fixture
def queue(writer: Writer) -> Iterator[WriteQueue[Writer]]:
    box = WriteQueue(writer)
    stop = threading.Event()

    def serve() -> None:
        while not stop.wait(0.001):
            box.serve()

    thread = threading.Thread(target=serve)
    thread.start()
    yield box
    stop.set()
    thread.join()


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path, secrets.token_bytes)


@pytest.fixture
def gate(store: Store, writer: Writer, queue: WriteQueue[Writer], keys: KeyRing, clock: FakeClock) -> Authenticator:
    writer.change_account(
        PutUser("li", hash_password(PASSWORD, CHEAP), 0, grants=(RoleAssignment("monitor", "village"),)), ACT
    )
    numbers = itertools.count(1)
    return Authenticator(
        store.reader(), queue, keys, clock, sessions=SessionRules(lambda: f"token-{next(numbers)}"), hasher=CHEAP
    )


def name_of(gate: Authenticator, token: str | None) -> str | None:
    caller = gate.who(token)
    return None if caller is None else caller.name


def test_a_session_lasts_its_time_and_no_longer(gate: Authenticator, clock: FakeClock) -> None:
    token = gate.log_in("li", PASSWORD, "10.0.0.1")
    assert name_of(gate, token) == "li"
    clock.advance(12 * 3600 - 1)
    assert name_of(gate, token) == "li"
    clock.advance(1)
    assert gate.who(token) is None


def test_a_session_can_be_ended(gate: Authenticator) -> None:
    token = gate.log_in("li", PASSWORD, "10.0.0.1")
    gate.log_out(token)
    assert gate.who(token) is None


@pytest.mark.parametrize("token", [None, "", "x", "y" * 10_000])
def test_other_tokens_are_nobody(gate: Authenticator, token: str | None) -> None:
    assert gate.who(token) is None


def test_only_the_hash_of_a_token_is_kept(gate: Authenticator, store: Store, clock: FakeClock) -> None:
    token = gate.log_in("li", PASSWORD, "10.0.0.1")
    assert store.reader().session(token, clock.wall_ns()) is None
    assert store.reader().session(hash_token(token), clock.wall_ns()) is not None


def test_a_wrong_name_and_a_wrong_password_look_the_same(
    gate: Authenticator, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    real = passwords.matches

    def verify(password_hash: str, password: Secret, hasher: argon2.PasswordHasher) -> bool:
        verified.append(password_hash)
        return real(password_hash, password, hasher)

    monkeypatch.setattr(authenticator, "matches", verify)
    writer.change_account(PutUser("wang", BY_PROVIDER, 0), ACT)
    texts = []
    for name in ("li", "nobody", "", "x" * 5000, "wang"):
        with pytest.raises(LoginError) as caught:
            gate.log_in(name, Secret("wrong"), "10.0.0.1")
        texts.append(str(caught.value))
    assert set(texts) == {"wrong name, password or code"}
    assert len(verified) == 5  # the same work is done for a name that does not exist


def test_guessing_is_slowed_per_name_and_address(gate: Authenticator, clock: FakeClock) -> None:
    for _ in range(5):
        with pytest.raises(LoginError):
            gate.log_in("li", Secret("wrong"), "10.0.0.1")
    with pytest.raises(LoginThrottled) as caught:
        gate.log_in("li", PASSWORD, "10.0.0.1")
    assert caught.value.wait_s == pytest.approx(5)
    assert gate.log_in("li", PASSWORD, "10.0.0.2")  # somebody else need not wait
    clock.advance(5)
    assert gate.log_in("li", PASSWORD, "10.0.0.1")


def test_guessing_many_names_from_one_address_is_slowed(gate: Authenticator) -> None:
    for number in range(20):
        with pytest.raises(LoginError, match="wrong"):
            gate.log_in(f"name-{number}", Secret("wrong"), "10.0.0.1")
    with pytest.raises(LoginThrottled):
        gate.log_in("another", Secret("wrong"), "10.0.0.1")


def test_guessing_one_name_from_many_addresses_is_slowed(gate: Authenticator) -> None:
    for number in range(50):
        with pytest.raises(LoginError, match="wrong"):
            gate.log_in("li", Secret("wrong"), f"10.0.0.{number}")
    with pytest.raises(LoginThrottled):
        gate.log_in("li", PASSWORD, "10.0.1.1")


def test_good_log_ins_are_not_counted(gate: Authenticator) -> None:
    for _ in range(60):
        gate.log_in("li", PASSWORD, "10.0.0.1")


def test_a_throttle_does_not_grow_without_end(clock: FakeClock) -> None:
    throttle = RateLimiter(clock, 5, 300)
    for number in range(25_000):
        throttle.take(str(number))
    assert len(throttle._tries) <= 10_000


def test_a_one_time_password_works_once(gate: Authenticator, writer: Writer, clock: FakeClock) -> None:
    password = create_one_time_user(writer, "demo", lambda: "printed once", clock.wall_ns())
    assert password == "printed once"
    token = gate.log_in("demo", Secret(password), "10.0.0.1")
    assert name_of(gate, token) == "demo"
    with pytest.raises(LoginError):
        gate.log_in("demo", Secret(password), "10.0.0.1")


@pytest.mark.parametrize(
    ("name", "password"), [("a b", "long enough to be good"), ("", "long enough to be good"), ("li", "short")]
)
def test_unusable_users_are_refused(writer: Writer, name: str, password: str) -> None:
    with pytest.raises(LoginError):
        add_user(writer, name, Secret(password), 0)


def test_passwords_are_argon2id(writer: Writer, store: Store) -> None:
    add_user(writer, "wu", Secret("long enough to be good"), 0)
    user = store.reader().user("wu")
    assert user is not None
    assert user.password_hash.startswith("$argon2id$")


def test_roles_count_from_the_next_request(gate: Authenticator, writer: Writer) -> None:
    token = gate.log_in("li", PASSWORD, "10.0.0.1")
    caller = gate.who(token)
    assert caller is not None
    assert (caller.may("alerts.see", "village"), caller.may("alerts.see", "harbour")) == (True, False)
    assert writer.change_account(DropGrant("li", RoleAssignment("monitor", "village")), ACT)
    gate.cache.clear()  # as the account service does after each change
    caller = gate.who(token)
    assert caller is not None
    assert not caller.may("alerts.see")
    assert not writer.change_account(DropGrant("li", RoleAssignment("monitor", "village")), ACT)


def test_a_one_time_user_has_every_role_and_leaves_none_behind(
    gate: Authenticator, store: Store, writer: Writer, clock: FakeClock
) -> None:
    token = gate.log_in("demo", Secret(create_one_time_user(writer, "demo", lambda: "once", clock.wall_ns())), "a")
    caller = gate.who(token)
    assert caller is not None
    assert {grant.role for grant in caller.grants} == set(ROLES)
    add_user(writer, "demo", Secret("somebody else's password"), 0)
    assert store.reader().role_assignments("demo") == ()
    clock.advance(KEEP_S)  # changed beside the running aggregator
    assert gate.who(token) is None


def test_a_second_factor_is_asked_for_and_each_code_is_good_once(
    gate: Authenticator, writer: Writer, keys: KeyRing, clock: FakeClock
) -> None:
    secret = totp.new_secret()
    writer.change_account(PutFactor(TotpSecret(user="li", sealed=keys.hidden("staff/li", secret))), ACT)
    code = code_at(secret, clock.wall_ns())
    for wrong in ("", "000000" if code != "000000" else "111111", "12345", "１２３４５６"):
        with pytest.raises(LoginError, match="wrong name, password or code"):
            gate.log_in("li", PASSWORD, "10.0.0.1", wrong)
    assert gate.log_in("li", PASSWORD, "10.0.0.2", code)
    with pytest.raises(LoginError):
        gate.log_in("li", PASSWORD, "10.0.0.2", code)
    clock.advance(60)
    assert gate.log_in("li", PASSWORD, "10.0.0.2", code_at(secret, clock.wall_ns()))
    assert writer.change_account(DropFactor("li"), ACT)
    assert gate.log_in("li", PASSWORD, "10.0.0.2")


def test_a_second_factor_without_its_keys_says_what_is_missing(
    gate: Authenticator, writer: Writer, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    secret, others = totp.new_secret(), KeyRing(tmp_path / "other", secrets.token_bytes)
    writer.change_account(PutFactor(TotpSecret(user="li", sealed=others.hidden("staff/li", secret))), ACT)
    with pytest.raises(KeysMissing, match="second factor of li"):
        gate.log_in("li", PASSWORD, "10.0.0.1", code_at(secret, clock.wall_ns()))


def code_at(secret: str, time_ns: int) -> str:
    return str(pyotp.TOTP(secret).at(time_ns // 10**9))


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_off_by_a_step(steps: int, good: bool) -> None:
    secret, now_ns = totp.new_secret(), 1_795_000_000 * 10**9
    assert (totp.step_of(secret, code_at(secret, now_ns + steps * 30 * 10**9), now_ns) is not None) == good


def test_a_role_needs_a_user(writer: Writer) -> None:
    assert not writer.change_account(PutGrant("nobody", RoleAssignment("admin")), ACT)
