"""Prometheus metrics of the aggregator."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

_BATCH_BUCKETS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter, gauge = self._counter, self._gauge
        self.received = counter("paifang_ingest_received", "Messages received from the broker.")
        self.committed = counter("paifang_ingest_committed", "Events committed for the first time.")
        self.duplicates = counter("paifang_ingest_duplicates", "Events that were already stored.")
        self.quarantined = counter("paifang_ingest_quarantined", "Invalid messages, in the dead-letter queue.")
        self.statuses = counter("paifang_ingest_statuses", "Statuses of boxes.")
        self.receipts = counter("paifang_ingest_receipts", "Receipts published.")
        self.reconnects = counter("paifang_ingest_reconnects", "Connections to the broker that failed or ended.")
        self.store_failures = counter("paifang_store_failures", "Commits that failed and are tried again.")
        self.alerts = Counter("paifang_alerts", "Changes of alerts by effect.", ["effect"], registry=self.registry)
        self.logins = Counter("paifang_logins", "Log-ins by result.", ["result"], registry=self.registry)
        self.gaps = gauge("paifang_ingest_gaps", "Sequence numbers that boxes have used and that have not arrived.")
        self.connected = gauge("paifang_broker_connected", "1 while the broker has accepted the aggregator.")
        self.batch = Histogram(
            "paifang_ingest_batch_messages", "Messages in one commit.", buckets=_BATCH_BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self.commit_s = Histogram(
            "paifang_ingest_commit_seconds", "Time to commit a batch to the disk.",
            buckets=_SECONDS_BUCKETS, registry=self.registry,
        )  # fmt: skip

        self.hidden_alerts = self._labelled("paifang_hidden_alerts", "Open alerts that are hidden.", "site", "severity")
        self.boxes = self._labelled("paifang_boxes", "Boxes by state.", "site", "state")
        self.cameras = self._labelled("paifang_cameras", "Cameras by state.", "site", "state")
        self.feed_position = gauge("paifang_feed_position", "The newest position of the feed for consumers.")
        self.webhook_lag = self._labelled(
            "paifang_webhook_lag", "Entries of the feed after a webhook's position.", "consumer", "webhook"
        )
        self.mqtt_lag = self._labelled(
            "paifang_mqtt_lag", "Entries of the feed that the broker has not acknowledged for a consumer.", "consumer"
        )
        self.webhook_letters = self._labelled(
            "paifang_webhook_dead_letters", "Messages of a webhook that were given up.", "consumer", "webhook"
        )

    def _labelled(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(name, text, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
