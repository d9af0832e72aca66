"""What the API and the dashboard work with."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.audit.view_deduplicator import ViewDeduplicator
from aggregator.auth.account_service import AccountService
from aggregator.auth.authenticator import Authenticator
from aggregator.auth.oidc import OidcClient
from aggregator.domain.alert import Alert, Change
from aggregator.domain.audit_entry import Action, AuditEntry
from aggregator.domain.authorization import Areas, Permission, Principal
from aggregator.domain.clip import USE as CLIP
from aggregator.domain.list_entry import ListEntry, ListEntryRequest
from aggregator.domain.time_zones import zone_of
from aggregator.ingest.consumer import EventConsumer
from aggregator.jobs.clip_worker import ClipWorker
from aggregator.jobs.release_worker import ReleaseWorker
from aggregator.jobs.uploads import UploadReceiver
from aggregator.messaging.command_client import CommandClient
from aggregator.monitoring.change_feed import ChangeFeed
from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.services.clip_service import ClipService
from aggregator.services.live_view_service import LiveViewService
from aggregator.services.release_service import ReleaseService
from aggregator.services.search_service import SearchService
from aggregator.services.site_list_service import SiteListService
from aggregator.services.stream_relay import StreamRelay
from aggregator.settings.aggregator import Settings
from aggregator.storage import Reader, Writer
from aggregator.storage.object_store import ObjectStorage
from aggregator.storage.write_queue import Result, WriteQueue
from common.clock import SECOND_NS, Clock
from common.errors import StoreError
from protocol.commands import CommandName, Reply
from protocol.identifiers import uuid7
from protocol.signing.chunked_aead import USE as RELEASE
from protocol.topics import BoxTopics

WRITE_TIMEOUT_S = 10.0
NEEDS: dict[CommandName, Permission] = {
    "open-gate": "gate.open",
    "unlock-door": "gate.open",
    "footage-spans": "footage.look",
    "footage-still": "footage.look",
}
"""What a command to a box needs."""


@dataclass(frozen=True)
class Services:
    """The running parts, as the web side sees them."""

    settings: Settings
    reader: Reader
    mailbox: WriteQueue[Writer]
    ingest: EventConsumer
    gatekeeper: Authenticator
    health: Health
    metrics: Metrics
    broadcast: ChangeFeed
    clock: Clock
    book: SiteListService
    remote: CommandClient
    scribe: AuditLogWriter
    office: AccountService
    areas: Areas
    objects: ObjectStorage
    uploads: UploadReceiver
    provider: OidcClient | None = None
    looks: ViewDeduplicator = field(default_factory=ViewDeduplicator)

    @cached_property
    def investigations(self) -> SearchService:
        """Cases and searches."""
        return SearchService(self.reader, self.write, self.record, self.areas, self.clock)

    @cached_property
    def releases(self) -> ReleaseService:
        """Clear copies that two people agree to."""
        return ReleaseService(
            self.reader, self.write, self.record, self.investigations, self.book.keys, self.objects, self.areas,
            self.clock, random=secrets.token_bytes,
            new_id=lambda: uuid7(self.clock.wall_ns(), secrets.token_bytes(10)),
        )  # fmt: skip

    @cached_property
    def courier(self) -> ReleaseWorker:
        """What asks for them, and destroys them."""
        return ReleaseWorker(self.releases, self.remote, lambda job: self.uploads.forget(RELEASE, job))

    @cached_property
    def clips(self) -> ClipService:
        """Clips of alerts."""
        return ClipService(self.reader, self.objects, self.record, self.looks, self.clock)

    @cached_property
    def keeper(self) -> ClipWorker:
        """What asks for them, and erases them."""
        return ClipWorker(
            self.reader, self.write, self.remote, self.book.keys, self.objects, self.broadcast, self.clock,
            forget=lambda job: self.uploads.forget(CLIP, job), random=secrets.token_bytes,
            new_id=lambda: uuid7(self.clock.wall_ns(), secrets.token_bytes(10)),
        )  # fmt: skip

    @cached_property
    def live(self) -> LiveViewService:
        """Live views."""
        hub = StreamRelay(
            self.remote, self.book.keys, self.clock, random=secrets.token_bytes,
            new_id=lambda: uuid7(self.clock.wall_ns(), secrets.token_bytes(10)),
        )  # fmt: skip
        return LiveViewService(hub, self.reader, self.record, self.gatekeeper.who, self._case, self.clock)

    async def record(self, act: AuditEntry) -> None:
        """Put a look on the record; only then may it be shown.

        Raises:
            StoreError: It could not be recorded: nothing may be shown.
        """
        try:
            await asyncio.wait_for(asyncio.wrap_future(self.scribe.put(act)), WRITE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error

    async def picture(self, caller: Principal, event_id: str) -> bytes | None:
        """An event's blurred picture, after the look is on the record; None where there is none that they may see.

        One user's looks at one picture are recorded once, however often a page is loaded.

        Raises:
            StoreError: It could not be recorded: nothing may be shown.
        """
        where = await asyncio.to_thread(self.reader.whereabouts, event_id)
        if where is None or not caller.may("alerts.see", *where):
            return None
        jpeg = await asyncio.to_thread(self.reader.picture, event_id)
        if jpeg is not None and not self.looks.known(caller.name, event_id):
            now_ns = self.clock.wall_ns()
            await self.record(AuditEntry(time_ns=now_ns, who=caller.name, what="view", site=where[0], target=event_id))
            self.looks.add(caller.name, event_id)
        return jpeg

    async def command(
        self, caller: Principal, topics: BoxTopics, name: CommandName, target: str, *, reason: str,
        span: tuple[int, int] = (0, 0),
    ) -> Reply:  # fmt: skip
        """As `Remote.command`, for somebody who may.

        Raises:
            Forbidden: They may not.
            CommandError: The reason is missing, the box does not answer, or it says why not.
            StoreError: It could not be recorded; then nothing was sent.
        """
        caller.need(NEEDS[name], topics.site, target)
        case = await self._case(topics.site, target, reason) if NEEDS[name] == "footage.look" else ""
        return await self.remote.command(topics, name, target, caller.name, reason=reason, span=span, case=case)

    async def _case(self, site: str, place: str, reason: str) -> str:
        """The open case that a reason names, so that the record has it where an auditor looks for it."""
        case = await asyncio.to_thread(self.reader.case, reason.strip()[:64])
        if case is None or case.site != site or not case.open_at(self.clock.wall_ns()):
            return ""
        return case.id if not case.places or f"{site}/{place}" in case.places else ""

    async def write(self, work: Callable[[Writer], Result]) -> Result:
        """Have something written on the writer's thread.

        Raises:
            StoreError: It could not be written.
        """
        try:
            return await asyncio.wait_for(asyncio.wrap_future(self.mailbox.submit(work)), WRITE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error

    async def change_list(
        self, caller: Principal, site: str, wanted: list[ListEntryRequest], what: Action = "list.added"
    ) -> list[ListEntry]:
        """Add entries to a site's list, all or none, and tell its boxes.

        Raises:
            Forbidden: They may not.
            ListError: One of them cannot be.
            StoreError: It could not be written.
        """
        caller.need("list.change", site)
        made = await self.write(lambda store: self.book.add(store, site, wanted, caller.name, what))
        await self._tell(site)
        return made

    async def listed(self, caller: Principal, site: str, what: Action = "list.viewed") -> list[ListEntry]:
        """A site's list, after the look is on the record.

        Raises:
            Forbidden: They may not.
            ListError: The list was stored with other keys.
            StoreError: It could not be recorded or read.
        """
        caller.need("list.see", site)
        await self.record(AuditEntry(time_ns=self.clock.wall_ns(), who=caller.name, what=what, site=site))
        return await asyncio.to_thread(self.book.entries, site)

    async def remove_listed(self, caller: Principal, site: str, entry: str) -> bool:
        """Remove an entry and tell the site's boxes; False if there is none of that id.

        Raises:
            Forbidden: They may not.
            StoreError: It could not be written.
        """
        caller.need("list.change", site)
        removed = await self.write(lambda store: self.book.remove(store, site, entry, caller.name))
        if removed:
            await self._tell(site)
        return removed

    async def _tell(self, site: str) -> None:
        message = await asyncio.to_thread(self.book.message, site)
        if message is not None:
            self.ingest.posts.put(*message, retain=True)

    async def work_on(self, caller: Principal, alert_id: str, change: Change) -> Alert | None:
        """Have a person's decision about an alert committed and told to everybody.

        Returns:
            The alert as it is now; None if there is no such alert, or none that they may work on.

        Raises:
            StoreError: It could not be written.
        """

        def job(store: Writer) -> Alert | None:
            alert = store.alert(alert_id)
            if alert is None or not caller.may("alerts.work", alert.site, alert.place):
                return None
            return self.ingest.change(alert_id, change)

        return await self.write(job)

    def site_name(self, site: str) -> str:
        """How people call a site."""
        configured = self.settings.sites.get(site)
        return configured.name if configured and configured.name else site

    def local(self, site: str, time_ns: int, box_timezone: str = "UTC") -> datetime:
        """A moment on the clock of a site: its configured zone, else its box's, else UTC."""
        configured = self.settings.sites.get(site)
        zone = zone_of(configured.timezone if configured else None, box_timezone)
        return datetime.fromtimestamp(time_ns // SECOND_NS, UTC).astimezone(zone)
