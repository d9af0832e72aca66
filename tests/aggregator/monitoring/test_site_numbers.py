"""Numbers of sites, devices and webhooks on the metrics page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from agg_support import Web

from aggregator.domain.feeds.feed_entry import FeedSpan
from aggregator.monitoring.metrics import Metrics
from aggregator.monitoring.site_numbers import SiteNumbers
from common.clock import FakeClock
from common.errors import StoreError


class FakeReader:
    """Two sites, a consumer with a webhook; or a store that does not answer."""

    def __init__(self) -> None:
        self.asked, self.away = 0, False

    def open_counts(self) -> dict[tuple[str, str, str, bool], int]:
        self.asked += 1
        if self.away:
            raise StoreError("database: away")
        return {
            ("village", "hall", "high", False): 2, ("village", "yard", "high", False): 1,
            ("village", "hall", "high", True): 4, ("harbour", "hall", "critical", False): 1,
        }  # fmt: skip

    def boxes(self) -> list[Any]:
        return [SimpleNamespace(site="village", online=it) for it in (True, True, False)]

    def cameras(self) -> list[Any]:
        return [SimpleNamespace(site="village", state=it) for it in ("running", "running", "lost")]

    def feed_span(self) -> FeedSpan:
        return FeedSpan(5, 100)

    def consumers(self) -> list[Any]:
        return [SimpleNamespace(id="c", name="district", state="active"), SimpleNamespace(id="x", state="revoked")]

    def webhooks(self, consumer_id: str) -> list[Any]:
        return [SimpleNamespace(id="hook", position=90)] if consumer_id == "c" else []

    def mqtt_outputs(self) -> list[Any]:
        return [SimpleNamespace(consumer="c", position=93), SimpleNamespace(consumer="x", position=1)]

    def dead_letter_counts(self) -> dict[str, int]:
        return {"hook": 3}


def samples(metrics: Metrics) -> dict[str, str]:
    """Name with labels → value, of the gauges of sites."""
    lines = metrics.text().decode().splitlines()
    names = ("paifang_hidden", "paifang_boxes", "paifang_cameras", "paifang_feed", "paifang_webhook", "paifang_mqtt")
    return dict(line.rsplit(" ", 1) for line in lines if line.startswith(names))


def test_the_numbers_are_read_from_the_store_and_not_more_often_than_needed() -> None:
    reader, metrics, clock = FakeReader(), Metrics(), FakeClock()
    numbers = SiteNumbers(reader, metrics, clock)  # type: ignore[arg-type]
    numbers.refresh()
    assert samples(metrics) == {
        'paifang_hidden_alerts{severity="high",site="village"}': "4.0",
        'paifang_hidden_alerts{severity="critical",site="harbour"}': "0.0",
        'paifang_boxes{site="village",state="online"}': "2.0",
        'paifang_boxes{site="village",state="offline"}': "1.0",
        'paifang_cameras{site="village",state="running"}': "2.0",
        'paifang_cameras{site="village",state="lost"}': "1.0",
        "paifang_feed_position": "100.0",
        'paifang_webhook_lag{consumer="district",webhook="hook"}': "10.0",
        'paifang_mqtt_lag{consumer="district"}': "7.0",
        'paifang_webhook_dead_letters{consumer="district",webhook="hook"}': "3.0",
    }
    numbers.refresh()
    assert reader.asked == 1
    clock.advance(5.0)
    reader.away = True
    numbers.refresh()
    assert [it for it in samples(metrics) if "hidden" in it] == [], "no values rather than old ones"
    reader.away = False
    numbers.refresh()
    assert len(samples(metrics)) == 10


def test_the_running_aggregator_has_the_numbers(web: Web) -> None:
    with web.logged_in() as client:
        text = client.get("/metrics").text
    assert "paifang_feed_position" in text
