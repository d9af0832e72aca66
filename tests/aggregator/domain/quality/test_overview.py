"""Figures of sites and areas: what counts where, by examples that can be counted by hand."""

from __future__ import annotations

import pytest

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.quality.overview import (
    ALL,
    AnswerRow,
    AnswerTimes,
    DeviceFigures,
    DeviceState,
    Group,
    Groups,
    HourRow,
    OpenedRow,
    RecentAlerts,
    figures,
    open_by_state,
)

AREAS = {("village", "hall-1"): frozenset({"halls"}), ("village", "gate"): frozenset({"halls", "gates"})}
EVERYWHERE = Scope(everywhere=True)
HALL = Scope(places=frozenset({("village", "hall-1")}))
RECENT = RecentAlerts(
    opened=[
        OpenedRow("village", "hall-1", "high", (1, 2, 3, 4, 5, 6)),
        OpenedRow("village", "gate", "high", (1, 0, 1, 0, 1, 0)),
        OpenedRow("village", "yard", "low", (0, 0, 1, 0, 1, 0)),
        OpenedRow("harbour", "pier", "low", (0, 0, 0, 0, 9, 0)),
    ],
    hours=[HourRow("village", "hall-1", 0, 2), HourRow("village", "gate", 23, 1), HourRow("harbour", "pier", 0, 1)],
    answers=[
        *(AnswerRow("village", "hall-1", "high", took) for took in (9, 1, 5)), AnswerRow("village", "gate", "high", 2),
    ],
)  # fmt: skip
DEVICES = [
    DeviceState("camera", "village", "hall-1", True, 1.0), DeviceState("camera", "village", "gate", False, 0.5),
    DeviceState("box", "village", "", True, 1.0), DeviceState("door", "harbour", "pier", True, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("within", "week", "before"),
    [
        (
            EVERYWHERE,
            {ALL: 16, ("harbour", ""): 9, ("village", ""): 7, ("village", "gates"): 1, ("village", "halls"): 6}, 6,
        ),
        (Scope(sites=frozenset({"village"})),
         {ALL: 7, ("village", ""): 7, ("village", "gates"): 1, ("village", "halls"): 6}, 6),
        (HALL, {ALL: 5, ("village", ""): 5, ("village", "halls"): 5}, 6),
        (Scope(), {ALL: 0}, 0),
    ],
)  # fmt: skip
def test_each_alert_counts_in_its_site_and_areas_as_far_as_they_lie_within(
    within: Scope, week: dict[Group, int], before: int
) -> None:
    found = figures(RECENT, DEVICES, Groups(within, AREAS))
    assert {group: it.opened["week"].total for group, it in found.items()} == week
    assert list(found) == sorted(found)
    assert found[ALL].opened["week"].before == before


def test_periods_hours_answers_and_devices_of_an_area() -> None:
    halls = figures(RECENT, DEVICES, Groups(EVERYWHERE, AREAS))["village", "halls"]
    assert [(it.total, it.before) for it in halls.opened.values()] == [(2, 2), (4, 4), (6, 6)]
    assert (halls.hours[0], halls.hours[-1], sum(halls.hours)) == (1, 2, 3), "the oldest hour is the first"
    assert halls.answers == {"high": AnswerTimes(4, 2, 9)}
    assert halls.devices["camera"] == DeviceFigures(2, 1, 0.75)
    assert "box" not in halls.devices, "a box belongs to the whole site"
    assert "box" not in figures(RECENT, DEVICES, Groups(HALL, AREAS))["village", ""].devices


@pytest.mark.parametrize(("count", "median", "p95"), [(1, 1, 1), (2, 1, 2), (19, 10, 19), (20, 10, 19), (100, 50, 95)])
def test_the_percentiles_are_nearest_ranks(count: int, median: int, p95: int) -> None:
    assert AnswerTimes.of(list(range(count, 0, -1))) == AnswerTimes(count, median, p95)


def test_open_alerts_by_state() -> None:
    counts = {
        ("village", "gate", "high", "unacknowledged"): 2, ("village", "hall-1", "high", "unacknowledged"): 1,
        ("village", "hall-1", "low", "assigned"): 4, ("harbour", "pier", "high", "acknowledged"): 8,
    }  # fmt: skip
    found = open_by_state(counts, Groups(Scope(sites=frozenset({"village"})), AREAS))  # type: ignore[arg-type]
    assert found["village", "gates"] == {"high": {"unacknowledged": 2}}
    assert found["village", "halls"] == {"high": {"unacknowledged": 3}, "low": {"assigned": 4}}
    assert found[ALL] == found["village", ""]
    assert ("harbour", "") not in found
