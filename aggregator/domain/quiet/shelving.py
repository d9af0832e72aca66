"""Shelving: an operator puts one alert, or all alerts of one source, aside for a limited time.

After OPC UA part 9 (10000-9), section 5.8.17 ShelvedStateMachineType. Timed: until a time. One-shot: until the alert's
condition ends, or the time limit. Both end after 24 hours at most (`MaxTimeShelved`), and a person may end them sooner
(Unshelve).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

from aggregator.domain.alerts.types import Severity
from aggregator.domain.quiet.matching import Matchable
from aggregator.domain.quiet.silence import check_reason
from common.clock import SECOND_NS
from common.errors import QuietError
from protocol.identifiers import NAME

Mode = Literal["timed", "one_shot"]
MODES: tuple[Mode, ...] = get_args(Mode)
MOST_SHELVED_S = 24 * 3600
"""OPC UA's MaxTimeShelved."""
MOST_SHELVES = 500
"""Of one site that have not ended."""


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where alerts come from: a device, and one kind of event there or (empty) any."""

    site: str
    box: str
    place: str
    kind: str = ""


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """An alert or a source that was put aside. Times are UTC nanoseconds.

    Attributes:
        mode: How it ends.
        alert: The alert's id; empty where it is a source.
        source: Where the alert, or what is shelved, comes from.
        owner: Who shelved it.
        critical: Whether it also covers a critical alert: only where a supervisor shelved it.
        made_ns: When it began.
        ended_by: Who ended it, or `system` for one-shot; `until_ns` is when.
    """

    id: str
    mode: Mode
    alert: str
    source: Source
    owner: str
    reason: str
    until_ns: int
    critical: bool
    made_ns: int
    ended_by: str = ""

    def active(self, now_ns: int) -> bool:
        """Whether it counts at a moment."""
        return self.made_ns <= now_ns < self.until_ns


def check(shelf: Shelf, *, supervisor: bool, severity: Severity | None) -> Shelf:
    """The shelf as it is kept.

    Args:
        shelf: As it was asked for.
        supervisor: Whether the owner may silence at that place.
        severity: Of the alert that is to be shelved; None for a source.

    Raises:
        QuietError: It cannot be; names the field and the fix.
    """
    if shelf.mode not in MODES:
        raise QuietError(f"mode: choose one of {', '.join(MODES)}")
    if not shelf.alert and not all(NAME.fullmatch(it) for it in (shelf.source.site, shelf.source.place)):
        raise QuietError("place: name the camera, door, gate or box")
    length_ns = shelf.until_ns - shelf.made_ns
    if not 60 * SECOND_NS <= length_ns <= MOST_SHELVED_S * SECOND_NS:
        raise QuietError("minutes: 1 to 1440; what is to be quiet for longer needs a silence")
    if severity == "critical" and not supervisor:
        raise QuietError("severity: a critical alert is shelved by a supervisor only")
    critical = shelf.critical and supervisor
    return msgspec.structs.replace(shelf, reason=check_reason(shelf.reason), critical=critical)


def covers(shelf: Shelf, alert: Matchable, now_ns: int) -> bool:
    """Whether an alert is shelved; one that became critical is not, unless a supervisor shelved it as such."""
    if not shelf.active(now_ns) or (alert.severity == "critical" and not shelf.critical):
        return False
    if shelf.alert:
        return shelf.alert == alert.id
    source = shelf.source
    if (source.site, source.place) != (alert.site, alert.place) or source.kind not in ("", alert.kind):
        return False
    return source.box in ("", alert.box)


def after_end(shelf: Shelf, now_ns: int) -> Shelf:
    """The shelf after the condition of an alert that it covers has ended: one-shot ends with it."""
    if shelf.mode != "one_shot" or not shelf.active(now_ns):
        return shelf
    return msgspec.structs.replace(shelf, until_ns=now_ns, ended_by="system")


def unshelve(shelf: Shelf, who: str, now_ns: int) -> Shelf:
    """The shelf, ended by a person.

    Raises:
        QuietError: It has ended already.
    """
    if now_ns >= shelf.until_ns:
        raise QuietError("it is not shelved any more")
    return msgspec.structs.replace(shelf, until_ns=now_ns, ended_by=who)


class ShelfIndex:
    """Shelves by alert and by device: an alert is compared with those of its id and of its place only."""

    def __init__(self, shelves: Iterable[Shelf]) -> None:
        self._of_alert: dict[str, list[Shelf]] = {}
        self._of_place: dict[tuple[str, str], list[Shelf]] = {}
        for shelf in shelves:
            if shelf.alert:
                self._of_alert.setdefault(shelf.alert, []).append(shelf)
            else:
                self._of_place.setdefault((shelf.source.site, shelf.source.place), []).append(shelf)

    def find(self, alert: Matchable, now_ns: int) -> Shelf | None:
        """The shelf that covers an alert and ends last."""
        near = (*self._of_alert.get(alert.id, ()), *self._of_place.get((alert.site, alert.place), ()))
        found = [shelf for shelf in near if covers(shelf, alert, now_ns)]
        return max(found, key=lambda it: (it.until_ns, it.id), default=None)
