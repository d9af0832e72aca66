"""What goes into a store and what comes out of it. Times are UTC nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.alerts.types import Alert, Severity, Status
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.clip import Clip
from aggregator.domain.quiet.decisions import QuietDecisions
from protocol.envelope import Event
from protocol.ranges import Range, Ranges
from protocol.receipts import BoxStatus, DoorStatus, GateStatus

KEPT_BYTES = 64 * 1024
"""How much of a quarantined message is kept."""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A message that broke the contract. The same bytes on the same topic are one entry with a count."""

    digest: str
    topic: str
    reason: str
    payload: bytes
    size: int
    first_ns: int
    last_ns: int
    count: int = 1


@dataclass
class Position:
    """How much of one outbox has been settled.

    Attributes:
        ranges: Numbers that are committed, quarantined or known to be lost.
        lost: How many of them the box itself has dropped (`outbox.lost`).
        quarantined: How many of them stand in the quarantine.
        first_seen_ns: When the aggregator first heard of this epoch.
    """

    site: str
    box: str
    epoch: str
    ranges: Ranges
    first_seen_ns: int
    lost: int = 0
    quarantined: int = 0

    @property
    def missing(self) -> int:
        """How many numbers below the highest one are not settled."""
        return sum(last - first + 1 for first, last in self.ranges.gaps())


@dataclass(frozen=True)
class StatusSeen:
    """A box's status and when it arrived."""

    site: str
    box: str
    status: BoxStatus
    seen_ns: int


@dataclass(frozen=True)
class ReceivedEvent:
    """An event, the alert that it went into (if any), and when it was received."""

    event: Event
    alert: str | None
    received_ns: int


@dataclass
class Batch:
    """Everything that one commit writes: all of it or nothing.

    Attributes:
        history: Of the alerts.
        moved: Event → the alert that it belongs to from now on.
        quiet: New and changed silences, maintenance windows and shelves.
    """

    events: list[ReceivedEvent] = field(default_factory=list)
    alerts: dict[str, Alert] = field(default_factory=dict)
    quarantine: list[Quarantined] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    statuses: list[StatusSeen] = field(default_factory=list)
    audit_entries: list[AuditEntry] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    history: list[HistoryEntry] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    quiet: QuietDecisions = field(default_factory=QuietDecisions)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may log in. `password_hash` is argon2id; a one-time user goes with their session."""

    name: str
    password_hash: str
    one_time: bool = False
    created_ns: int = 0


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A log-in. Only the token's SHA-256 is kept."""

    token_hash: str
    user: str
    expires_ns: int


AlertOrder = Literal["urgency", "newest"]


@dataclass(frozen=True)
class AlertQuery:
    """Which alerts.

    Attributes:
        order: `urgency`: unacknowledged ones first, then by severity, then the newest; `newest`: by their last event.
        status: None: open and closed ones.
        area: (site, place) of the area; None: any.
        from_ns: Whose last event is not before; `to_ns`: whose first one is before it.
        suppressed: Whether suppressed ones are left out, shown alone, or shown among the others.
        after: The place in the order of the last one of the page before: (`urgency`, `opened_ns`, `id`) or (0,
            `last_ns`, `id`).
        within: Where they must lie; None: anywhere.
    """

    order: AlertOrder = "newest"
    status: Status | None = None
    severities: frozenset[Severity] | None = None
    kinds: frozenset[str] | None = None
    site: str | None = None
    area: frozenset[tuple[str, str]] | None = None
    place: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None
    suppressed: Literal["exclude", "only", "include"] = "include"
    after: tuple[int, int, str] | None = None
    limit: int = 50
    within: Scope | None = None


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """A box as the aggregator knows it."""

    site: str
    box: str
    epoch: str
    online: bool
    version: str
    timezone: str
    outbox_waiting: int
    outbox_bytes: int
    status_ns: int
    committed: int
    lost: int
    quarantined: int
    gaps: list[Range]
    lists: int = 0


class Camera(msgspec.Struct, frozen=True, kw_only=True):
    """A camera as its box last reported.

    Attributes:
        since: While there is no picture: from when on.
        problem: While there is no picture: why.
        problem_code: The same of `protocol.problems`; empty where the box has sent none.
        width: Of the analysed pictures, pixels; 0: not known.
        height: Likewise.
    """

    site: str
    box: str
    id: str
    name: str
    state: str
    fps: float
    watch: str
    seen_ns: int
    since: str = ""
    problem: str = ""
    problem_code: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Place:
    """A gate or a door as its box last reported: `status` is one of the box's own."""

    site: str
    box: str
    online: bool
    timezone: str
    status: GateStatus | DoorStatus


@dataclass(frozen=True)
class Origin:
    """Where and when an event was seen."""

    site: str
    box: str
    place: str
    time_ns: int


@dataclass(frozen=True)
class TargetLabel:
    """What the target of an audit entry is: an `event`, an `alert` or a `release`."""

    of: str
    site: str
    place: str
    kind: str = ""


@dataclass(frozen=True)
class TimelineEvent:
    """When something of a kind happened, UTC nanoseconds."""

    time_ns: int
    kind: str


@dataclass(frozen=True)
class Passage:
    """An event at a gate or a door.

    Attributes:
        data: The event's own fields, as they came.
        picture: It has one.
    """

    id: str
    place: str
    kind: str
    time_ns: int
    data: dict[str, object]
    picture: bool


class ListRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a site's list as it is stored: `sealed` hides the plate or card, `digest` finds it."""

    id: str
    site: str
    kind: str
    standing: str
    sealed: bytes
    digest: bytes
    owner: str
    reason: str
    from_ns: int | None
    until_ns: int | None
    by: str
    made_ns: int


class ListChange(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be added to a site's list (an entry with the same text gives way) and removed from it, by id."""

    site: str
    added: tuple[ListRow, ...] = ()
    removed: tuple[str, ...] = ()
