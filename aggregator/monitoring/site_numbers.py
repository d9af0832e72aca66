"""Numbers of sites: hidden alerts, devices, how far consumers are; read when they are asked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol

from aggregator.domain.store_port.alerts import AlertReader
from aggregator.domain.store_port.events import FleetReader
from aggregator.domain.store_port.feeds import MqttReader, WebhookReader
from aggregator.monitoring.metrics import Metrics
from common.clock import Clock
from common.errors import StoreError
from common.running.fresh_value import FreshValue


class NumbersReader(AlertReader, FleetReader, MqttReader, WebhookReader, Protocol):
    """What is counted."""


@dataclass
class SiteNumbers:
    """May be used from any thread.

    Args:
        reader: Of the store.
        metrics: Whose gauges are set.
        clock: Monotonic time.
    """

    reader: NumbersReader
    metrics: Metrics
    clock: Clock
    _fresh: FreshValue[None] = field(init=False)

    def __post_init__(self) -> None:
        self._fresh = FreshValue(self._set, self.clock)

    def refresh(self) -> None:
        """Set the gauges; where the store does not answer, they have no values rather than old ones."""
        try:
            self._fresh.get()
        except StoreError:
            self._clear()

    def _set(self) -> None:
        self._clear()
        self._alerts()
        self._devices()
        self._feeds()

    def _clear(self) -> None:
        metrics = self.metrics
        for gauge in (
            metrics.hidden_alerts,
            metrics.boxes,
            metrics.cameras,
            metrics.webhook_lag,
            metrics.mqtt_lag,
            metrics.webhook_letters,
        ):
            gauge.clear()

    def _alerts(self) -> None:
        found: Counter[tuple[str, str]] = Counter()
        for (site, _place, severity, suppressed), number in self.reader.open_counts().items():
            found[site, severity] += number if suppressed else 0
        for labels, number in found.items():
            self.metrics.hidden_alerts.labels(*labels).set(number)

    def _devices(self) -> None:
        boxes = Counter((it.site, "online" if it.online else "offline") for it in self.reader.boxes())
        for labels, number in boxes.items():
            self.metrics.boxes.labels(*labels).set(number)
        cameras = Counter((it.site, it.state) for it in self.reader.cameras())
        for labels, number in cameras.items():
            self.metrics.cameras.labels(*labels).set(number)

    def _feeds(self) -> None:
        newest, letters = self.reader.feed_span().newest, self.reader.dead_letter_counts()
        self.metrics.feed_position.set(newest)
        outputs = {it.consumer: it for it in self.reader.mqtt_outputs()}
        for consumer in self.reader.consumers():
            if consumer.state not in ("active", "paused"):
                continue
            if consumer.id in outputs:
                self.metrics.mqtt_lag.labels(consumer.name).set(max(0, newest - outputs[consumer.id].position))
            for hook in self.reader.webhooks(consumer.id):
                self.metrics.webhook_lag.labels(consumer.name, hook.id).set(max(0, newest - hook.position))
                self.metrics.webhook_letters.labels(consumer.name, hook.id).set(letters.get(hook.id, 0))
