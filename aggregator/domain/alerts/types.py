"""An alert, and what happens to it. The states are those of ISA-18.2 and OPC UA 10000-9.

A condition is active or has ended; a person has acknowledged it or not, or it is assigned to somebody; the alert is
open or closed. The three are independent of each other: a condition may end unseen, and a person may close an alert
whose condition goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias, get_args

import msgspec

from common.clock import DAY_NS
from protocol.envelope import Event
from protocol.identifiers import is_uuid7

Severity = Literal["low", "medium", "high", "critical"]
Condition = Literal["active", "ended"]
Acknowledgement = Literal["unacknowledged", "acknowledged", "assigned"]
Status = Literal["open", "closed"]
Outcome = Literal["real", "false_alarm", "test", "maintenance"]
Suppression = Literal["", "shelved", "silenced", "maintenance", "inhibited"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""From least to most."""
CONDITIONS: tuple[Condition, ...] = get_args(Condition)
ACKNOWLEDGEMENTS: tuple[Acknowledgement, ...] = get_args(Acknowledgement)
STATUSES: tuple[Status, ...] = get_args(Status)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
STALE_NS = DAY_NS
"""A condition that is active for longer is stale (ISA-18.2)."""
SYSTEM = "system:alerts"
"""The actor of what the lifecycle does by itself."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What people work on. Times are UTC nanoseconds.

    Attributes:
        first_ns: When its first event was seen, on the box's clock; `last_ns` its last one.
        opened_ns: When the aggregator opened it.
        outcome: How a person closed it; empty while it is open, and where it closed by itself.
        since_acknowledged: Events since it was acknowledged.
        ended_ns: When its condition ended; None while it is active.
        closed_by: A user, the kind of event that ended the condition, or `system:alerts`.
        suppressed_by: Id of the silence, window, shelf or parent alert; the user for one that was shelved alone.
        due_ns: When the lifecycle looks at it again: the condition ends, or it closes by itself.
        merged_into: The alert that it was merged into; it is closed then.
        help_ns: When a person last asked for help with it; 0: nobody has. It closes by a person only.
        version: Rises with each change.
        decided: The version of the newest change other than one more event: a person's decision must not be older.
    """

    id: str
    fingerprint: str
    site: str
    box: str
    place: str
    kind: str
    subject: str
    object: str
    severity: Severity
    condition: Condition = "active"
    acknowledgement: Acknowledgement = "unacknowledged"
    assignee: str = ""
    status: Status = "open"
    outcome: Outcome | Literal[""] = ""
    note: str = ""
    count: int
    since_acknowledged: int = 0
    first_ns: int
    last_ns: int
    opened_ns: int
    ended_ns: int | None = None
    picture_event: str | None = None
    picture_ns: int = 0
    acknowledged_ns: int | None = None
    acknowledged_by: str = ""
    closed_ns: int | None = None
    closed_by: str = ""
    suppression: Suppression = ""
    suppressed_by: str = ""
    suppressed_until_ns: int | None = None
    chattering: int = 0
    due_ns: int | None = None
    merged_into: str = ""
    help_ns: int = 0
    version: int = 1
    decided: int = 1

    @property
    def urgency(self) -> int:
        """The order of the queue: unacknowledged before others, then by severity; the greatest comes first."""
        unseen = self.acknowledgement == "unacknowledged"
        return len(SEVERITIES) * unseen + SEVERITIES.index(self.severity)

    @property
    def shelved_alone(self) -> bool:
        """Whether a person shelved this alert; else `suppressed_by` of a shelved one is the id of a shelf."""
        return self.suppression == "shelved" and not is_uuid7(self.suppressed_by)

    def stale(self, now_ns: int) -> bool:
        """Whether its condition has been active for more than 24 hours."""
        return self.status == "open" and self.condition == "active" and now_ns - self.opened_ns > STALE_NS


@dataclass(frozen=True)
class EventObserved:
    """An event of a kind with a rule; `ended_ns` is the newest event of its place that ends it, if there is one."""

    event: Event
    ended_ns: int | None = None


@dataclass(frozen=True)
class ConditionEnded:
    """An event that ends the condition, or (with an empty kind) the time without one more event is over."""

    kind: str
    time_ns: int


@dataclass(frozen=True)
class ClosingDue:
    """The time is over for which an ended alert waits for a person."""


@dataclass(frozen=True)
class Acknowledged:
    """A person has seen the alert and taken it on."""


@dataclass(frozen=True)
class Assigned:
    """The alert is given to a user."""

    to: str


@dataclass(frozen=True)
class Unassigned:
    """It is nobody's any more; it stays acknowledged."""


@dataclass(frozen=True)
class Noted:
    """A person's note."""

    note: str


@dataclass(frozen=True)
class EscalationRequested:
    """A person asks for help: the alert waits for an acknowledgement again, and its next level is notified at once."""

    note: str = ""


@dataclass(frozen=True)
class Closed:
    """A person closes it, or classifies a closed one."""

    outcome: Outcome
    note: str = ""


@dataclass(frozen=True)
class Reopened:
    """A person opens a closed one again."""


@dataclass(frozen=True)
class Absorbed:
    """Other alerts are merged into this one."""

    others: tuple[Alert, ...]


@dataclass(frozen=True)
class MergedInto:
    """This alert is merged into another one.

    Attributes:
        alert_id: Which.
        name: Its kind, box and place, for the history.
    """

    alert_id: str
    name: tuple[str, str, str] = ("", "", "")


@dataclass(frozen=True)
class SplitOff:
    """Events are taken out of this alert.

    Attributes:
        count: How many.
        picture: The newest event with a picture that stays, and its time.
        into: The new alert.
    """

    count: int
    picture: tuple[str, int] | None = None
    into: str = ""


@dataclass(frozen=True)
class Suppressed:
    """The alert is hidden until a time: shelved by a person, silenced, under maintenance, or inhibited.

    Attributes:
        kind: Why.
        by: Id of the silence, window or parent alert; the user who shelved it.
        until_ns: Its end; None: with what hides it.
        reason: In the person's words.
    """

    kind: Suppression
    by: str
    until_ns: int | None
    reason: str = ""


@dataclass(frozen=True)
class Unsuppressed:
    """It is shown again."""


@dataclass(frozen=True)
class Marked:
    """It is chattering, or no longer."""

    chattering: bool


Change: TypeAlias = (
    EventObserved | ConditionEnded | ClosingDue | Acknowledged | Assigned | Unassigned | Noted
    | EscalationRequested | Closed | Reopened | Absorbed | MergedInto | SplitOff | Suppressed | Unsuppressed | Marked
)  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """Who decided something, and from where.

    Attributes:
        actor: A user's name, or `system:` and a part of the aggregator.
        via: How it came: the dashboard, the API, a link, or the system itself.
        origin: The client's address; empty where there is none.
    """

    actor: str = SYSTEM
    via: Literal["dashboard", "api", "link", "system"] = "system"
    origin: str = ""

    @property
    def person(self) -> bool:
        """Whether a person decided."""
        return self.via != "system"


BY_SYSTEM = Decision()


class Effect(StrEnum):
    """What a transition did; the actions of the alert's history."""

    OPENED = "opened"
    MERGED = "merged"  # one more event
    RAISED = "raised"
    REALARMED = "realarmed"
    RESUMED = "resumed"  # the condition is active again
    ENDED = "ended"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    NOTED = "noted"
    ESCALATION_REQUESTED = "escalation_requested"
    CLOSED = "closed"
    CLASSIFIED = "classified"  # the outcome of a closed one
    REOPENED = "reopened"
    ABSORBED = "absorbed"
    JOINED = "joined"  # merged into another alert
    SPLIT = "split"
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    MARKED = "marked"


QUIET_EFFECTS = frozenset({Effect.MERGED, Effect.ENDED, Effect.RESUMED, Effect.MARKED, Effect.NOTED})
"""What a person who decides about an alert need not have seen."""
