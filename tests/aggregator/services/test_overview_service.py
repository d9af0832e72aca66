"""The overview: read once for many readers, each sees what lies within; the metrics have the same numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from agg_support import START_NS
from prometheus_client.parser import text_string_to_metric_families

from aggregator.domain.accounts.authorization import Principal, parse
from aggregator.domain.quality.availability import Device, StateEvent
from aggregator.domain.quality.overview import ALL, AnswerRow, DeviceFigures, OpenedRow, OpenStates, RecentAlerts
from aggregator.domain.read_models import Box, Camera, Place
from aggregator.monitoring.site_metrics import SiteMetrics
from aggregator.services.monitoring import overview_service
from aggregator.services.monitoring.overview_service import EVERYWHERE, OPEN_NS, RECENT_NS, OverviewService
from aggregator.services.site_clock import SiteClock
from common.clock import DAY_NS, SECOND_NS, FakeClock
from common.errors import Forbidden, StoreError
from protocol.receipts import DoorStatus, GateStatus

AREAS = {("village", "hall"): frozenset({"halls"})}


def box(site: str, name: str, online: bool) -> Box:
    return Box(
        site=site, box=name, epoch="e", online=online, version="", timezone="UTC", outbox_waiting=0, outbox_bytes=0,
        status_ns=0, committed=0, lost=0, quarantined=0, gaps=[],
    )  # fmt: skip


def camera(box_name: str, name: str, state: str = "up") -> Camera:
    return Camera(site="village", box=box_name, id=name, name="", state=state, fps=1, watch="", seen_ns=0)


@dataclass
class Reader:
    """Two boxes of a village, one of them away; a harbour. `reads` are the names of what was asked."""

    reads: list[str] = field(default_factory=list)
    failing: bool = False
    sites: int = 0

    def open_states(self) -> OpenStates:
        self.reads.append("open")
        return {
            ("village", "hall", "high", "unacknowledged"): 2, ("village", "yard", "low", "assigned"): 1,
            ("harbour", "pier", "high", "acknowledged"): 4,
        }  # fmt: skip

    def recent_alerts(self, now_ns: int) -> RecentAlerts:
        self.reads.append("recent")
        if self.failing:
            raise StoreError("database: away")
        more = [OpenedRow(f"s-{it:04}", "p", "low", (1,) * 6) for it in range(self.sites)]
        opened = [
            OpenedRow("village", "hall", "high", (1, 0, 2, 1, 3, 2)),
            OpenedRow("harbour", "pier", "low", (1,) * 6),
        ]
        return RecentAlerts([*opened, *more], [], [AnswerRow("village", "hall", "high", 3 * SECOND_NS)])

    def boxes(self) -> list[Box]:
        return [box("village", "b-1", True), box("village", "b-2", False)]

    def cameras(self) -> list[Camera]:
        return [camera("b-1", "hall"), camera("b-1", "yard", "lost"), camera("b-2", "road")]

    def places(self) -> list[Place]:
        door, gate = DoorStatus(id="door", state="offline"), GateStatus(name="lane", camera="yard")
        return [Place("village", "b-1", True, "UTC", it) for it in (door, gate)]

    def state_events(self, span: tuple[int, int], *_: Any) -> list[StateEvent]:
        return [StateEvent(Device("village", "b-1", "yard"), "camera.lost", span[1] - DAY_NS // 4)]


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now_ns=START_NS)


@pytest.fixture
def service(reader: Reader, clock: FakeClock) -> OverviewService:
    return OverviewService(cast(Any, reader), SiteClock({}, clock), AREAS)


def responder(*scopes: str) -> Principal:
    return Principal("r", tuple(parse(f"responder@{it}") for it in scopes), AREAS)


def test_many_readers_cost_one_query_and_the_figures_stay_fresh(
    service: OverviewService, reader: Reader, clock: FakeClock
) -> None:
    for _ in range(20):
        service.overview(responder("*"))
        service.overview(responder("village"))
        service.of_scope(EVERYWHERE)
    assert reader.reads == ["recent", "open"]
    clock.advance(OPEN_NS / SECOND_NS)
    service.overview(responder("village"))
    assert reader.reads == ["recent", "open", "open"]
    clock.advance(RECENT_NS / SECOND_NS)
    service.overview(responder("village"))
    assert reader.reads == ["recent", "open", "open", "recent", "open"]


@pytest.mark.parametrize(
    ("scopes", "site", "groups", "open_high"),
    [
        (["*"], None, [ALL, ("harbour", ""), ("village", ""), ("village", "halls")], 6),
        (["village"], None, [ALL, ("village", ""), ("village", "halls")], 2),
        (["*"], "harbour", [ALL, ("harbour", "")], 4),
        (["village/halls"], None, [ALL, ("village", ""), ("village", "halls")], 2),
        (["village/halls", "harbour"], "village", [ALL, ("village", ""), ("village", "halls")], 2),
        (["elsewhere"], None, [ALL], 0),
    ],
)
def test_each_caller_sees_what_lies_within(
    service: OverviewService, scopes: list[str], site: str | None, groups: list[tuple[str, str]], open_high: int
) -> None:
    found = service.overview(responder(*scopes), site)
    assert list(found.groups) == groups
    assert sum(found.open.get(ALL, {}).get("high", {}).values()) == open_high


def test_devices_work_where_their_box_is_there_and_they_are_not_lost(service: OverviewService) -> None:
    devices = service.overview(responder("village")).groups["village", ""].devices
    assert devices["camera"] == DeviceFigures(3, 1, (1 + 1 + 0.75) / 3)
    assert devices["door"] == DeviceFigures(1, 0, 1.0)
    assert devices["box"] == DeviceFigures(2, 1, 1.0)
    assert "box" not in service.overview(responder("village/halls")).groups["village", ""].devices


def test_another_site_is_refused_and_an_error_is_told_and_read_again(service: OverviewService, reader: Reader) -> None:
    with pytest.raises(Forbidden, match="harbour"):
        service.overview(responder("village"), "harbour")
    reader.failing = True
    with pytest.raises(StoreError):
        service.overview(responder("village"))
    reader.failing = False
    assert service.overview(responder("village")).groups[ALL].opened["week"].total == 3


def test_answers_and_what_is_kept_are_bounded(
    service: OverviewService, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview_service, "MOST_SCOPES", 3)
    reader.sites = overview_service.MOST_SITES + 20
    found = service.overview(responder("*"))
    assert len({site for site, _ in found.groups}) == overview_service.MOST_SITES + 1
    assert found.left_out == 22
    assert found.groups[ALL].opened["hour"].total == 2 + reader.sites, "those left out count in all"
    for number in range(9):
        service.overview(responder(f"s-{number:04}"))
    assert len(service._recent.get().by_scope) <= 3
    assert service.overview(responder("*"), "village").left_out == 0


def test_the_metrics_have_the_same_numbers(service: OverviewService) -> None:
    found = service.of_scope(EVERYWHERE)
    text = SiteMetrics(found.groups, found.open, found.left_out).text().decode()
    read = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    samples = {(it.name, *sorted(value for value in it.labels.values() if value)): it.value for it in read}
    assert samples["paifang_open_alerts", "halls", "high", "unacknowledged", "village"] == 2
    assert samples["paifang_open_alerts", "assigned", "low", "village"] == 1
    assert samples["paifang_open_alerts", "acknowledged", "harbour", "low"] == 0
    assert samples["paifang_opened_alerts", "day", "high", "village"] == 2
    assert samples["paifang_response_seconds", "0.95", "high", "village"] == 3
    assert samples["paifang_answered_alerts", "halls", "high", "village"] == 1
    assert samples["paifang_devices_working", "camera", "village"] == 1
    assert samples["paifang_device_availability_ratio", "box", "village"] == 1
    assert {it.labels.get("site") for it in read} == {"village", "harbour", None}, "sites add up to everything"
