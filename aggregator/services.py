"""What the API and the dashboard work with."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from aggregator.alerts import Alert, Change
from aggregator.auth import Gatekeeper
from aggregator.broadcast import Broadcast
from aggregator.config import Settings
from aggregator.health import Health
from aggregator.ingest import Ingest
from aggregator.ledger import Ledger
from aggregator.lists.book import Book
from aggregator.lists.entries import Entry, Wanted
from aggregator.mailbox import Mailbox, Result
from aggregator.metrics import Metrics
from aggregator.record.acts import Act, What
from aggregator.record.scribe import Scribe
from aggregator.remote import Remote
from aggregator.stores import Reader
from common.clock import SECOND_NS, Clock
from common.errors import StoreError

WRITE_TIMEOUT_S = 10.0


class Looks:
    """Which pictures somebody has seen since the start: bounded, oldest forgotten first. On the event loop only."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    def known(self, user: str, picture: str) -> bool:
        """Whether this look is on the record already."""
        return (user, picture) in self._seen

    def add(self, user: str, picture: str) -> None:
        """It is on the record now."""
        self._seen[user, picture] = None
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)


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
    book: Book
    remote: Remote
    scribe: Scribe
    looks: Looks = field(default_factory=Looks)

    async def record(self, act: Act) -> None:
        """Put a look on the record; only then may it be shown.

        Raises:
            StoreError: It could not be recorded: nothing may be shown.
        """
        try:
            await asyncio.wait_for(asyncio.wrap_future(self.scribe.put(act)), WRITE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error

    async def record_view(self, user: str, picture: str) -> None:
        """Put a look at a picture on the record; once for each user and picture, however often a page is loaded.

        Raises:
            StoreError: It could not be recorded: nothing may be shown.
        """
        if not self.looks.known(user, picture):
            await self.record(Act(time_ns=self.clock.wall_ns(), who=user, what="view", target=picture))
            self.looks.add(user, picture)

    async def write(self, work: Callable[[Ledger], Result]) -> Result:
        """Have something written on the writer's thread.

        Raises:
            StoreError: It could not be written.
        """
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self.mailbox.submit(work)), WRITE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error

    async def change_list(self, site: str, wanted: list[Wanted], by: str, what: What = "list.added") -> list[Entry]:
        """Add entries to a site's list, all or none, and tell its boxes.

        Raises:
            ListError: One of them cannot be.
            StoreError: It could not be written.
        """
        made = await self.write(lambda ledger: self.book.add(ledger.store, site, wanted, by, what))
        await self._tell(site)
        return made

    async def remove_listed(self, site: str, entry: str, by: str) -> bool:
        """Remove an entry and tell the site's boxes; False if there is none of that id.

        Raises:
            StoreError: It could not be written.
        """
        removed = await self.write(lambda ledger: self.book.remove(ledger.store, site, entry, by))
        if removed:
            await self._tell(site)
        return removed

    async def _tell(self, site: str) -> None:
        message = await asyncio.to_thread(self.book.message, site)
        if message is not None:
            self.ingest.posts.put(*message, retain=True)

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

        return await self.write(job)

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
