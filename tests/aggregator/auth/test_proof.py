"""What an open page, a stolen session or an account that is gone cannot do: make another way in, or leave one."""

from __future__ import annotations

import secrets

import pyotp
import pytest
from agg_support import PASSWORD, Web, add_staff
from sqlalchemy import delete

from aggregator import app
from aggregator.auth.passwords import add_user, create_one_time_user
from aggregator.domain.accounts.account import ApiToken, DropUser, PutGrant, PutToken, PutUser
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import Session
from aggregator.domain.store_port import Store, Writer
from aggregator.storage.schema.core import users
from common.clock import SECOND_NS
from common.errors import LoginError
from common.secret import Secret

ACT = AuditEntry(time_ns=0, who="system", what="role.changed")
GRANT = RoleAssignment("monitor")
TOKEN = ApiToken(id="t", token_hash="h", user="demo", label="x", permissions=("alerts.see",), made_ns=1, expires_ns=99)
WANTED = {"label": "script", "permissions": ["alerts.see"]}


def one_time(writer: Writer, store: Store) -> None:
    """A one-time user who has logged in and whose session lasts until 50."""
    create_one_time_user(writer, "demo", lambda: "printed once", 1)
    user = store.reader().user("demo")
    assert user is not None
    assert writer.use_one_time_password(user)
    assert store.reader().user("demo") is None, "nobody logs in as them again"
    writer.add_session(Session(token_hash="s", user="demo", expires_ns=50), ACT)


def left(store: Store) -> tuple[int, int, int]:
    reader = store.reader()
    return len(reader.accounts("demo")), len(reader.role_assignments("demo")), len(reader.api_tokens("demo"))


def changes_of(store: Store, name: str) -> list[str]:
    found = (audit_entry.decode(entry) for _, entry in store.reader().audit_entries(0, 1000))
    return [act.detail["change"] for act in found if act.target == name and "change" in act.detail]


@pytest.mark.parametrize("end", ["log-out", "expiry", "another log-in", "removed"])
def test_a_one_time_user_leaves_nothing(store: Store, writer: Writer, end: str) -> None:
    one_time(writer, store)
    writer.change_account(PutToken(TOKEN), ACT)
    assert left(store)[0] == 1, "the account is seen, and can be removed, as long as its session lasts"
    if end == "log-out":
        writer.end_session("s", ACT)
    elif end == "expiry":
        assert (writer.end_one_time_accounts(49), writer.end_one_time_accounts(50)) == (0, 1)
    elif end == "another log-in":
        add_user(writer, "li", Secret(PASSWORD), 1)
        writer.add_session(
            Session(token_hash="u", user="li", expires_ns=99), AuditEntry(time_ns=60, who="li", what="login")
        )
    else:
        assert writer.change_account(
            DropUser("demo"), AuditEntry(time_ns=2, who="li", what="role.changed", target="demo")
        )
    assert left(store) == (0, 0, 0)
    assert store.reader().session("s", 10) is None
    assert end == "removed" or changes_of(store, "demo")[-1] == "removed after its one log-in"


def test_a_one_time_user_who_has_not_logged_in_stays(store: Store, writer: Writer) -> None:
    create_one_time_user(writer, "demo", lambda: "printed once", 1)
    assert writer.end_one_time_accounts(10**18) == 0
    assert left(store)[0] == 1


def test_a_one_time_user_replaces_nobody_who_stays(store: Store, writer: Writer) -> None:
    add_user(writer, "demo", Secret(PASSWORD), 1, [GRANT])
    with pytest.raises(LoginError, match="choose another name"):
        create_one_time_user(writer, "demo", lambda: "printed once", 2)
    assert store.reader().role_assignments("demo") == (GRANT,)


def test_what_an_account_left_is_removed_on_the_record_only(store: Store, writer: Writer) -> None:
    assert not writer.change_account(DropUser("demo"), ACT)
    assert store.reader().audit_entries(0, 10) == []
    writer.change_account(PutUser("demo", "h", 1, grants=(GRANT,)), ACT)
    with writer._db.transaction() as db:  # type: ignore[attr-defined]
        db.execute(delete(users).where(users.c.name == "demo"))
    before = len(store.reader().audit_entries(0, 10))
    assert not writer.change_account(PutGrant("demo", GRANT), ACT)
    assert writer.change_account(DropUser("demo"), ACT)
    assert left(store) == (0, 0, 0)
    assert len(store.reader().audit_entries(0, 10)) == before + 1


def test_a_session_or_token_of_an_account_that_is_gone_is_nobodys(web: Web) -> None:
    name = add_staff(web, "monitor")
    with web.client() as client:
        client.post("/login", data={"name": name, "password": PASSWORD})
        assert client.get("/api/me").status_code == 200
        app.remove_user(web.parts.core.settings, name)
        session = Session(token_hash=secrets.token_hex(8), user=name, expires_ns=2**62)
        web.parts.core.queue.submit(lambda store: store.add_session(session, ACT)).result(10)
        assert client.get("/api/me").status_code == 401


@pytest.mark.parametrize("proof", [{}, {"current": ""}, {"current": "a wrong password"}])
def test_a_way_in_needs_the_current_password(web: Web, proof: dict[str, str]) -> None:
    name = add_staff(web, "monitor")
    with web.client() as client:
        client.post("/login", data={"name": name, "password": PASSWORD})
        assert client.post("/api/tokens", json=WANTED | proof).status_code == 422
        secret = client.post("/api/me/second-factor").json()["secret"]
        code = pyotp.TOTP(secret).now()
        assert client.put("/api/me/second-factor", json={"code": code} | proof).status_code == 422
        assert client.get("/api/tokens").json() == {"tokens": []}
    assert web.parts.core.reader.totp_secret(name) is None


def test_a_way_in_needs_a_new_code_of_the_present_second_factor(web: Web) -> None:
    name = add_staff(web, "monitor")
    now_s = web.parts.core.clock.wall_ns() // SECOND_NS
    with web.client() as client:
        client.post("/login", data={"name": name, "password": PASSWORD})
        old = pyotp.TOTP(client.post("/api/me/second-factor").json()["secret"])
        first = {"code": old.at(now_s - 30), "current": PASSWORD}
        assert client.put("/api/me/second-factor", json=first).status_code == 200
        sealed = web.parts.core.reader.totp_secret(name)
        new = pyotp.TOTP(client.post("/api/me/second-factor").json()["secret"])
        for used in ("", old.at(now_s - 30), "000000"):
            wanted = {"code": new.at(now_s), "current": PASSWORD, "current_code": used}
            assert client.put("/api/me/second-factor", json=wanted).status_code == 422
        assert client.post("/api/tokens", json=WANTED | {"current": PASSWORD}).status_code == 422
        assert web.parts.core.reader.totp_secret(name) == sealed
        made = client.post("/api/tokens", json=WANTED | {"current": PASSWORD, "code": old.at(now_s)})
        assert made.status_code == 201
        fresh = {"current": PASSWORD, "password": "another long password"}
        for wrong in ("", old.at(now_s), "000000"):
            assert client.put("/api/me/password", json=fresh | {"code": wrong}).status_code == 422
        wanted = {"code": new.at(now_s), "current": PASSWORD, "current_code": old.at(now_s + 30)}
        assert client.put("/api/me/second-factor", json=wanted).status_code == 200
        changed = client.put("/api/me/password", json=fresh | {"code": new.at(now_s + 30)})
        assert (changed.status_code, client.get("/api/me").status_code) == (200, 401)
    assert web.parts.core.reader.totp_secret(name) != sealed
