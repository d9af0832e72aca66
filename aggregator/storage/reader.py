"""The reading half of a store."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable

from aggregator.domain import merkle_tree
from aggregator.domain.account import Account, ApiToken, TotpSecret
from aggregator.domain.alert import Alert
from aggregator.domain.authorization import RoleAssignment, Scope
from aggregator.domain.case import Case
from aggregator.domain.clip import Clip
from aggregator.domain.read_models import (
    AlertQuery,
    Box,
    Camera,
    ListRow,
    Moment,
    Origin,
    Passage,
    Place,
    Quarantined,
    Session,
    User,
)
from aggregator.domain.release import Release
from aggregator.domain.search_query import Key, ResultPage, SearchQuery
from aggregator.storage.database import Database, Row, Value
from aggregator.storage.tables import accounts as staff
from aggregator.storage.tables import audit, cases, clips, places, releases, search, site_lists
from protocol import receipts
from protocol.ranges import Ranges
from protocol.signing.checkpoints import Checkpoint

ALERT_COLUMNS = Alert.__struct_fields__
_UNRESOLVED = "state IN ('open', 'acknowledged')"
_URGENT = (
    "CASE state WHEN 'open' THEN 0 WHEN 'acknowledged' THEN 1 ELSE 2 END, "
    "CASE severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, "
)


def _alerts_where(query: AlertQuery) -> tuple[str, list[Value]]:
    where: list[str] = []
    values: list[Value] = []
    for column, value in (("state", query.state), ("site", query.site), ("place", query.place)):
        if value is not None:
            where.append(f"{column} = ?")
            values.append(value)
    if query.unresolved:
        where.append(_UNRESOLVED)
    if query.within is not None and not query.within.everywhere:
        condition, more = staff.within_sql(query.within)
        where.append(condition)
        values.extend(more)
    if query.before is not None:
        where.append("(last_ns, id) < (?, ?)")
        values.extend(query.before)
    return (f"WHERE {' AND '.join(where)}" if where else ""), values


def alert_of(row: Row) -> Alert:
    """An alert from a row with `ALERT_COLUMNS`."""
    return Alert(**dict(zip(ALERT_COLUMNS, row, strict=True)))


class SqlReader:
    """Reads, from any thread.

    Args:
        connection: Lends a connection that only reads.
    """

    def __init__(self, connection: Callable[[], contextlib.AbstractContextManager[Database]]) -> None:
        self._connection = connection

    def _rows(self, sql: str, *values: Value) -> list[Row]:
        with self._connection() as db:
            return db.execute(sql, values).fetchall()

    def alerts(self, query: AlertQuery) -> list[Alert]:
        """Alerts, in the order of the query."""
        condition, values = _alerts_where(query)
        order = _URGENT if query.urgent else ""
        sql = (
            f"SELECT {', '.join(ALERT_COLUMNS)} FROM alerts {condition} "  # noqa: S608 — constants only
            f"ORDER BY {order}last_ns DESC, id DESC LIMIT ?"
        )
        return [alert_of(row) for row in self._rows(sql, *values, query.limit)]

    def alert_count(self, query: AlertQuery) -> int:
        """How many alerts there are, whatever the query's limit."""
        condition, values = _alerts_where(query)
        return int(self._rows(f"SELECT count(*) FROM alerts {condition}", *values)[0][0])  # noqa: S608 — as above

    def boxes(self) -> list[Box]:
        """All boxes: those with a status, and those that only sent events."""
        with self._connection() as db:
            statuses = db.execute("SELECT site, box, status, seen_ns FROM statuses").fetchall()
            outboxes = db.execute(
                "SELECT site, box, epoch, ranges, lost, quarantined FROM positions ORDER BY first_seen_ns"
            ).fetchall()
        told = {(site, box): (text, seen_ns) for site, box, text, seen_ns in statuses}
        newest = {(row[0], row[1], row[2]): row for row in outboxes}
        current = {(row[0], row[1]): row for row in outboxes}
        result = []
        for key in sorted(told.keys() | current.keys()):
            text, seen_ns = told.get(key, ('{"online":false}', 0))
            epoch = receipts.stored_status(text).epoch
            row = newest.get((*key, epoch)) or current.get(key) or (*key, epoch, "[]", 0, 0)
            result.append(_box(row, text, seen_ns))
        return result

    def cameras(self) -> list[Camera]:
        """All cameras, as their boxes last told."""
        cameras = []
        rows = self._rows("SELECT site, box, status, seen_ns FROM statuses ORDER BY site, box")
        for site, box, text, seen_ns in rows:
            status = receipts.stored_status(text)
            for it in status.cameras:
                state = it.state if status.online else "unknown"
                cameras.append(
                    Camera(
                        site=site,
                        box=box,
                        id=it.id,
                        name=it.name,
                        state=state,
                        fps=it.fps,
                        watch=it.watch,
                        seen_ns=seen_ns,
                    )
                )
        return cameras

    def quarantine(self, limit: int) -> list[Quarantined]:
        """The newest quarantined messages."""
        fields = Quarantined.__struct_fields__
        sql = f"SELECT {', '.join(fields)} FROM quarantine ORDER BY last_ns DESC LIMIT ?"  # noqa: S608
        return [Quarantined(**dict(zip(fields, row, strict=True))) for row in self._rows(sql, limit)]

    def quarantine_count(self) -> int:
        """How many messages were quarantined, repetitions included."""
        return int(self._rows("SELECT value FROM counters WHERE name = 'quarantined'")[0][0])

    def picture(self, event_id: str) -> bytes | None:
        """The redacted JPEG of an event."""
        rows = self._rows("SELECT jpeg FROM pictures WHERE event_id = ?", event_id)
        return bytes(rows[0][0]) if rows else None

    def whereabouts(self, event_id: str) -> tuple[str, str] | None:
        """Site and place of an event."""
        found = self.origin(event_id)
        return None if found is None else (found.site, found.place)

    def origin(self, event_id: str) -> Origin | None:
        """Where and when an event was seen."""
        rows = self._rows("SELECT site, box, place, time_ns FROM events WHERE id = ?", event_id)
        return Origin(*rows[0]) if rows else None

    def beaten_ns(self) -> int:
        """When the aggregator last wrote something; 0: never."""
        return int(self._rows("SELECT value FROM counters WHERE name = 'beat_ns'")[0][0])

    def event_count(self) -> int:
        """How many events are stored."""
        return int(self._rows("SELECT count(*) FROM events")[0][0])

    def user(self, name: str) -> User | None:
        """A user who may log in; one whose one log-in is over may not."""
        columns = "name, password_hash, one_time, created_ns"
        sql = f"SELECT {columns} FROM users WHERE name = ? AND password_hash <> ?"  # noqa: S608 - our own
        rows = self._rows(sql, name, staff.USED)
        if not rows:
            return None
        name, password_hash, one_time, created_ns = rows[0]
        return User(name=name, password_hash=password_hash, one_time=bool(one_time), created_ns=created_ns)

    def session(self, token_hash: str, now_ns: int) -> Session | None:
        """A session that has not expired."""
        sql = 'SELECT token_hash, "user", expires_ns FROM sessions WHERE token_hash = ? AND expires_ns > ?'
        rows = self._rows(sql, token_hash, now_ns)
        return Session(token_hash=rows[0][0], user=rows[0][1], expires_ns=rows[0][2]) if rows else None

    def accounts(self, name: str | None = None) -> list[Account]:
        """All users with their roles, or the one of a name."""
        with self._connection() as db:
            return staff.accounts(db, name)

    def grants(self, name: str) -> tuple[RoleAssignment, ...]:
        """Somebody's roles."""
        return tuple(RoleAssignment(*row) for row in self._rows("SELECT role, scope FROM grants WHERE name = ?", name))

    def token(self, token_hash: str, now_ns: int) -> ApiToken | None:
        """An API token that has not expired."""
        with self._connection() as db:
            return staff.token(db, token_hash, now_ns)

    def tokens(self, name: str) -> list[ApiToken]:
        """A user's API tokens, newest first."""
        with self._connection() as db:
            return staff.tokens(db, name)

    def factor(self, name: str) -> TotpSecret | None:
        """A user's second factor."""
        with self._connection() as db:
            return staff.factor(db, name)

    def linked(self, subject: str) -> str | None:
        """The user that a subject of the identity provider is tied to."""
        with self._connection() as db:
            return staff.linked(db, subject)

    def places(self) -> list[Place]:
        """All gates and doors, as their boxes last told."""
        with self._connection() as db:
            return places.places(db)

    def passages(self, site: str, box: str, place: str, limit: int) -> list[Passage]:
        """The newest events of vehicles or doors at a place: a gate's camera, or a door."""
        with self._connection() as db:
            return places.passages(db, site, box, place, limit)

    def moments(self, site: str, box: str, place: str, span: tuple[int, int]) -> list[Moment]:
        """When something happened at a place within a span of UTC nanoseconds, oldest first; bounded."""
        with self._connection() as db:
            return places.moments(db, site, box, place, span)

    def list_rows(self, site: str) -> list[ListRow]:
        """A site's list, newest first."""
        rows = self._rows(f"{site_lists.SELECT} WHERE site = ? ORDER BY made_ns DESC, id DESC", site)
        return [ListRow(**dict(zip(site_lists.COLUMNS, row, strict=True))) for row in rows]

    def list_versions(self) -> dict[str, int]:
        """Site → version of its list, of all sites that have one."""
        return {site: int(version) for site, version in self._rows("SELECT site, version FROM list_versions")}

    def search(self, question: SearchQuery, after: Key | None = None) -> ResultPage:
        """Metadata that matches, newest first; `after` is where the page before said that this one begins."""
        with self._connection() as db:
            return search.find(db, question, after)

    def case(self, case_id: str) -> Case | None:
        """A case."""
        with self._connection() as db:
            return cases.one(db, case_id)

    def cases(self, site: str | None = None, limit: int = 100) -> list[Case]:
        """The newest cases, of a site or of all."""
        with self._connection() as db:
            return cases.some(db, site, limit)

    def release(self, release_id: str) -> Release | None:
        """A release."""
        with self._connection() as db:
            return releases.one(db, release_id)

    def open_releases(self) -> list[Release]:
        """Releases that something may have to be done about, oldest first."""
        with self._connection() as db:
            return releases.still_open(db)

    def releases(self, who: str, within: Scope, limit: int = 100) -> list[Release]:
        """The newest releases that somebody asked for, or that lie within whole sites."""
        with self._connection() as db:
            return releases.some(db, who, within, limit)

    def clip(self, clip_id: str) -> Clip | None:
        """A clip, by its alert."""
        with self._connection() as db:
            return clips.one(db, clip_id)

    def due_clips(self, now_ns: int, most: int) -> list[Clip]:
        """Open ones whose box is to be asked."""
        with self._connection() as db:
            return clips.due(db, now_ns, most)

    def old_clips(self, now_ns: int, most: int) -> list[Clip]:
        """Those whose time is over."""
        with self._connection() as db:
            return clips.old(db, now_ns, most)

    def stored_clips(self, alerts: Iterable[str]) -> set[str]:
        """Which of these alerts have a clip."""
        with self._connection() as db:
            return clips.stored(db, alerts)

    def record(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Entries of the record with their numbers, from the one after `after`."""
        sql = "SELECT number, entry FROM record WHERE number > ? ORDER BY number LIMIT ?"
        return [(int(number), bytes(entry)) for number, entry in self._rows(sql, after, limit)]

    def newest_acts(self, before: int | None, limit: int) -> list[tuple[int, bytes]]:
        """Entries of the record that were not erased, newest first, from the one before `before`."""
        sql = "SELECT number, entry FROM record WHERE number < ? AND length(entry) > 0 ORDER BY number DESC LIMIT ?"
        rows = self._rows(sql, before if before is not None else 1 << 62, limit)
        return [(int(number), bytes(entry)) for number, entry in rows]

    def leaves(self, after: int, limit: int) -> list[bytes]:
        """Hashes of entries, from the one after `after`: they stay when an entry is erased."""
        sql = "SELECT hash FROM record_nodes WHERE level = 0 AND place >= ? ORDER BY place LIMIT ?"
        return [bytes(row[0]) for row in self._rows(sql, after, limit)]

    def record_size(self) -> int:
        """How many entries the record has."""
        with self._connection() as db:
            return audit.size(db)

    def checkpoints(self) -> list[Checkpoint]:
        """The record's checkpoints, oldest first."""
        with self._connection() as db:
            return audit.all_checkpoints(db)

    def proofs(self, index: int, old: int, size: int) -> tuple[list[bytes], list[bytes]]:
        """Proof that entry `index` is in the record of `size`, and that the one of `old` is its beginning."""
        with self._connection() as db:
            nodes = audit.nodes(db)
            return merkle_tree.inclusion(index, size, nodes), merkle_tree.consistency(old, size, nodes)


def _box(row: Row, status_text: str, seen_ns: int) -> Box:
    site, box, epoch, ranges_text, lost, quarantined = row
    status = receipts.stored_status(status_text)
    ranges = Ranges(json.loads(ranges_text))
    return Box(
        site=site,
        box=box,
        epoch=epoch,
        online=status.online,
        version=status.version,
        timezone=status.timezone,
        outbox_waiting=status.outbox_waiting,
        outbox_bytes=status.outbox_bytes,
        status_ns=seen_ns,
        committed=ranges.count() - lost - quarantined,
        lost=lost,
        quarantined=quarantined,
        gaps=ranges.gaps()[:100],
        lists=status.lists,
    )
