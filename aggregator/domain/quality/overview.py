"""Figures of each site and area for an overview: open alerts, how many were opened, response times, devices. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias, get_args

from aggregator.domain.accounts.authorization import Areas, Scope
from aggregator.domain.alerts.types import Acknowledgement, Severity
from common.clock import DAY_NS, HOUR_NS

HOURS = 24
"""Length of the series of hours."""
Period = Literal["hour", "day", "week"]
PERIODS: dict[Period, int] = {"hour": HOUR_NS, "day": DAY_NS, "week": 7 * DAY_NS}
"""Periods that end now, nanoseconds; each is compared with the one of the same length before it."""
LOOKS_BACK_NS = 2 * max(PERIODS.values())
DeviceKind = Literal["camera", "door", "box"]
DEVICE_KINDS: tuple[DeviceKind, ...] = get_args(DeviceKind)
Group: TypeAlias = tuple[str, str]
"""(site, area); without an area the whole site, without a site everything within the scope."""
ALL: Group = ("", "")
OpenStates: TypeAlias = Mapping[tuple[str, str, Severity, Acknowledgement], int]
"""(site, place, severity, acknowledgement) → open alerts that are not hidden."""


class OpenedRow(NamedTuple):
    """Alerts of a place that were opened: `counts` are (this period, the one before) for each of `PERIODS`."""

    site: str
    place: str
    severity: Severity
    counts: tuple[int, ...]


class HourRow(NamedTuple):
    """Alerts of a place that were opened in an hour; 0 is the hour that ends now."""

    site: str
    place: str
    hours_ago: int
    alerts: int


class AnswerRow(NamedTuple):
    """How long it took until a person first answered an alert, nanoseconds."""

    site: str
    place: str
    severity: Severity
    took_ns: int


@dataclass(frozen=True)
class RecentAlerts:
    """Alerts that were opened lately and were shown to operators; `answers` are of the last week's."""

    opened: Sequence[OpenedRow] = ()
    hours: Sequence[HourRow] = ()
    answers: Sequence[AnswerRow] = ()


class DeviceState(NamedTuple):
    """A device, whether it works now, and its share of the last day; of a box, `place` is empty."""

    kind: DeviceKind
    site: str
    place: str
    working: bool
    share: float


@dataclass(frozen=True)
class Opened:
    """Alerts opened in a period by severity, and in all in the period before."""

    severities: Mapping[Severity, int] = field(default_factory=dict)
    before: int = 0

    @property
    def total(self) -> int:
        """Of all severities."""
        return sum(self.severities.values())


@dataclass(frozen=True)
class AnswerTimes:
    """How many, the median and the 95th percentile by the nearest rank, nanoseconds."""

    count: int
    median_ns: int
    p95_ns: int

    @classmethod
    def of(cls, took_ns: Sequence[int]) -> AnswerTimes:
        """Of one duration at least.

        >>> AnswerTimes.of([5, 1, 3])
        AnswerTimes(count=3, median_ns=3, p95_ns=5)
        """
        count, ordered = len(took_ns), sorted(took_ns)
        return cls(count, ordered[(count + 1) // 2 - 1], ordered[(95 * count + 99) // 100 - 1])


@dataclass(frozen=True)
class DeviceFigures:
    """Devices of a kind: how many, how many work now, and the mean share of the last day in which they worked."""

    total: int
    working: int
    share: float


@dataclass(frozen=True)
class GroupFigures:
    """What changes slowly of a group; `hours` are the last 24, the oldest first."""

    opened: Mapping[Period, Opened]
    hours: tuple[int, ...]
    answers: Mapping[Severity, AnswerTimes]
    devices: Mapping[DeviceKind, DeviceFigures]


@dataclass
class _Collected:
    opened: dict[Period, dict[Severity, int]] = field(default_factory=lambda: {it: {} for it in PERIODS})
    before: dict[Period, int] = field(default_factory=lambda: dict.fromkeys(PERIODS, 0))
    hours: list[int] = field(default_factory=lambda: [0] * HOURS)
    answers: dict[Severity, list[int]] = field(default_factory=dict)
    devices: dict[DeviceKind, list[DeviceState]] = field(default_factory=dict)

    def add_opened(self, row: OpenedRow) -> None:
        for number, period in enumerate(PERIODS):
            known = self.opened[period]
            known[row.severity] = known.get(row.severity, 0) + row.counts[2 * number]
            self.before[period] += row.counts[2 * number + 1]

    def figures(self) -> GroupFigures:
        return GroupFigures(
            opened={it: Opened(self.opened[it], self.before[it]) for it in PERIODS},
            hours=tuple(reversed(self.hours)),
            answers={severity: AnswerTimes.of(took) for severity, took in self.answers.items()},
            devices={kind: _devices(found) for kind, found in self.devices.items()},
        )


class Groups:
    """Which groups a place counts in, of those places that lie within a scope.

    Args:
        within: Places elsewhere count nowhere.
        areas: The areas of each place; one in several areas counts in each.
    """

    def __init__(self, within: Scope, areas: Areas) -> None:
        self._within, self._areas = within, areas

    def of(self, site: str, place: str) -> Iterator[Group]:
        """The groups of a place (empty: of the whole site)."""
        if self._within.holds(site, place):
            yield ALL
            yield site, ""
            for area in self._areas.get((site, place), ()):
                yield site, area

    def named(self) -> Iterator[Group]:
        """All groups that the areas name."""
        for site, place in self._areas:
            yield from self.of(site, place)


def figures(recent: RecentAlerts, devices: Iterable[DeviceState], groups: Groups) -> dict[Group, GroupFigures]:
    """The figures of each group, `ALL` among them, sorted."""
    found: dict[Group, _Collected] = {ALL: _Collected()} | {it: _Collected() for it in groups.named()}

    def of(site: str, place: str) -> Iterator[_Collected]:
        return (found.setdefault(it, _Collected()) for it in groups.of(site, place))

    for opened in recent.opened:
        for it in of(opened.site, opened.place):
            it.add_opened(opened)
    for hour in recent.hours:
        for it in of(hour.site, hour.place):
            it.hours[hour.hours_ago] += hour.alerts
    for answer in recent.answers:
        for it in of(answer.site, answer.place):
            it.answers.setdefault(answer.severity, []).append(answer.took_ns)
    for device in devices:
        for it in of(device.site, device.place):
            it.devices.setdefault(device.kind, []).append(device)
    return {group: found[group].figures() for group in sorted(found)}


def open_by_state(counts: OpenStates, groups: Groups) -> dict[Group, dict[Severity, dict[Acknowledgement, int]]]:
    """Open alerts of each group that has some."""
    found: dict[Group, dict[Severity, dict[Acknowledgement, int]]] = {}
    for (site, place, severity, state), count in counts.items():
        for group in groups.of(site, place):
            states = found.setdefault(group, {}).setdefault(severity, {})
            states[state] = states.get(state, 0) + count
    return found


def _devices(found: Sequence[DeviceState]) -> DeviceFigures:
    return DeviceFigures(len(found), sum(it.working for it in found), sum(it.share for it in found) / len(found))
