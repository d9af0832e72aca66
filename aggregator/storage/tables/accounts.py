"""Users, roles, tokens and second factors. Every change is made with its audit entry, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from aggregator.domain.accounts import account
from aggregator.domain.accounts.account import Account, ApiToken, TotpSecret
from aggregator.domain.accounts.authorization import RoleAssignment, Scope
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import Session, User
from aggregator.storage.engines.database import insert_for, insert_new, upsert
from aggregator.storage.schema.accounts import grant_requests, recovery_codes
from aggregator.storage.schema.core import factors, grants, links, sessions, tokens, users
from aggregator.storage.schema.escalation import notification_targets
from aggregator.storage.tables.audit import entries as audit

USED = "used"
"""Instead of a hash: a one-time user has logged in; no password matches."""
_OF_USER = (
    *(sessions.c.user, grants.c.name, tokens.c.name, factors.c.name, links.c.name, notification_targets.c.user),
    *(recovery_codes.c.name, grant_requests.c.name, users.c.name),
)
_ACCOUNTS = (
    select(users.c.name, users.c.one_time, users.c.created_ns, factors.c.name.is_not(None), links.c.name.is_not(None))
    .outerjoin(factors, factors.c.name == users.c.name)
    .outerjoin(links, links.c.name == users.c.name)
    .order_by(users.c.name)
)


def accounts(db: Connection, name: str | None = None) -> list[Account]:
    """All users, or the one of a name, with their roles."""
    found, given = _ACCOUNTS, select(grants).order_by(grants.c.role, grants.c.scope)
    if name is not None:
        found, given = found.where(users.c.name == name), given.where(grants.c.name == name)
    roles: dict[str, list[RoleAssignment]] = {}
    for user, role, scope in db.execute(given):
        roles.setdefault(user, []).append(RoleAssignment(role, scope))
    return [
        Account(
            name=row[0], one_time=bool(row[1]), created_ns=row[2], second_factor=bool(row[3]), linked=bool(row[4]),
            grants=tuple(roles.get(row[0], ())),
        )
        for row in db.execute(found)
    ]  # fmt: skip


def user(db: Connection, name: str) -> User | None:
    """A user who may log in; one whose one log-in is over may not."""
    row = db.execute(select(users).where(users.c.name == name, users.c.password_hash != USED)).one_or_none()
    return None if row is None else User(**row._asdict() | {"one_time": bool(row.one_time)})


def session(db: Connection, token_hash: str, now_ns: int) -> Session | None:
    """A session that has not expired."""
    found = select(sessions).where(sessions.c.token_hash == token_hash, sessions.c.expires_ns > now_ns)
    row = db.execute(found).one_or_none()
    return None if row is None else Session(**row._mapping)


def add_session(db: Connection, session: Session, entry: AuditEntry) -> None:
    """Add a session, and drop those that have expired."""
    audit.append(db, [entry])
    db.execute(delete(sessions).where(sessions.c.expires_ns <= entry.time_ns))
    db.execute(insert(sessions), msgspec.structs.asdict(session))
    end_one_time(db, entry.time_ns)


def end_session(db: Connection, token_hash: str, entry: AuditEntry) -> None:
    """End a session."""
    audit.append(db, [entry])
    db.execute(delete(sessions).where(sessions.c.token_hash == token_hash))
    end_one_time(db, entry.time_ns)


def role_assignments(db: Connection, name: str) -> tuple[RoleAssignment, ...]:
    """A user's roles."""
    return tuple(
        RoleAssignment(*row) for row in db.execute(select(grants.c.role, grants.c.scope).where(grants.c.name == name))
    )


def api_token(db: Connection, token_hash: str, now_ns: int) -> ApiToken | None:
    """A token that has not expired."""
    found = _tokens(db, and_(tokens.c.token_hash == token_hash, tokens.c.expires_ns > now_ns))
    return found[0] if found else None


def api_tokens(db: Connection, name: str) -> list[ApiToken]:
    """A user's tokens, newest first."""
    return _tokens(db, tokens.c.name == name)


def _tokens(db: Connection, where: ColumnElement[bool]) -> list[ApiToken]:
    return [
        ApiToken(
            id=row.id, token_hash=row.token_hash, user=row.name, label=row.label, made_ns=row.made_ns,
            expires_ns=row.expires_ns, permissions=msgspec.json.decode(row.permissions, type=tuple[Any, ...]),
        )
        for row in db.execute(select(tokens).where(where).order_by(tokens.c.id.desc()))
    ]  # fmt: skip


def totp_secret(db: Connection, name: str) -> TotpSecret | None:
    """A user's second factor."""
    row = db.execute(select(factors).where(factors.c.name == name)).one_or_none()
    return None if row is None else TotpSecret(user=row.name, sealed=row.sealed, last_step=row.last_step)


def linked_user(db: Connection, subject: str) -> str | None:
    """The user that a subject of the identity provider is tied to."""
    found: str | None = db.execute(select(links.c.name).where(links.c.subject == subject)).scalar()
    return found


def within(scope: Scope, columns: ReadOnlyColumnCollection[str, Any]) -> ColumnElement[bool]:
    """A condition on the columns `site` and `place`: they lie within."""
    if scope.everywhere:
        return true()
    places = tuple_(columns.site, columns.place).in_(sorted(scope.places)) if scope.places else false()
    return or_(columns.site.in_(sorted(scope.sites)), places)


def change(db: Connection, change: account.Change, entry: AuditEntry) -> bool:
    """Carry a change out, within a transaction; False: there was nothing to change."""
    if not _CHANGES[type(change)](db, change):
        return False
    audit.append(db, [entry])
    return True


def _put_user(db: Connection, it: account.PutUser) -> bool:
    known = db.execute(select(users.c.one_time).where(users.c.name == it.name)).scalar()
    if it.one_time and known == 0:
        return False
    if it.new and known is not None:
        return False  # their password, roles and tokens are not a one-time user's to end
    renewed = it.one_time and known == 1  # their open session goes on: a restart must not lock them out
    if known != 0:  # what a one-time user of that name has, or left
        for owner in _OF_USER:
            if not (renewed and owner.table in (sessions, users)):
                db.execute(delete(owner.table).where(owner == it.name))
    new = {"password_hash": it.password_hash, "one_time": int(it.one_time)}
    statement = insert_for(db, users).values(name=it.name, created_ns=it.created_ns, **new)
    db.execute(statement.on_conflict_do_update(index_elements=[users.c.name], set_=new))
    if not renewed:
        db.execute(delete(sessions).where(sessions.c.user == it.name))
    db.execute(delete(tokens).where(tokens.c.name == it.name))
    for grant in it.grants:
        _put_grant(db, account.PutGrant(it.name, grant))
    return True


def _drop_user(db: Connection, it: account.DropUser) -> bool:
    """Also what was left of an account that is gone counts: it goes into the audit log."""
    return sum(db.execute(delete(owner.table).where(owner == it.name)).rowcount for owner in _OF_USER) > 0


def use_one_time_password(db: Connection, user: User) -> bool:
    """Take a one-time user's password; False: it was taken before."""
    same = (users.c.name == user.name, users.c.password_hash == user.password_hash, users.c.one_time == 1)
    return db.execute(update(users).where(*same).values(password_hash=USED)).rowcount == 1


def end_one_time(db: Connection, now_ns: int) -> int:
    """End the accounts that were for one log-in and have no session any more; an audit entry for each."""
    session = select(sessions).where(sessions.c.user == users.c.name, sessions.c.expires_ns > now_ns).exists()
    ended = select(users.c.name).where(users.c.one_time == 1, users.c.password_hash == USED, ~session)
    names = db.execute(ended).scalars().all()
    for name in names:
        _drop_user(db, account.DropUser(name))
    detail = {"change": "removed after its one log-in"}
    entry = AuditEntry(time_ns=now_ns, who="system", what="role.changed", detail=detail)
    audit.append(db, [msgspec.structs.replace(entry, target=name) for name in names])
    return len(names)


def _put_grant(db: Connection, it: account.PutGrant) -> bool:
    if db.execute(select(users.c.name).where(users.c.name == it.user)).scalar() is None:
        return False
    return insert_new(db, grants, {"name": it.user, "role": it.grant.role, "scope": it.grant.scope})


def _drop_grant(db: Connection, it: account.DropGrant) -> bool:
    same = (grants.c.name == it.user, grants.c.role == it.grant.role, grants.c.scope == it.grant.scope)
    return db.execute(delete(grants).where(*same)).rowcount > 0


def _put_token(db: Connection, it: account.PutToken) -> bool:
    values = msgspec.structs.asdict(it.token)
    values |= {"name": values.pop("user"), "permissions": msgspec.json.encode(it.token.permissions).decode()}
    db.execute(delete(tokens).where(tokens.c.expires_ns <= it.token.made_ns))
    db.execute(insert(tokens), values)
    return True


def _drop_token(db: Connection, it: account.DropToken) -> bool:
    return db.execute(delete(tokens).where(tokens.c.name == it.user, tokens.c.id == it.id)).rowcount > 0


def _put_factor(db: Connection, it: account.PutFactor) -> bool:
    values = {"name": it.factor.user, "sealed": it.factor.sealed, "last_step": it.factor.last_step}
    upsert(db, factors, values)
    return True


def _drop_factor(db: Connection, it: account.DropFactor) -> bool:
    db.execute(delete(recovery_codes).where(recovery_codes.c.name == it.user))
    return db.execute(delete(factors).where(factors.c.name == it.user)).rowcount > 0


def _put_recovery_codes(db: Connection, it: account.PutRecoveryCodes) -> bool:
    if db.execute(select(factors.c.name).where(factors.c.name == it.user)).scalar() is None:
        return False
    db.execute(delete(recovery_codes).where(recovery_codes.c.name == it.user))
    db.execute(insert(recovery_codes), [{"name": it.user, "hash": code} for code in it.hashes])
    return True


def use_recovery_code(db: Connection, name: str, code_hash: str, entry: AuditEntry) -> bool:
    """Use a recovery code up, with its audit entry; False: it is none of the user's, or was used before."""
    same = (recovery_codes.c.name == name, recovery_codes.c.hash == code_hash)
    if db.execute(delete(recovery_codes).where(*same)).rowcount == 0:
        return False
    left = db.execute(select(func.count()).where(recovery_codes.c.name == name)).scalar_one()
    audit.append(db, [msgspec.structs.replace(entry, detail=entry.detail | {"left": str(left)})])
    return True


def _put_grant_request(db: Connection, it: account.PutGrantRequest) -> bool:
    wanted = it.request
    db.execute(delete(grant_requests).where(grant_requests.c.expires_ns <= wanted.asked_ns))
    role = {"name": wanted.user, "role": wanted.grant.role, "scope": wanted.grant.scope}
    known = db.execute(select(users.c.name).where(users.c.name == wanted.user)).scalar() is not None
    if not known or db.execute(select(grants.c.name).where(_same(grants, role))).scalar() is not None:
        return False
    more = {"id": wanted.id, "asked_by": wanted.asked_by, "asked_ns": wanted.asked_ns, "expires_ns": wanted.expires_ns}
    return insert_new(db, grant_requests, role | more)


def _approve_grant(db: Connection, it: account.ApproveGrant) -> bool:
    fresh = (grant_requests.c.id == it.request.id, grant_requests.c.expires_ns > it.now_ns)
    if db.execute(delete(grant_requests).where(*fresh)).rowcount == 0:
        return False
    return _put_grant(db, account.PutGrant(it.request.user, it.request.grant))


def _drop_grant_request(db: Connection, it: account.DropGrantRequest) -> bool:
    return db.execute(delete(grant_requests).where(grant_requests.c.id == it.id)).rowcount > 0


def open_grant_requests(db: Connection, now_ns: int) -> list[account.GrantRequest]:
    """Grants that wait for a second administrator and have not expired, oldest first."""
    found = select(grant_requests).where(grant_requests.c.expires_ns > now_ns).order_by(grant_requests.c.id)
    return [
        account.GrantRequest(
            id=row.id, user=row.name, grant=RoleAssignment(row.role, row.scope), asked_by=row.asked_by,
            asked_ns=row.asked_ns, expires_ns=row.expires_ns,
        )
        for row in db.execute(found)
    ]  # fmt: skip


def _same(table: Table, values: dict[str, str]) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in values.items()))


def use_totp_step(db: Connection, name: str, step: int) -> bool:
    """Use a time step up; False: it, or a later one, was used before."""
    newer = update(factors).where(factors.c.name == name, factors.c.last_step < step).values(last_step=step)
    return db.execute(newer).rowcount > 0


def _put_link(db: Connection, it: account.PutLink) -> bool:
    """False where the user or the subject has one already: either column is a key."""
    return insert_new(db, links, {"subject": it.subject, "name": it.user})


_CHANGES: dict[type, Callable[[Connection, Any], bool]] = {
    account.PutUser: _put_user,
    account.DropUser: _drop_user,
    account.PutGrant: _put_grant,
    account.DropGrant: _drop_grant,
    account.PutToken: _put_token,
    account.DropToken: _drop_token,
    account.PutFactor: _put_factor,
    account.DropFactor: _drop_factor,
    account.PutLink: _put_link,
    account.PutGrantRequest: _put_grant_request,
    account.ApproveGrant: _approve_grant,
    account.DropGrantRequest: _drop_grant_request,
    account.PutRecoveryCodes: _put_recovery_codes,
}
