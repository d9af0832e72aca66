"""Users, roles, tokens and second factors in SQL. Every change is made with its act, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from aggregator.record.acts import Act
from aggregator.staff import changes
from aggregator.staff.changes import Account, Factor, Token
from aggregator.staff.roles import Grant, Within
from aggregator.stores.db import Db, Value
from aggregator.stores.records import User

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


def accounts(db: Db, name: str | None = None) -> list[Account]:
    """All users, or the one of a name, with their roles."""
    where, parameters = ("", ()) if name is None else (" WHERE u.name = ?", (name,))
    rows = db.execute(f"{_ACCOUNT}{where} ORDER BY u.name", parameters).fetchall()
    grants: dict[str, list[Grant]] = {}
    given = f"SELECT u.name, u.role, u.scope FROM grants u{where} ORDER BY u.role, u.scope"  # noqa: S608 - own text
    for user, role, scope in db.execute(given, parameters).fetchall():
        grants.setdefault(user, []).append(Grant(role, scope))
    return [
        Account(
            name=row[0], one_time=bool(row[1]), created_ns=row[2], second_factor=bool(row[3]), linked=bool(row[4]),
            grants=tuple(grants.get(row[0], ())),
        )
        for row in rows
    ]  # fmt: skip


def token(db: Db, token_hash: str, now_ns: int) -> Token | None:
    """A token that has not expired."""
    rows = _tokens(db, "token_hash = ? AND expires_ns > ?", (token_hash, now_ns))
    return rows[0] if rows else None


def tokens(db: Db, user: str) -> list[Token]:
    """A user's tokens, newest first."""
    return _tokens(db, "name = ?", (user,))


def _tokens(db: Db, where: str, parameters: tuple[Any, ...]) -> list[Token]:
    columns = "id, token_hash, name, label, permissions, made_ns, expires_ns"
    rows = db.execute(f"SELECT {columns} FROM tokens WHERE {where} ORDER BY id DESC", parameters).fetchall()  # noqa: S608
    return [
        Token(
            id=row[0], token_hash=row[1], user=row[2], label=row[3], made_ns=row[5], expires_ns=row[6],
            permissions=msgspec.json.decode(row[4], type=tuple[Any, ...]),
        )
        for row in rows
    ]  # fmt: skip


def factor(db: Db, user: str) -> Factor | None:
    """A user's second factor."""
    row = db.execute("SELECT sealed, last_step FROM factors WHERE name = ?", (user,)).fetchone()
    return None if row is None else Factor(user=user, sealed=bytes(row[0]), last_step=row[1])


def linked(db: Db, subject: str) -> str | None:
    """The user that a subject of the identity provider is tied to."""
    row = db.execute("SELECT name FROM links WHERE subject = ?", (subject,)).fetchone()
    return None if row is None else str(row[0])


def within_sql(within: Within) -> tuple[str, list[Value]]:
    """A condition on the columns `site` and `place`, and its values."""
    sites, places = sorted(within.sites), sorted(within.places)
    parts = [f"site IN ({', '.join('?' * len(sites))})"] if sites else []
    parts += [f"(site, place) IN (VALUES {', '.join(['(?, ?)'] * len(places))})"] if places else []
    return f"({' OR '.join(parts) or '1 = 0'})", [*sites, *(value for place in places for value in place)]


def change(db: Db, wanted: changes.Change) -> bool:
    """Carry a change out, within a transaction; False: there was nothing to change."""
    return _CHANGES[type(wanted)](db, wanted)


def _put_user(db: Db, it: changes.PutUser) -> bool:
    known = db.execute("SELECT one_time FROM users WHERE name = ?", (it.name,)).fetchone()
    if it.one_time and known is not None and not known[0]:
        return False  # their password, roles and tokens are not a one-time user's to end
    if known is None or known[0]:
        _drop_user(db, changes.DropUser(it.name))  # what a one-time user of that name has, or left
    db.execute(_PUT_USER, (it.name, it.password_hash, int(it.one_time), it.created_ns))
    db.execute('DELETE FROM sessions WHERE "user" = ?', (it.name,))
    db.execute("DELETE FROM tokens WHERE name = ?", (it.name,))
    for grant in it.grants:
        _put_grant(db, changes.PutGrant(it.name, grant))
    return True


def _drop_user(db: Db, it: changes.DropUser) -> bool:
    gone = 0
    for table in (*_OF_USER, "users"):
        column = '"user"' if table == "sessions" else "name"
        gone += db.execute(f"DELETE FROM {table} WHERE {column} = ?", (it.name,)).rowcount  # noqa: S608 - our own
    return gone > 0  # also what was left of an account that is gone: it goes on the record


def use_up(db: Db, user: User) -> bool:
    """Take a one-time user's password; False: it was taken before."""
    sql = "UPDATE users SET password_hash = ? WHERE name = ? AND password_hash = ? AND one_time = 1"
    return db.execute(sql, (USED, user.name, user.password_hash)).rowcount == 1


def sweep(db: Db, now_ns: int) -> list[Act]:
    """End the accounts that were for one log-in and have no session any more; an act for each."""
    sql = """
    SELECT name FROM users AS u WHERE one_time = 1 AND password_hash = ?
    AND NOT EXISTS (SELECT 1 FROM sessions AS s WHERE s."user" = u.name AND s.expires_ns > ?)
    """
    names = [row[0] for row in db.execute(sql, (USED, now_ns)).fetchall()]
    for name in names:
        _drop_user(db, changes.DropUser(name))
    detail = {"change": "removed after its one log-in"}
    return [Act(time_ns=now_ns, who="system", what="role.changed", target=name, detail=detail) for name in names]


def _put_grant(db: Db, it: changes.PutGrant) -> bool:
    if db.execute("SELECT 1 FROM users WHERE name = ?", (it.user,)).fetchone() is None:
        return False
    values = (it.user, it.grant.role, it.grant.scope)
    return db.execute("INSERT INTO grants VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values).rowcount > 0


def _drop_grant(db: Db, it: changes.DropGrant) -> bool:
    values = (it.user, it.grant.role, it.grant.scope)
    return db.execute("DELETE FROM grants WHERE name = ? AND role = ? AND scope = ?", values).rowcount > 0


def _put_token(db: Db, it: changes.PutToken) -> bool:
    kept = it.token
    permissions = msgspec.json.encode(kept.permissions).decode()
    values = (kept.id, kept.token_hash, kept.user, kept.label, permissions, kept.made_ns, kept.expires_ns)
    db.execute("DELETE FROM tokens WHERE expires_ns <= ?", (kept.made_ns,))
    return db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)", values).rowcount > 0


def _drop_token(db: Db, it: changes.DropToken) -> bool:
    return db.execute("DELETE FROM tokens WHERE name = ? AND id = ?", (it.user, it.id)).rowcount > 0


def _put_factor(db: Db, it: changes.PutFactor) -> bool:
    values = (it.factor.user, it.factor.sealed, it.factor.last_step)
    again = "ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, last_step = excluded.last_step"
    return db.execute(f"INSERT INTO factors VALUES (?, ?, ?) {again}", values).rowcount > 0  # noqa: S608


def _drop_factor(db: Db, it: changes.DropFactor) -> bool:
    return db.execute("DELETE FROM factors WHERE name = ?", (it.user,)).rowcount > 0


def use_step(db: Db, user: str, step: int) -> bool:
    """Use a time step up; False: it, or a later one, was used before."""
    return (
        db.execute("UPDATE factors SET last_step = ? WHERE name = ? AND last_step < ?", (step, user, step)).rowcount > 0
    )


def _put_link(db: Db, it: changes.PutLink) -> bool:
    known = "SELECT 1 FROM links WHERE name = ? OR subject = ?"
    if db.execute(known, (it.user, it.subject)).fetchone() is not None:
        return False
    return db.execute("INSERT INTO links VALUES (?, ?)", (it.subject, it.user)).rowcount > 0


_CHANGES: dict[type, Callable[[Db, Any], bool]] = {
    changes.PutUser: _put_user,
    changes.DropUser: _drop_user,
    changes.PutGrant: _put_grant,
    changes.DropGrant: _drop_grant,
    changes.PutToken: _put_token,
    changes.DropToken: _drop_token,
    changes.PutFactor: _put_factor,
    changes.DropFactor: _drop_factor,
    changes.PutLink: _put_link,
}
