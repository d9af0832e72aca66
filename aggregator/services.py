"""What the API and the dashboard work with."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from aggregator.alerts import Alert, Change
from aggregator.broadcast import Broadcast
from aggregator.clips.clip import USE as CLIP
from aggregator.clips.desk import Clips
from aggregator.clips.keeper import Keeper
from aggregator.config import Settings
from aggregator.health import Health
from aggregator.ingest import Ingest
from aggregator.lists.book import Book
from aggregator.lists.entries import Entry, Wanted
from aggregator.live.desk import LiveViews
from aggregator.live.hub import Hub
from aggregator.mailbox import Mailbox, Result
from aggregator.metrics import Metrics
from aggregator.objects import Objects
from aggregator.record.acts import Act, What
from aggregator.record.looks import Looks
from aggregator.record.scribe import Scribe
from aggregator.releases.courier import Courier
from aggregator.releases.desk import Releases
from aggregator.remote import Remote
from aggregator.search.desk import Investigations
from aggregator.staff.gatekeeper import Gatekeeper
from aggregator.staff.office import Office
from aggregator.staff.oidc import Provider
from aggregator.staff.roles import Areas, Caller, Permission
from aggregator.stores import Reader, Writer
from aggregator.uploads import Uploads
from aggregator.zones import zone_of
from common.clock import SECOND_NS, Clock
from common.errors import StoreError
from events.commands import CommandName, Reply
from events.identifiers import uuid7
from events.releases import USE as RELEASE
from events.topics import BoxTopics

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
    mailbox: Mailbox[Writer]
    ingest: Ingest
    gatekeeper: Gatekeeper
    health: Health
    metrics: Metrics
    broadcast: Broadcast
    clock: Clock
    book: Book
    remote: Remote
    scribe: Scribe
    office: Office
    areas: Areas
    objects: Objects
    uploads: Uploads
    provider: Provider | None = None
    looks: Looks = field(default_factory=Looks)

    @cached_property
    def investigations(self) -> Investigations:
        """Cases and searches."""
        return Investigations(self.reader, self.write, self.record, self.areas, self.clock)

    @cached_property
    def releases(self) -> Releases:
        """Clear copies that two people agree to."""
        return Releases(
            self.reader, self.write, self.record, self.investigations, self.book.keys, self.objects, self.areas,
            self.clock, random=secrets.token_bytes,
            new_id=lambda: uuid7(self.clock.wall_ns(), secrets.token_bytes(10)),
        )  # fmt: skip

    @cached_property
    def courier(self) -> Courier:
        """What asks for them, and destroys them."""
        return Courier(self.releases, self.remote, lambda job: self.uploads.forget(RELEASE, job))

    @cached_property
    def clips(self) -> Clips:
        """Clips of alerts."""
        return Clips(self.reader, self.objects, self.record, self.looks, self.clock)

    @cached_property
    def keeper(self) -> Keeper:
        """What asks for them, and erases them."""
        return Keeper(
            self.reader, self.write, self.remote, self.book.keys, self.objects, self.broadcast, self.clock,
            forget=lambda job: self.uploads.forget(CLIP, job), random=secrets.token_bytes,
            new_id=lambda: uuid7(self.clock.wall_ns(), secrets.token_bytes(10)),
        )  # fmt: skip

    @cached_property
    def live(self) -> LiveViews:
        """Live views."""
        hub = Hub(
            self.remote, self.book.keys, self.clock, random=secrets.token_bytes,
            new_id=lambda: uuid7(self.clock.wall_ns(), secrets.token_bytes(10)),
        )  # fmt: skip
        return LiveViews(hub, self.reader, self.record, self.gatekeeper.who, self._case, self.clock)

    async def record(self, act: Act) -> None:
        """Put a look on the record; only then may it be shown.

        Raises:
            StoreError: It could not be recorded: nothing may be shown.
        """
        try:
            await asyncio.wait_for(asyncio.wrap_future(self.scribe.put(act)), WRITE_TIMEOUT_S)
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error

    async def picture(self, caller: Caller, event_id: str) -> bytes | None:
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
            await self.record(Act(time_ns=now_ns, who=caller.name, what="view", site=where[0], target=event_id))
            self.looks.add(caller.name, event_id)
        return jpeg

    async def command(
        self, caller: Caller, topics: BoxTopics, name: CommandName, target: str, *, reason: str,
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
        self, caller: Caller, site: str, wanted: list[Wanted], what: What = "list.added"
    ) -> list[Entry]:
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

    async def listed(self, caller: Caller, site: str, what: What = "list.viewed") -> list[Entry]:
        """A site's list, after the look is on the record.

        Raises:
            Forbidden: They may not.
            ListError: The list was stored with other keys.
            StoreError: It could not be recorded or read.
        """
        caller.need("list.see", site)
        await self.record(Act(time_ns=self.clock.wall_ns(), who=caller.name, what=what, site=site))
        return await asyncio.to_thread(self.book.entries, site)

    async def remove_listed(self, caller: Caller, site: str, entry: str) -> bool:
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

    async def work_on(self, caller: Caller, alert_id: str, change: Change) -> Alert | None:
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
