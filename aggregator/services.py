"""What the API and the dashboard work with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aggregator.alerts import Alert, Change
from aggregator.auth import Gatekeeper
from aggregator.broadcast import Broadcast
from aggregator.config import Settings
from aggregator.health import Health
from aggregator.ingest import Ingest
from aggregator.ledger import Ledger
from aggregator.mailbox import Mailbox
from aggregator.metrics import Metrics
from aggregator.stores import Reader
from common.clock import SECOND_NS, Clock
from common.errors import StoreError

WRITE_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class Services:
    """The running parts, as the web side sees them."""

    settings: Settings
    reader: Reader
    mailbox: Mailbox[Ledger]
    ingest: Ingest
    gatekeeper: Gatekeeper
    health: Health
    metrics: Metrics
    broadcast: Broadcast
    clock: Clock

    async def work_on(self, alert_id: str, change: Change) -> Alert | None:
        """Have a person's decision about an alert committed and told to everybody.

        Returns:
            The alert as it is now; None if there is no such alert.

        Raises:
            StoreError: It could not be written.
        """

        def job(ledger: Ledger) -> Alert | None:
            outcome = ledger.change(alert_id, change)
            if outcome is None:
                return None
            self.ingest.announce(outcome)
            return outcome.alerts[alert_id]

        try:
            future = asyncio.wrap_future(self.mailbox.submit(job))
            return await asyncio.wait_for(future, WRITE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error

    def site_name(self, site: str) -> str:
        """How people call a site."""
        configured = self.settings.sites.get(site)
        return configured.name if configured and configured.name else site

    def local(self, site: str, time_ns: int, box_timezone: str = "UTC") -> datetime:
        """A moment on the clock of a site: its configured zone, else its box's, else UTC."""
        configured = self.settings.sites.get(site)
        name = (configured.timezone if configured else None) or box_timezone
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            zone = ZoneInfo("UTC")
        return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).astimezone(zone)
