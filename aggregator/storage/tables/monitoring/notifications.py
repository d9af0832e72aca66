"""The queue of notifications, and where people are notified."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    delete,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.escalation.notification import (
    MOST_CRITICAL,
    MOST_OF_A_DIGEST,
    MOST_WAITING,
    Notification,
    State,
    Target,
)
from aggregator.storage.engines.database import insert_new, one_of
from aggregator.storage.schema.alerts import alerts
from aggregator.storage.schema.columns import INTEGER
from aggregator.storage.schema.core import sessions
from aggregator.storage.schema.escalation import (
    NOTIFICATION_WAITING,
    digest_alerts,
    notification_targets,
    notifications,
)
from aggregator.storage.tables.accounts import within as lies_within
from aggregator.storage.tables.alerts import history
from aggregator.storage.tables.audit import entries as audit

_CHANGING = ("state", "next_ns", "expires_ns", "ended_ns", "tries", "problem")


def enqueue(db: Connection, notification: Notification) -> bool:
    """Add an entry; False where its effect is there already."""
    return insert_new(db, notifications, msgspec.structs.asdict(notification))


def enqueue_bounded(db: Connection, it: Notification, *, critical: bool = False) -> None:
    """Add an entry; where too many wait for its target, count it in one digest instead.

    Room is kept for critical alerts: in a flood of others each of them is a message of its own.
    """
    mine = (notifications.c.target == it.target, NOTIFICATION_WAITING)
    waiting = db.execute(select(func.count()).select_from(notifications).where(*mine)).scalar_one()
    if waiting < MOST_WAITING + (MOST_CRITICAL if critical else 0):
        enqueue(db, it)
        return
    open_one = (*mine, notifications.c.purpose == "digest", notifications.c.tries == 0)
    digest = db.execute(select(notifications.c.id).where(*open_one).limit(1)).scalar()
    if digest is None:
        own = {"purpose": "digest", "effect": f"digest/{it.effect}", "alert": "", "site": "", "place": "", "count": 0}
        enqueue(db, msgspec.structs.replace(it, **own))
        digest = it.id
    _count_in(db, digest, it)


def _count_in(db: Connection, digest: str, it: Notification) -> None:
    """Count an entry's alert in a digest, once."""
    named = select(func.count()).select_from(digest_alerts).where(digest_alerts.c.digest == digest)
    room = db.execute(named).scalar_one() < MOST_OF_A_DIGEST
    if room and not insert_new(db, digest_alerts, {"digest": digest, "alert": it.alert}):
        return  # it is there, from another level of its chain
    more = {"count": notifications.c.count + 1, "expires_ns": it.expires_ns}
    db.execute(update(notifications).where(notifications.c.id == digest).values(more))


def due(db: Connection, now_ns: int, limit: int, without: Iterable[str] = ()) -> list[Notification]:
    """Entries whose next attempt is due, but for these targets; those of critical alerts first."""
    urgent = alerts.c.severity == literal_column("'critical'")
    ready = (
        select(notifications)
        .join(alerts, and_(alerts.c.id == notifications.c.alert, urgent), isouter=True)
        .where(NOTIFICATION_WAITING, notifications.c.next_ns <= now_ns)
    )
    ready = ready.where(~one_of(notifications.c.target, without))
    return _entries(db, ready.order_by(alerts.c.id.is_(None), notifications.c.next_ns, notifications.c.id).limit(limit))


def one(db: Connection, notification_id: str) -> Notification | None:
    """One entry."""
    return next(iter(_entries(db, select(notifications).where(notifications.c.id == notification_id))), None)


def find(
    db: Connection, states: Iterable[State], within: Scope, before: tuple[int, str] | None, limit: int
) -> list[Notification]:
    """Entries in these states, the newest end first, of alerts that lie within."""
    key = notifications.c
    found = select(notifications).where(one_of(key.state, states), lies_within(within, key))
    if before is not None:
        found = found.where(tuple_(key.ended_ns, key.id) < tuple_(literal(before[0], INTEGER), literal(before[1])))
    return _entries(db, found.order_by(key.ended_ns.desc(), key.id.desc()).limit(limit))


def lease(db: Connection, entries: Iterable[Notification], until_ns: int) -> set[str]:
    """Take entries for an attempt, unless another process has; their ids. Within a transaction."""
    taken = set()
    for it in entries:
        same = (notifications.c.id == it.id, notifications.c.next_ns == it.next_ns, NOTIFICATION_WAITING)
        if db.execute(update(notifications).where(*same).values(next_ns=until_ns)).rowcount == 1:
            taken.add(it.id)
    return taken


def end_attempt(
    db: Connection, before: Notification, after: Notification, gone: bool, entries: Iterable[HistoryEntry]
) -> None:
    """Write what came of an attempt, the target's state and the alert's history with it. Within a transaction."""
    if not _change(db, before, after):
        return
    history.append(db, entries)
    if gone:
        delete_target(db, after.recipient, after.target, None)
        return
    failed_ns = 0 if after.state == "sent" else max(after.ended_ns, before.made_ns)
    state = {"failed_ns": failed_ns, "problem": after.problem}
    db.execute(update(notification_targets).where(notification_targets.c.id == after.target).values(state))


def cancel(db: Connection, notification_id: str, now_ns: int) -> None:
    """An entry that waits is not to be sent any more."""
    mine = (notifications.c.id == notification_id, NOTIFICATION_WAITING)
    db.execute(update(notifications).where(*mine).values(state="cancelled", ended_ns=now_ns))


def replay(db: Connection, before: Notification, after: Notification, entry: AuditEntry) -> bool:
    """Put an entry back into the queue; False where it has changed meanwhile. Within a transaction."""
    if not _change(db, before, after):
        return False
    audit.append(db, [entry])
    return True


def link_used(db: Connection, notification_id: str) -> bool:
    """Whether the link of an entry was used, or there is no such entry."""
    found = select(notifications.c.link_used_ns).where(notifications.c.id == notification_id)
    return db.execute(found).scalar() != 0


def use_link(db: Connection, notification_id: str, now_ns: int) -> bool:
    """Use up the link of an entry; False where it was used."""
    unused = (notifications.c.id == notification_id, notifications.c.link_used_ns == 0)
    return db.execute(update(notifications).where(*unused).values(link_used_ns=now_ns)).rowcount == 1


def _change(db: Connection, before: Notification, after: Notification) -> bool:
    same = (notifications.c.id == before.id, notifications.c.state == before.state)
    values = {it: getattr(after, it) for it in _CHANGING}
    return db.execute(update(notifications).where(*same).values(values)).rowcount == 1


def purge(db: Connection, before_ns: int, limit: int) -> int:
    """Erase entries that ended before a time; how many."""
    key = notifications.c
    old = select(key.id).where(key.state != "waiting", key.ended_ns < before_ns).order_by(key.ended_ns).limit(limit)
    ids = db.execute(old).scalars().all()
    if ids:
        db.execute(delete(digest_alerts).where(one_of(digest_alerts.c.digest, ids)))
        db.execute(delete(notifications).where(one_of(key.id, ids)))
    return len(ids)


def targets(db: Connection, users: Iterable[str], now_ns: int) -> list[Target]:
    """The targets of these users, but browsers whose session has ended."""
    key = notification_targets.c
    alive = select(sessions.c.token_hash).where(sessions.c.token_hash == key.session, sessions.c.expires_ns > now_ns)
    found = select(notification_targets).where(one_of(key.user, users), or_(key.session == "", alive.exists()))
    return _targets(db, found.order_by(key.id))


def target(db: Connection, target_id: str) -> Target | None:
    """One target."""
    found = select(notification_targets).where(notification_targets.c.id == target_id)
    return next(iter(_targets(db, found)), None)


def put_target(db: Connection, it: Target, most: int, entry: AuditEntry) -> bool:
    """Add a target; False where the user has it already, or has as many as there may be. Within a transaction.

    A browser's subscription takes the place of the same one of an earlier session.
    """
    key = notification_targets.c
    db.execute(delete(notification_targets).where(key.session != "", ~_session_exists()))
    if it.session:
        db.execute(delete(notification_targets).where(key.digest == it.digest, key.session != ""))
    mine = select(func.count()).select_from(notification_targets).where(key.user == it.user)
    if db.execute(mine).scalar_one() >= most:
        return False
    if not insert_new(db, notification_targets, msgspec.structs.asdict(it)):
        return False
    audit.append(db, [entry])
    return True


def set_language(db: Connection, user: str, target_id: str, language: str, entry: AuditEntry) -> bool:
    """Change the language of a target's messages; False: the user has no such target. Within a transaction."""
    key = notification_targets.c
    mine = (key.id == target_id, key.user == user)
    if db.execute(update(notification_targets).where(*mine).values(language=language)).rowcount != 1:
        return False
    audit.append(db, [entry])
    return True


def delete_target(db: Connection, user: str, target_id: str, entry: AuditEntry | None) -> bool:
    """Remove a target and cancel what waits for it; False: there is none. Within a transaction."""
    key = notification_targets.c
    if db.execute(delete(notification_targets).where(key.id == target_id, key.user == user)).rowcount != 1:
        return False
    mine = (notifications.c.target == target_id, NOTIFICATION_WAITING)
    db.execute(update(notifications).where(*mine).values(state="cancelled", ended_ns=notifications.c.made_ns))
    if entry is not None:
        audit.append(db, [entry])
    return True


def _session_exists() -> ColumnElement[bool]:
    return select(sessions.c.token_hash).where(sessions.c.token_hash == notification_targets.c.session).exists()


def _entries(db: Connection, found: Select[tuple[object, ...]]) -> list[Notification]:
    return [Notification(**row._mapping) for row in db.execute(found)]


def _targets(db: Connection, found: Select[tuple[object, ...]]) -> list[Target]:
    return [Target(**row._mapping) for row in db.execute(found)]
