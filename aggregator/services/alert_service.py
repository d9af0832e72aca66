"""Decisions of operators about alerts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aggregator.domain.alert import Alert, Change
from aggregator.domain.authorization import Principal
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.alerts import AlertLookup


@dataclass(frozen=True)
class AlertService:
    """Changes alerts, after a check of permissions.

    Args:
        queue: Of the store's writer.
        change: Commits a change of an alert and publishes it; called on the writer's thread.
    """

    queue: WriteJobs[AlertLookup]
    change: Callable[[str, Change], Alert | None]

    async def decide(self, caller: Principal, alert_id: str, change: Change) -> Alert | None:
        """Commit an operator's decision about an alert and publish it.

        Returns:
            The alert as it is now; None if there is none, or none that the caller may work on.

        Raises:
            StoreError: It could not be written.
        """

        def job(store: AlertLookup) -> Alert | None:
            alert = store.alert(alert_id)
            if alert is None or not caller.may("alerts.work", alert.site, alert.place):
                return None
            return self.change(alert_id, change)

        return await self.queue.write(job)
