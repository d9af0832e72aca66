"""The reading half of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

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
from aggregator.storage.tables import (
    accounts,
    alerts,
    audit,
    cases,
    clips,
    events,
    places,
    releases,
    search,
    site_lists,
)
from protocol.signing.checkpoints import Checkpoint

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class SqlReader:
    """Reads, from any thread.

    Args:
        connection: Lends a connection that only reads.
    """

    def __init__(self, connection: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._connection = connection

    def _run(
        self,
        query: Callable[Concatenate[Connection, Arguments], Result],
        *args: Arguments.args,
        **options: Arguments.kwargs,
    ) -> Result:
        with self._connection() as db:
            return query(db, *args, **options)

    def alerts(self, query: AlertQuery) -> list[Alert]:
        """Alerts, in the order of the query."""
        return self._run(alerts.find, query)

    def alert_count(self, query: AlertQuery) -> int:
        """How many alerts there are, whatever the query's limit."""
        return self._run(alerts.count, query)

    def boxes(self) -> list[Box]:
        """All boxes: those with a status, and those that only sent events."""
        return self._run(places.boxes)

    def cameras(self) -> list[Camera]:
        """All cameras, as their boxes last told."""
        return self._run(places.cameras)

    def quarantine(self, limit: int) -> list[Quarantined]:
        """The newest quarantined messages."""
        return self._run(events.quarantined, limit)

    def quarantine_count(self) -> int:
        """How many messages were quarantined, repetitions included."""
        return self._run(events.counter, "quarantined")

    def picture(self, event_id: str) -> bytes | None:
        """The redacted JPEG of an event."""
        return self._run(events.picture, event_id)

    def whereabouts(self, event_id: str) -> tuple[str, str] | None:
        """Site and place of an event."""
        found = self.origin(event_id)
        return None if found is None else (found.site, found.place)

    def origin(self, event_id: str) -> Origin | None:
        """Where and when an event was seen."""
        return self._run(events.origin, event_id)

    def beaten_ns(self) -> int:
        """When the aggregator last wrote something; 0: never."""
        return self._run(events.counter, "beat_ns")

    def event_count(self) -> int:
        """How many events are stored."""
        return self._run(events.count)

    def user(self, name: str) -> User | None:
        """A user who may log in; one whose one log-in is over may not."""
        return self._run(accounts.user, name)

    def session(self, token_hash: str, now_ns: int) -> Session | None:
        """A session that has not expired."""
        return self._run(accounts.session, token_hash, now_ns)

    def accounts(self, name: str | None = None) -> list[Account]:
        """All users with their roles, or the one of a name."""
        return self._run(accounts.accounts, name)

    def grants(self, name: str) -> tuple[RoleAssignment, ...]:
        """Somebody's roles."""
        return self._run(accounts.roles_of, name)

    def token(self, token_hash: str, now_ns: int) -> ApiToken | None:
        """An API token that has not expired."""
        return self._run(accounts.token, token_hash, now_ns)

    def tokens(self, name: str) -> list[ApiToken]:
        """A user's API tokens, newest first."""
        return self._run(accounts.tokens_of, name)

    def factor(self, name: str) -> TotpSecret | None:
        """A user's second factor."""
        return self._run(accounts.factor, name)

    def linked(self, subject: str) -> str | None:
        """The user that a subject of the identity provider is tied to."""
        return self._run(accounts.linked, subject)

    def places(self) -> list[Place]:
        """All gates and doors, as their boxes last told."""
        return self._run(places.places)

    def passages(self, site: str, box: str, place: str, limit: int) -> list[Passage]:
        """The newest events of vehicles or doors at a place: a gate's camera, or a door."""
        return self._run(places.passages, site, box, place, limit)

    def moments(self, site: str, box: str, place: str, span: tuple[int, int]) -> list[Moment]:
        """When something happened at a place within a span of UTC nanoseconds, oldest first; bounded."""
        return self._run(places.timeline, site, box, place, span)

    def list_rows(self, site: str) -> list[ListRow]:
        """A site's list, newest first."""
        return self._run(site_lists.rows, site)

    def list_versions(self) -> dict[str, int]:
        """Site → version of its list, of all sites that have one."""
        return self._run(site_lists.versions)

    def search(self, question: SearchQuery, after: Key | None = None) -> ResultPage:
        """Metadata that matches, newest first; `after` is where the page before said that this one begins."""
        return self._run(search.find, question, after)

    def case(self, case_id: str) -> Case | None:
        """A case."""
        return self._run(cases.one, case_id)

    def cases(self, site: str | None = None, limit: int = 100) -> list[Case]:
        """The newest cases, of a site or of all."""
        return self._run(cases.newest, site, limit)

    def release(self, release_id: str) -> Release | None:
        """A release."""
        return self._run(releases.one, release_id)

    def open_releases(self) -> list[Release]:
        """Releases that something may have to be done about, oldest first."""
        return self._run(releases.unfinished)

    def releases(self, who: str, within: Scope, limit: int = 100) -> list[Release]:
        """The newest releases that somebody asked for, or that lie within whole sites."""
        return self._run(releases.newest, who, within, limit)

    def clip(self, clip_id: str) -> Clip | None:
        """A clip, by its alert."""
        return self._run(clips.one, clip_id)

    def due_clips(self, now_ns: int, most: int) -> list[Clip]:
        """Open ones whose box is to be asked."""
        return self._run(clips.due, now_ns, most)

    def old_clips(self, now_ns: int, most: int) -> list[Clip]:
        """Those whose time is over."""
        return self._run(clips.expired, now_ns, most)

    def stored_clips(self, alerts: Iterable[str]) -> set[str]:
        """Which of these alerts have a clip."""
        return self._run(clips.stored, alerts)

    def record(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Entries of the record with their numbers, from the one after `after`."""
        return self._run(audit.entries_after, after, limit)

    def newest_acts(self, before: int | None, limit: int) -> list[tuple[int, bytes]]:
        """Entries of the record that were not erased, newest first, from the one before `before`."""
        return self._run(audit.newest, before, limit)

    def leaves(self, after: int, limit: int) -> list[bytes]:
        """Hashes of entries, from the one after `after`: they stay when an entry is erased."""
        return self._run(audit.leaf_hashes, after, limit)

    def record_size(self) -> int:
        """How many entries the record has."""
        return self._run(audit.size)

    def checkpoints(self) -> list[Checkpoint]:
        """The record's checkpoints, oldest first."""
        return self._run(audit.all_checkpoints)

    def proofs(self, index: int, old: int, size: int) -> tuple[list[bytes], list[bytes]]:
        """Proof that entry `index` is in the record of `size`, and that the one of `old` is its beginning."""
        with self._connection() as db:
            nodes = audit.nodes(db)
            return merkle_tree.inclusion(index, size, nodes), merkle_tree.consistency(old, size, nodes)
