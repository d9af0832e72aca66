"""The states of an alert as a table: condition × acknowledgement × status, and what each trigger makes of them.

After ISA-18.2 (states of an alarm) and OPC UA 10000-9 (AcknowledgeableConditionType, shelving as a state beside). What
an ended alert waits for (`Closing`) follows from its severity and its kind's rule: critical ones wait for a person who
closes them, high ones for an acknowledgement. An assigned alert never closes by itself: somebody works on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from aggregator.domain.alerts.rules import CLOSINGS
from aggregator.domain.alerts.types import (
    ACKNOWLEDGEMENTS,
    CONDITIONS,
    STATUSES,
    Acknowledgement,
    Condition,
    Effect,
    Status,
)
from aggregator.settings.alerts import Closing


class Trigger(StrEnum):
    """What a change is to the table. Late: an event older than the one that ended the condition."""

    EVENT = "event"
    REALARM = "re-alarm"
    RAISE = "severity raised"
    LATE = "late event"
    LATE_REALARM = "late re-alarm"
    LATE_RAISE = "late severity raised"
    END = "condition ended"
    DUE = "closing due"
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    NOTE = "note"
    ESCALATE = "escalate"
    CLOSE = "close"
    REOPEN = "reopen"
    ABSORB = "merge"
    ABSORB_UNSEEN = "merge unseen"
    JOIN = "merged into another"
    SPLIT = "split"
    SUPPRESS = "suppress"
    UNSUPPRESS = "unsuppress"
    MARK = "mark"


PERSONAL = frozenset(
    {
        Trigger.ACKNOWLEDGE, Trigger.ASSIGN, Trigger.UNASSIGN, Trigger.ESCALATE, Trigger.CLOSE, Trigger.REOPEN,
        Trigger.ABSORB, Trigger.ABSORB_UNSEEN, Trigger.JOIN, Trigger.SPLIT,
    }
)  # fmt: skip
"""What only a person does."""

State = tuple[Condition, Acknowledgement, Status]
STATES: tuple[State, ...] = tuple(itertools.product(CONDITIONS, ACKNOWLEDGEMENTS, STATUSES))


@dataclass(frozen=True)
class Move:
    """The next state, and what happened on the way."""

    state: State
    effects: tuple[Effect, ...]


T, E = Trigger, Effect
_Row = tuple[Trigger, str, str, str, str, str, str, str, tuple[Effect, ...]]
_SEEN, _SELF = "acknowledged|assigned", "at_once|later|acknowledged"
ROWS: tuple[_Row, ...] = (
    # trigger, closing; condition, acknowledgement, status; next condition, acknowledgement, status (=: same); effects
    (T.EVENT, "*", "active", "*", "open", "=", "=", "=", (E.MERGED,)),
    (T.EVENT, "*", "ended", "*", "open", "active", "=", "=", (E.MERGED, E.RESUMED)),
    (T.REALARM, "*", "active", _SEEN, "open", "=", "unacknowledged", "=", (E.MERGED, E.REALARMED)),
    (T.REALARM, "*", "ended", _SEEN, "open", "active", "unacknowledged", "=", (E.MERGED, E.RESUMED, E.REALARMED)),
    (T.RAISE, "*", "active", "unacknowledged", "open", "=", "=", "=", (E.MERGED, E.RAISED)),
    (T.RAISE, "*", "ended", "unacknowledged", "open", "active", "=", "=", (E.MERGED, E.RESUMED, E.RAISED)),
    (T.RAISE, "*", "active", _SEEN, "open", "=", "unacknowledged", "=", (E.MERGED, E.RAISED, E.REALARMED)),
    (T.RAISE, "*", "ended", _SEEN, "open", "active", "unacknowledged", "=",
     (E.MERGED, E.RESUMED, E.RAISED, E.REALARMED)),
    (T.LATE, "*", "ended", "*", "open", "=", "=", "=", (E.MERGED,)),
    (T.LATE_REALARM, "*", "ended", _SEEN, "open", "=", "unacknowledged", "=", (E.MERGED, E.REALARMED)),
    (T.LATE_RAISE, "*", "ended", "unacknowledged", "open", "=", "=", "=", (E.MERGED, E.RAISED)),
    (T.LATE_RAISE, "*", "ended", _SEEN, "open", "=", "unacknowledged", "=", (E.MERGED, E.RAISED, E.REALARMED)),
    (T.END, "at_once", "active", "unacknowledged|acknowledged", "open", "ended", "=", "closed", (E.ENDED, E.CLOSED)),
    (T.END, "later|acknowledged", "active", "acknowledged", "open", "ended", "=", "closed", (E.ENDED, E.CLOSED)),
    (T.END, "later|acknowledged", "active", "unacknowledged", "open", "ended", "=", "=", (E.ENDED,)),
    (T.END, "person", "active", "unacknowledged|acknowledged", "open", "ended", "=", "=", (E.ENDED,)),
    (T.END, "*", "active", "assigned", "open", "ended", "=", "=", (E.ENDED,)),
    (T.DUE, "at_once|later", "ended", "unacknowledged|acknowledged", "open", "=", "=", "closed", (E.CLOSED,)),
    (T.ACKNOWLEDGE, "*", "active", "unacknowledged", "open", "=", "acknowledged", "=", (E.ACKNOWLEDGED,)),
    (T.ACKNOWLEDGE, "person", "ended", "unacknowledged", "open", "=", "acknowledged", "=", (E.ACKNOWLEDGED,)),
    (T.ACKNOWLEDGE, _SELF, "ended", "unacknowledged", "open", "=", "acknowledged", "closed",
     (E.ACKNOWLEDGED, E.CLOSED)),
    (T.ASSIGN, "*", "*", "*", "open", "=", "assigned", "=", (E.ASSIGNED,)),
    (T.UNASSIGN, "*", "*", "assigned", "open", "=", "acknowledged", "=", (E.UNASSIGNED,)),
    (T.NOTE, "*", "*", "*", "*", "=", "=", "=", (E.NOTED,)),
    (T.ESCALATE, "*", "*", "*", "open", "=", "unacknowledged", "=", (E.ESCALATION_REQUESTED,)),
    (T.CLOSE, "*", "*", "unacknowledged", "open", "=", "acknowledged", "closed", (E.CLOSED,)),
    (T.CLOSE, "*", "*", _SEEN, "open", "=", "=", "closed", (E.CLOSED,)),
    (T.CLOSE, "*", "*", "*", "closed", "=", "=", "=", (E.CLASSIFIED,)),
    (T.REOPEN, "*", "*", "*", "closed", "=", "acknowledged", "open", (E.REOPENED,)),
    (T.ABSORB, "*", "*", "*", "open", "=", "=", "=", (E.ABSORBED,)),
    (T.ABSORB_UNSEEN, "*", "*", "*", "open", "=", "unacknowledged", "=", (E.ABSORBED,)),
    (T.JOIN, "*", "*", "unacknowledged", "open", "=", "acknowledged", "closed", (E.JOINED,)),
    (T.JOIN, "*", "*", _SEEN, "open", "=", "=", "closed", (E.JOINED,)),
    (T.SPLIT, "*", "*", "*", "open", "=", "=", "=", (E.SPLIT,)),
    (T.SUPPRESS, "*", "*", "*", "open", "=", "=", "=", (E.SUPPRESSED,)),
    (T.UNSUPPRESS, "*", "*", "*", "*", "=", "=", "=", (E.UNSUPPRESSED,)),
    (T.MARK, "*", "*", "*", "open", "=", "=", "=", (E.MARKED,)),
)  # fmt: skip
"""No two rows cover the same cell; a cell without a row changes nothing."""


def _expand(row: _Row) -> Iterator[tuple[tuple[Trigger, Closing, State], Move]]:
    trigger, closing, *pattern = row[:5]
    effects = row[8]
    next_condition, next_acknowledgement, next_status = row[5:8]
    for state in STATES:
        if not all(_holds(part, value) for part, value in zip(pattern, state, strict=True)):
            continue
        wanted = (next_condition, next_acknowledgement, next_status)
        after = tuple(old if new == "=" else new for new, old in zip(wanted, state, strict=True))
        for it in CLOSINGS:
            if _holds(closing, it):
                yield (trigger, it, state), Move(after, effects)  # type: ignore[arg-type]


def _holds(pattern: str, value: str) -> bool:
    return pattern == "*" or value in pattern.split("|")


TABLE: dict[tuple[Trigger, Closing, State], Move] = {cell: move for row in ROWS for cell, move in _expand(row)}
"""Trigger, what an ended alert waits for, and state → the move; a cell that is not here changes nothing."""
