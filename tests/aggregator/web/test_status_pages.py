"""What a box says of itself cannot break a page: it is quarantined, and what gets past is shown as a placeholder."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import Any, cast

import pytest
from agg_support import run_apart

from aggregator.domain.store_port.events import FleetReader
from aggregator.ingest.message_validator import InvalidMessage, validate
from aggregator.services.site_clock import zone_of
from aggregator.web.dashboard.i18n.texts import TEXTS
from aggregator.web.dashboard.shell.page_layout import PageContext, rendered
from protocol.receipts import BoxStatus, encode
from protocol.topics import BoxTopics

STATUS = json.loads(encode(BoxStatus(online=True)))
DOOR: dict[str, object] = {"id": "d1", "name": "Hall", "state": "open"}


@pytest.mark.parametrize(
    "changed",
    [
        *({"timezone": it} for it in ("../../etc/passwd", "/etc/passwd", "", "Asia/Shanghai\n", "x" * 5000, 7, None)),
        *({"doors": [DOOR | {"opened": it}]} for it in ("soon", "2026-13-01T00:00:00Z", "9" * 400, 7, None)),
    ],
)
def test_a_status_that_no_page_can_show_is_quarantined(changed: dict[str, object]) -> None:
    topic = BoxTopics("village", "gate-1").status
    verdict = validate(topic, json.dumps(STATUS | changed).encode(), 10**18)
    assert isinstance(verdict, InvalidMessage)
    assert next(iter(changed)) in verdict.reason


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "soon", "", "x" * 5000, "a\0b", None])
def test_a_time_zone_that_is_none_is_utc(name: str | None) -> None:
    assert zone_of(name).key == "UTC"
    assert zone_of(name, "Asia/Shanghai").key == "Asia/Shanghai"


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OverflowError(), RecursionError()])
def test_a_part_that_cannot_be_made_is_replaced_by_a_sentence(error: Exception) -> None:
    def make() -> str:
        raise error

    assert TEXTS["en"]["part.failed"] in rendered(make, TEXTS["en"])
    assert rendered(lambda: "<b>x</b>", TEXTS["en"]) == "<b>x</b>"


def test_what_a_page_offers_is_read_off_the_event_loop() -> None:
    threads: list[threading.Thread] = []

    def read() -> list[object]:
        threads.append(threading.current_thread())
        return []

    async def loop() -> threading.Thread:
        nothing: Any = None
        fleet = cast(FleetReader, SimpleNamespace(cameras=read, boxes=read))
        await PageContext(fleet, nothing, nothing).known()
        return threading.current_thread()

    assert run_apart(loop()) not in threads
    assert len(threads) == 2
