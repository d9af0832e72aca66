"""Shares of false alarms, and what a change of a rule would have done."""

from __future__ import annotations

from datetime import UTC, time
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aggregator.domain.quality.aggregates import Source
from aggregator.domain.quality.box_yaml import yaml_of
from aggregator.domain.quality.false_alarms import OutcomeRow, by_device, by_rule, wilson
from aggregator.domain.quality.replay import (
    Asleep,
    Inertia,
    Mask,
    MinimumHeight,
    StoredEvent,
    Suggestion,
    replay,
    stays,
)
from aggregator.domain.quality.suggestions import RuleHistory, proposals
from common.clock import SECOND_NS
from pipelines.settings import ZoneSettings

HOUR_NS = 3600 * SECOND_NS
MIDNIGHT = 20_000 * 24 * HOUR_NS
YARD = Source("village", "b", "cam-1", "zone.entered", "yard")
ROAD = YARD._replace(subject="road")


def row(source: Source, outcome: str, count: int, first_ns: int = 1, last_ns: int = 2) -> OutcomeRow:
    return OutcomeRow(source, outcome, count, first_ns, last_ns)


ROWS = [
    row(YARD, "false_alarm", 3, 5, 9), row(YARD, "real", 1, 2, 3), row(YARD, "", 7), row(YARD, "test", 2),
    row(ROAD, "real", 4), row(ROAD, "maintenance", 1), row(ROAD, "false_alarm", 1),
]  # fmt: skip


def test_the_share_is_of_the_alerts_that_people_judged() -> None:
    yard, road = by_rule(ROWS)
    assert (yard.source, yard.share, yard.judged, yard.unjudged, yard.test) == (YARD, 0.75, 4, 7, 2)
    assert (yard.first_ns, yard.last_ns) == (1, 9)
    assert (road.share, road.maintenance) == (0.2, 1)
    (camera,) = by_device(ROWS)
    assert (camera.source, camera.false_alarm, camera.real) == (YARD._replace(kind="", subject=""), 4, 5)


def test_nobody_judged_is_no_share() -> None:
    (found,) = by_rule([row(YARD, "", 9)])
    assert (found.share, found.interval) == (None, None)


@given(st.integers(1, 500), st.data())
def test_the_interval_holds_the_share(number: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, number))
    low, high = wilson(hits, number)
    assert 0 <= low <= hits / number + 1e-9
    assert hits / number <= high + 1e-9 <= 1 + 2e-9


def event(  # noqa: PLR0917
    name: str, alert: str, hour: float, height: float = 100, x: float = 50, stayed: float | None = None
) -> StoredEvent:
    return StoredEvent(name, alert, MIDNIGHT + int(hour * HOUR_NS), (x - 10, 400 - height, x + 10, 400), stayed)


EVENTS = [
    event("1", "real-1", 10, 120, 300, 8.0),
    event("2", "false-1", 23, 40, 50, 0.4),
    event("3", "false-1", 23.5, 45, 60, 0.5),
    event("4", "false-2", 1, 30, 55),
    event("5", "open-1", 2, 20, 50),
]
OUTCOMES = {"real-1": "real", "false-1": "false_alarm", "false-2": "false_alarm"}


@pytest.mark.parametrize(
    ("change", "dropped", "unknown", "gone"),
    [
        (Inertia(5), 2, 2, {"false_alarm": 1}),
        (Inertia(50), 3, 2, {"false_alarm": 1, "real": 1}),
        (MinimumHeight(44), 3, 0, {"false_alarm": 1, "": 1}),
        (MinimumHeight(46), 4, 0, {"false_alarm": 2, "": 1}),
        (Mask(40, 390, 70, 400), 4, 0, {"false_alarm": 2, "": 1}),
        (Mask(40, 0, 70, 399), 0, 0, {}),
        (Asleep(time(22), time(6)), 4, 0, {"false_alarm": 2, "": 1}),
        (Asleep(time(9), time(11)), 1, 0, {"real": 1}),
    ],
)
def test_an_alert_is_gone_when_all_of_its_events_are(
    change: Suggestion, dropped: int, unknown: int, gone: dict[str, int]
) -> None:
    effect = replay(change, EVENTS, OUTCOMES)
    assert (effect.events, effect.alerts) == (5, 4)
    assert (effect.dropped, effect.unknown, dict(effect.gone_by_outcome)) == (dropped, unknown, gone)
    assert effect.gone == len(effect.examples) == sum(gone.values())
    assert not gone.get("real") or effect.examples[0] == "real-1"


def test_a_schedule_is_local_time() -> None:
    effect = replay(Asleep(time(18), time(19)), EVENTS, OUTCOMES, ZoneInfo("Asia/Shanghai"))
    assert effect.examples == ("real-1",)


def test_a_stay_ends_with_the_next_departure_of_the_track() -> None:
    departures = [(1, 4 * SECOND_NS), (1, 9 * SECOND_NS), (2, SECOND_NS)]
    assert stays([(1, SECOND_NS), (2, 2 * SECOND_NS), (3, 0)], departures) == [3.0, None, None]


class CountedTime(int):
    """Counts its comparisons."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        CountedTime.compared += 1
        return int(self) < other

    def __ge__(self, other: int) -> bool:
        CountedTime.compared += 1
        return int(self) >= other


def test_many_events_with_one_track_cost_no_more_than_a_search_each() -> None:
    departures = [(1, CountedTime(it * SECOND_NS)) for it in range(1_000)]
    found = stays([(1, it * SECOND_NS) for it in range(1_000)], departures)
    assert found == [0.0] * 1_000
    assert CountedTime.compared < 50_000


def test_suggestions_lose_no_real_alert() -> None:
    found = proposals(RuleHistory(EVENTS, OUTCOMES, UTC))
    assert {type(it.change) for it in found} == {Inertia, MinimumHeight, Mask, Asleep}
    assert all(it.effect.gone_by_outcome["false_alarm"] and not it.effect.gone_by_outcome["real"] for it in found)
    assert next(it.change for it in found if isinstance(it.change, Asleep)) == Asleep(time(23), time(2))


def test_without_events_nothing_is_suggested() -> None:
    assert proposals(RuleHistory([], {}, UTC)) == []
    assert proposals(RuleHistory(EVENTS, {"real-1": "real"}, UTC)) == []


@given(
    st.lists(
        st.builds(
            event, st.uuids().map(str), st.sampled_from("abcdef"), st.floats(0, 48), st.floats(1, 300),
            st.floats(20, 600), st.none() | st.floats(0, 20),
        ),
        max_size=30,
    ),
    st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(("real", "false_alarm", "test"))),
)  # fmt: skip
def test_no_suggestion_ever_loses_a_real_alert(events: list[StoredEvent], outcomes: dict[str, str]) -> None:
    for it in proposals(RuleHistory(events, outcomes, UTC)):
        assert it.effect == replay(it.change, events, outcomes)
        assert it.effect.gone_by_outcome["real"] == 0 < it.effect.gone_by_outcome["false_alarm"]


@pytest.mark.parametrize(
    ("height_px", "picture_px", "share"), [(44, 360, 0.122), (36, 360, 0.1), (500, 360, 0.999), (44, 0, None)]
)
def test_a_minimum_size_is_a_setting_that_the_box_takes(height_px: float, picture_px: int, share: float | None) -> None:
    lines = yaml.safe_load(yaml_of(YARD, MinimumHeight(height_px), picture_px))
    zone = lines["cameras"][0]["zones"][0]
    assert zone == {"name": "yard", "min_height": share}
    if share is not None:
        taken = ZoneSettings(polygon=((0, 0), (1, 0), (1, 1)), **zone)
        assert taken.min_height * picture_px <= height_px, "no object that is just high enough is lost"


@pytest.mark.parametrize("change", [Inertia(5), MinimumHeight(44), Mask(1, 2, 3, 4), Asleep(time(22), time(6, 30))])
def test_the_change_is_yaml_of_the_box(change: Suggestion) -> None:
    lines = yaml.safe_load(yaml_of(YARD, change))
    zone = lines["cameras"][0]["zones"][0]
    assert (lines["cameras"][0]["id"], zone["name"]) == ("cam-1", "yard")
    if isinstance(change, Asleep):
        assert lines["schedules"][zone["schedule"]] == [{"from": "06:30", "to": "22:00"}]
