"""Users, roles, tokens and second factors in SQL. Every change is made with its act, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from aggregator.domain import account
from aggregator.domain.account import Account, ApiToken, TotpSecret
from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.authorization import RoleAssignment, Scope
from aggregator.domain.read_models import User
from aggregator.storage.database import Database, Value

_ACCOUNT = """
SELECT u.name, u.one_time, u.created_ns, f.name IS NOT NULL, l.name IS NOT NULL
FROM users u LEFT JOIN factors f ON f.name = u.name LEFT JOIN links l ON l.name = u.name
"""
_PUT_USER = """
INSERT INTO users (name, password_hash, one_time, created_ns) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash, one_time = excluded.one_time
"""
USED = "used"
"""Instead of a hash: a one-time user has logged in; no password matches."""
_OF_USER = ("sessions", "grants", "tokens", "factors", "links")


def accounts(db: Database, name: str | None = None) -> list[Account]:
    """All users, or the one of a name, with their roles."""
    where, parameters = ("", ()) if name is None else (" WHERE u.name = ?", (name,))
    rows = db.execute(f"{_ACCOUNT}{where} ORDER BY u.name", parameters).fetchall()
    grants: dict[str, list[RoleAssignment]] = {}
    given = f"SELECT u.name, u.role, u.scope FROM grants u{where} ORDER BY u.role, u.scope"  # noqa: S608 - own text
    for user, role, scope in db.execute(given, parameters).fetchall():
        grants.setdefault(user, []).append(RoleAssignment(role, scope))
    return [
        Account(
            name=row[0], one_time=bool(row[1]), created_ns=row[2], second_factor=bool(row[3]), linked=bool(row[4]),
            grants=tuple(grants.get(row[0], ())),
        )
        for row in rows
    ]  # fmt: skip


def token(db: Database, token_hash: str, now_ns: int) -> ApiToken | None:
    """A token that has not expired."""
    rows = _tokens(db, "token_hash = ? AND expires_ns > ?", (token_hash, now_ns))
    return rows[0] if rows else None


def tokens(db: Database, user: str) -> list[ApiToken]:
    """A user's tokens, newest first."""
    return _tokens(db, "name = ?", (user,))


def _tokens(db: Database, where: str, parameters: tuple[Any, ...]) -> list[ApiToken]:
    columns = "id, token_hash, name, label, permissions, made_ns, expires_ns"
    rows = db.execute(f"SELECT {columns} FROM tokens WHERE {where} ORDER BY id DESC", parameters).fetchall()  # noqa: S608
    return [
        ApiToken(
            id=row[0], token_hash=row[1], user=row[2], label=row[3], made_ns=row[5], expires_ns=row[6],
            permissions=msgspec.json.decode(row[4], type=tuple[Any, ...]),
        )
        for row in rows
    ]  # fmt: skip


def factor(db: Database, user: str) -> TotpSecret | None:
    """A user's second factor."""
    row = db.execute("SELECT sealed, last_step FROM factors WHERE name = ?", (user,)).fetchone()
    return None if row is None else TotpSecret(user=user, sealed=bytes(row[0]), last_step=row[1])


def linked(db: Database, subject: str) -> str | None:
    """The user that a subject of the identity provider is tied to."""
    row = db.execute("SELECT name FROM links WHERE subject = ?", (subject,)).fetchone()
    return None if row is None else str(row[0])


def within_sql(within: Scope) -> tuple[str, list[Value]]:
    """A condition on the columns `site` and `place`, and its values."""
    sites, places = sorted(within.sites), sorted(within.places)
    parts = [f"site IN ({', '.join('?' * len(sites))})"] if sites else []
    parts += [f"(site, place) IN (VALUES {', '.join(['(?, ?)'] * len(places))})"] if places else []
    return f"({' OR '.join(parts) or '1 = 0'})", [*sites, *(value for place in places for value in place)]


def change(db: Database, wanted: account.Change) -> bool:
    """Carry a change out, within a transaction; False: there was nothing to change."""
    return _CHANGES[type(wanted)](db, wanted)


def _put_user(db: Database, it: account.PutUser) -> bool:
    known = db.execute("SELECT one_time FROM users WHERE name = ?", (it.name,)).fetchone()
    if it.one_time and known is not None and not known[0]:
        return False  # their password, roles and tokens are not a one-time user's to end
    if known is None or known[0]:
        _drop_user(db, account.DropUser(it.name))  # what a one-time user of that name has, or left
    db.execute(_PUT_USER, (it.name, it.password_hash, int(it.one_time), it.created_ns))
    db.execute('DELETE FROM sessions WHERE "user" = ?', (it.name,))
    db.execute("DELETE FROM tokens WHERE name = ?", (it.name,))
    for grant in it.grants:
        _put_grant(db, account.PutGrant(it.name, grant))
    return True


def _drop_user(db: Database, it: account.DropUser) -> bool:
    gone = 0
    for table in (*_OF_USER, "users"):
        column = '"user"' if table == "sessions" else "name"
        gone += db.execute(f"DELETE FROM {table} WHERE {column} = ?", (it.name,)).rowcount  # noqa: S608 - our own
    return gone > 0  # also what was left of an account that is gone: it goes on the record


def use_up(db: Database, user: User) -> bool:
    """Take a one-time user's password; False: it was taken before."""
    sql = "UPDATE users SET password_hash = ? WHERE name = ? AND password_hash = ? AND one_time = 1"
    return db.execute(sql, (USED, user.name, user.password_hash)).rowcount == 1


def sweep(db: Database, now_ns: int) -> list[AuditEntry]:
    """End the accounts that were for one log-in and have no session any more; an act for each."""
    sql = """
    SELECT name FROM users AS u WHERE one_time = 1 AND password_hash = ?
    AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s."user" = u.name AND s.expires_ns > ?)
    """
    names = [row[0] for row in db.execute(sql, (USED, now_ns)).fetchall()]
    for name in names:
        _drop_user(db, account.DropUser(name))
    detail = {"change": "removed after its one log-in"}
    return [AuditEntry(time_ns=now_ns, who="system", what="role.changed", target=name, detail=detail) for name in names]


def _put_grant(db: Database, it: account.PutGrant) -> bool:
    if db.execute("SELECT 1 FROM users WHERE name = ?", (it.user,)).fetchone() is None:
        return False
    values = (it.user, it.grant.role, it.grant.scope)
    return db.execute("INSERT INTO grants VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values).rowcount > 0


def _drop_grant(db: Database, it: account.DropGrant) -> bool:
    values = (it.user, it.grant.role, it.grant.scope)
    return db.execute("DELETE FROM grants WHERE name = ? AND role = ? AND scope = ?", values).rowcount > 0


def _put_token(db: Database, it: account.PutToken) -> bool:
    kept = it.token
    permissions = msgspec.json.encode(kept.permissions).decode()
    values = (kept.id, kept.token_hash, kept.user, kept.label, permissions, kept.made_ns, kept.expires_ns)
    db.execute("DELETE FROM tokens WHERE expires_ns <= ?", (kept.made_ns,))
    return db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)", values).rowcount > 0


def _drop_token(db: Database, it: account.DropToken) -> bool:
    return db.execute("DELETE FROM tokens WHERE name = ? AND id = ?", (it.user, it.id)).rowcount > 0


def _put_factor(db: Database, it: account.PutFactor) -> bool:
    values = (it.factor.user, it.factor.sealed, it.factor.last_step)
    again = "ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, last_step = excluded.last_step"
    return db.execute(f"INSERT INTO factors VALUES (?, ?, ?) {again}", values).rowcount > 0  # noqa: S608


def _drop_factor(db: Database, it: account.DropFactor) -> bool:
    return db.execute("DELETE FROM factors WHERE name = ?", (it.user,)).rowcount > 0


def use_step(db: Database, user: str, step: int) -> bool:
    """Use a time step up; False: it, or a later one, was used before."""
    return (
        db.execute("UPDATE factors SET last_step = ? WHERE name = ? AND last_step < ?", (step, user, step)).rowcount > 0
    )


def _put_link(db: Database, it: account.PutLink) -> bool:
    known = "SELECT 1 FROM links WHERE name = ? OR subject = ?"
    if db.execute(known, (it.user, it.subject)).fetchone() is not None:
        return False
    return db.execute("INSERT INTO links VALUES (?, ?)", (it.subject, it.user)).rowcount > 0


_CHANGES: dict[type, Callable[[Database, Any], bool]] = {
    account.PutUser: _put_user,
    account.DropUser: _drop_user,
    account.PutGrant: _put_grant,
    account.DropGrant: _drop_grant,
    account.PutToken: _put_token,
    account.DropToken: _drop_token,
    account.PutFactor: _put_factor,
    account.DropFactor: _drop_factor,
    account.PutLink: _put_link,
}
