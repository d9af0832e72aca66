"""Reports of the consumer: health, metrics, log, and the change feed."""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.ingest.batch_processor import BatchResult
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from common import logging_setup
from common.errors import BrokerError, StoreError

_log = logging_setup.get("ingest")


@dataclass(frozen=True)
class IngestMonitor:
    """Reports results and failures of the consumer.

    Attributes:
        health: State of broker, store and loop.
        metrics: Counters.
        changes: The change feed.
    """

    health: Health
    metrics: Metrics
    changes: ChangeFeed

    def announce(self, outcome: BatchResult) -> None:
        """Count the results of a commit, and publish the changes."""
        metrics = self.metrics
        metrics.committed.inc(outcome.committed)
        metrics.duplicates.inc(outcome.duplicates)
        metrics.quarantined.inc(outcome.quarantined)
        metrics.statuses.inc(outcome.statuses)
        for effect, count in outcome.effects.items():
            metrics.alerts.labels(effect.value).inc(count)
        self.changes.publish(
            ChangeSet(
                outcome.alerts,
                boxes=outcome.statuses > 0,
                quarantine=outcome.quarantined > 0,
                passages=outcome.passages,
                states=outcome.states,
            )
        )

    def connected(self, yes: bool) -> None:
        """The connection to the broker is there, or not any more."""
        self.health.broker = yes
        self.metrics.connected.set(yes)
        if yes:
            self.health.problem = ""
            _log.info("connected to the broker")

    def store_works(self) -> None:
        """The store has written."""
        self.health.store = True

    def failed(self, error: Exception | None) -> None:
        """Something failed and is tried again."""
        if isinstance(error, StoreError):
            self.health.store = False
            self.metrics.store_failures.inc()
        elif isinstance(error, BrokerError):
            self.metrics.reconnects.inc()
        else:
            _log.error("ingest failed; will try again", exc_info=error)
        if self.health.problem != str(error):
            _log.warning("ingest interrupted; will try again", problem=str(error))
        self.health.problem = str(error)
