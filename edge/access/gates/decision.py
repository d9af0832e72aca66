"""The access decision: a pure function of the reading and the list entry.

| read | on the list | standing | opens |
| --- | --- | --- | --- |
| nothing, or low confidence | – | unreadable | only fail-safe, while reader or list fail |
| any confidence | no entry | unlisted | never |
| any confidence | expired, or not yet valid | unlisted, with the entry | never |
| any confidence | barred | barred | never, also while reader or list fail |
| below the site's confidence | registered, visitor | as listed | never |
| above it | registered, visitor | as listed | yes |
| above it | a variant of the text is listed | as listed | only with `open_on_variant` |
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
"""A reading with less confidence counts as unreadable."""


@dataclass(frozen=True)
class GatePolicy:
    """The site's conditions for opening a gate.

    Attributes:
        confidence: Minimum confidence of the reading.
        on_variant: A text that differs from a listed one in one easily confused character is accepted.
        fail_safe: Open while the reader or the list fails.
    """

    confidence: float
    on_variant: bool = False
    fail_safe: bool = False


@dataclass(frozen=True)
class Decision:
    """The decision about a passage.

    Attributes:
        standing: The event's kind.
        open: Whether the barrier is opened.
        entry: Id of the list entry where the event may carry it: barred, or expired.
    """

    standing: Standing
    open: bool = False
    entry: str | None = None


def decide(confidence: float, match: Match | None, policy: GatePolicy, failing: bool = False) -> Decision:
    """Decide about one passage.

    Args:
        confidence: Confidence of the reading; 0 without a reading.
        match: The list entry that matched, if any.
        policy: The site's conditions.
        failing: The reader or the list currently fails.
    """
    readable = confidence >= READABLE
    is_barred = readable and match is not None and match.valid and match.standing == "barred"
    if failing and not is_barred:
        return Decision("unreadable", open=policy.fail_safe)
    if not readable:
        return Decision("unreadable")
    if match is None or match.standing == "revoked":
        return Decision("unlisted")
    if not match.valid:
        return Decision("unlisted", entry=match.entry)
    if match.standing == "barred":
        return Decision("barred", entry=match.entry)
    sure = confidence >= policy.confidence and (match.exact or policy.on_variant)
    return Decision(match.standing, open=sure)


def to_event(decision: Decision, gate: str, confidence: float, opened: bool, pseudonym: Callable[[], str]) -> Data:
    """The event's data: the decision, without any part of the plate's text.

    Args:
        decision: The decision.
        gate: The gate's name.
        confidence: Confidence of the reading.
        opened: The relay accepted the command.
        pseudonym: Makes the vehicle's daily pseudonym; called for registered and visitor only.
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
