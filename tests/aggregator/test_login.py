from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import argon2
import pytest

from aggregator.auth import Gatekeeper, Throttle, add_user, create_one_time_user, hash_password, hash_token
from aggregator.ledger import Ledger
from aggregator.mailbox import Mailbox
from aggregator.stores import Store, Writer
from aggregator.stores.records import User
from common.clock import FakeClock
from common.errors import LoginError, LoginThrottled
from common.secret import Secret

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = Secret("correct horse battery")


@pytest.fixture
def mailbox(ledger: Ledger) -> Iterator[Mailbox[Ledger]]:
    box: Mailbox[Ledger] = Mailbox()
    stop = threading.Event()

    def serve() -> None:
        while not stop.wait(0.001):
            box.serve(ledger)

    thread = threading.Thread(target=serve)
    thread.start()
    yield box
    stop.set()
    thread.join()


@pytest.fixture
def gate(store: Store, writer: Writer, mailbox: Mailbox[Ledger], clock: FakeClock) -> Gatekeeper:
    writer.put_user(User(name="li", password_hash=hash_password(PASSWORD, CHEAP)))
    numbers = itertools.count(1)
    return Gatekeeper(store.reader(), mailbox, clock, lambda: f"token-{next(numbers)}", 12.0, hasher=CHEAP)


def test_a_session_lasts_its_time_and_no_longer(gate: Gatekeeper, clock: FakeClock) -> None:
    token = gate.log_in("li", PASSWORD, "10.0.0.1")
    assert gate.who(token) == "li"
    clock.advance(12 * 3600 - 1)
    assert gate.who(token) == "li"
    clock.advance(1)
    assert gate.who(token) is None


def test_a_session_can_be_ended(gate: Gatekeeper) -> None:
    token = gate.log_in("li", PASSWORD, "10.0.0.1")
    gate.log_out(token)
    assert gate.who(token) is None


@pytest.mark.parametrize("token", [None, "", "x", "y" * 10_000])
def test_other_tokens_are_nobody(gate: Gatekeeper, token: str | None) -> None:
    assert gate.who(token) is None


def test_only_the_hash_of_a_token_is_kept(gate: Gatekeeper, store: Store, clock: FakeClock) -> None:
    token = gate.log_in("li", PASSWORD, "10.0.0.1")
    assert store.reader().session(token, clock.wall_ns()) is None
    assert store.reader().session(hash_token(token), clock.wall_ns()) is not None


def test_a_wrong_name_and_a_wrong_password_look_the_same(gate: Gatekeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    real = gate._verify

    def verify(password_hash: str, password: Secret) -> bool:
        verified.append(password_hash)
        return real(password_hash, password)

    monkeypatch.setattr(gate, "_verify", verify)
    texts = []
    for name in ("li", "nobody", "", "x" * 5000):
        with pytest.raises(LoginError) as caught:
            gate.log_in(name, Secret("wrong"), "10.0.0.1")
        texts.append(str(caught.value))
    assert set(texts) == {"wrong name or password"}
    assert len(verified) == 4  # the same work is done for a name that does not exist


def test_guessing_is_slowed_per_name_and_address(gate: Gatekeeper, clock: FakeClock) -> None:
    for _ in range(5):
        with pytest.raises(LoginError):
            gate.log_in("li", Secret("wrong"), "10.0.0.1")
    with pytest.raises(LoginThrottled) as caught:
        gate.log_in("li", PASSWORD, "10.0.0.1")
    assert caught.value.wait_s == pytest.approx(300)
    assert gate.log_in("li", PASSWORD, "10.0.0.2")  # somebody else is not locked out
    clock.advance(301)
    assert gate.log_in("li", PASSWORD, "10.0.0.1")


def test_guessing_many_names_from_one_address_is_slowed(gate: Gatekeeper) -> None:
    for number in range(20):
        with pytest.raises(LoginError, match="wrong"):
            gate.log_in(f"name-{number}", Secret("wrong"), "10.0.0.1")
    with pytest.raises(LoginThrottled):
        gate.log_in("another", Secret("wrong"), "10.0.0.1")


def test_guessing_one_name_from_many_addresses_is_slowed(gate: Gatekeeper) -> None:
    for number in range(50):
        with pytest.raises(LoginError, match="wrong"):
            gate.log_in("li", Secret("wrong"), f"10.0.0.{number}")
    with pytest.raises(LoginThrottled):
        gate.log_in("li", PASSWORD, "10.0.1.1")


def test_good_log_ins_are_not_counted(gate: Gatekeeper) -> None:
    for _ in range(60):
        gate.log_in("li", PASSWORD, "10.0.0.1")


def test_a_throttle_does_not_grow_without_end(clock: FakeClock) -> None:
    throttle = Throttle(clock, 5, 300)
    for number in range(25_000):
        throttle.take(str(number))
    assert len(throttle._tries) <= 10_000


def test_a_one_time_password_works_once(gate: Gatekeeper, writer: Writer, clock: FakeClock) -> None:
    password = create_one_time_user(writer, "demo", lambda: "printed once", clock.wall_ns())
    assert password == "printed once"
    token = gate.log_in("demo", Secret(password), "10.0.0.1")
    assert gate.who(token) == "demo"
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
