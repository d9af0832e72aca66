"""From what was read and what the list says to what is done: pure, a table in a function.

| read | on the list | standing | opens |
| --- | --- | --- | --- |
| nothing, or too unsure | – | unreadable | only fail-safe, while reader or list fail |
| sure or not | not at all | unlisted | never |
| sure or not | expired, or not begun | unlisted, with the entry | never |
| sure or not | barred | barred | never |
| below the site's confidence | registered, visitor | as listed | never |
| sure | registered, visitor | as listed | yes |
| sure | a variant of it is | as listed | only where the site says so |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.access.site_lists.matching import Match
from protocol.event_types import (
    Data,
    VehicleBarred,
    VehicleRegistered,
    VehicleUnlisted,
    VehicleUnreadable,
    VehicleVisitor,
)

Standing = Literal["registered", "visitor", "barred", "unlisted", "unreadable"]
READABLE = 0.5
"""Below this nothing was read."""
OPENING: frozenset[str] = frozenset({"registered", "visitor"})


@dataclass(frozen=True)
class GatePolicy:
    """What the site demands before a gate opens.

    Attributes:
        confidence: Least confidence.
        on_variant: A text that is one mistake away from a listed one will do.
        fail_safe: Let in while reader or list fail.
    """

    confidence: float
    on_variant: bool = False
    fail_safe: bool = False


@dataclass(frozen=True)
class Decision:
    """What is done about a passage.

    Attributes:
        standing: The event's kind.
        open: The barrier is to be opened.
        entry: Id of the list entry where the event may carry it: barred, or expired.
    """

    standing: Standing
    open: bool = False
    entry: str | None = None


def decide(confidence: float, match: Match | None, terms: GatePolicy, failing: bool = False) -> Decision:
    """Decide about one passage.

    Args:
        confidence: Of what was read; 0 where nothing was.
        match: What the list has for it.
        terms: The site's.
        failing: The reader or the list does not work at the moment.
    """
    if failing:
        return Decision("unreadable", open=terms.fail_safe)
    if confidence < READABLE:
        return Decision("unreadable")
    if match is None or match.standing == "revoked":
        return Decision("unlisted")
    if not match.valid:
        return Decision("unlisted", entry=match.entry)
    if match.standing == "barred":
        return Decision("barred", entry=match.entry)
    sure = confidence >= terms.confidence and (match.exact or terms.on_variant)
    return Decision(match.standing, open=sure)


def to_event(decision: Decision, gate: str, confidence: float, opened: bool, pseudonym: Callable[[], str]) -> Data:
    """The event's data: the decision and nothing of the plate.

    Args:
        decision: What was decided.
        gate: The gate's name.
        confidence: Of what was read.
        opened: The relay took the command.
        pseudonym: Makes the vehicle's pseudonym of the day; asked for registered and visitor only.
    """
    share = round(min(1.0, max(0.0, confidence)), 3)
    match decision.standing:
        case "registered":
            return VehicleRegistered(gate=gate, confidence=share, opened=opened, vehicle=pseudonym())
        case "visitor":
            return VehicleVisitor(gate=gate, confidence=share, opened=opened, vehicle=pseudonym())
        case "barred":
            return VehicleBarred(gate=gate, confidence=share, opened=opened, entry=decision.entry or "unknown")
        case "unlisted":
            return VehicleUnlisted(gate=gate, confidence=share, opened=opened, entry=decision.entry)
        case "unreadable":
            return VehicleUnreadable(gate=gate, confidence=share, opened=opened)
