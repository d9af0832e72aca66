"""What the store keeps of escalation: timers, steps that were taken, and the alert's fields that they use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.escalation.notification import Notification
from aggregator.settings.escalation import Severity


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """The next step of an alert that waits for an acknowledgement. Times are UTC nanoseconds.

    Attributes:
        alert: Whose; an alert has one timer.
        id: UUIDv7, new with each start: after a re-alarm the steps begin again.
        step: The number of the next step.
        due_ns: When it is due.
        state: `done`: no step is left.
        asked: 1: a person has asked for the next step, so that somebody is notified whatever the hour.
    """

    alert: str
    id: str
    site: str
    place: str
    started_ns: int
    step: int = 0
    due_ns: int = 0
    state: Literal["waiting", "done"] = "waiting"
    asked: int = 0


class TakenStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step that was taken.

    Attributes:
        timer: Id of its timer.
        step: Its number.
        alert: Whose.
        due_ns: When it was due, UTC nanoseconds.
        time_ns: When it was taken.
        level: The level's name.
        detail: JSON: whom it notified, and why nobody where it did not.
    """

    timer: str
    step: int
    alert: str
    due_ns: int
    time_ns: int
    level: str
    detail: str


class AlertFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of an alert that escalation and notifications use.

    Attributes:
        waiting: It is open, unacknowledged and not suppressed.
    """

    id: str
    site: str
    box: str
    place: str
    kind: str
    subject: str
    object: str
    severity: Severity
    count: int
    first_ns: int
    last_ns: int
    opened_ns: int
    waiting: bool


@dataclass(frozen=True)
class StepEffect:
    """All that a step does, in one transaction.

    Attributes:
        before: The timer as it was; where it has changed, nothing is done.
        after: The timer from now on.
        taken: The step.
        notifications: What it enqueues.
        history: The entry of the alert's history.
    """

    before: Timer
    after: Timer
    taken: TakenStep
    notifications: tuple[Notification, ...]
    history: HistoryEntry


@dataclass(frozen=True)
class EscalationDocument:
    """A site's configuration as it was saved."""

    site: str
    document: str
    version: int
