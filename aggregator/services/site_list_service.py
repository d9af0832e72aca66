"""A site's list, after a check of permissions; the site's boxes get each change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.domain.audit_entry import Action, AuditEntry
from aggregator.domain.authorization import Principal
from aggregator.domain.list_entry import ListEntry, ListEntryRequest
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.site_lists import SiteListWriter
from aggregator.services import site_list_csv
from aggregator.services.site_list_csv import Row
from aggregator.services.site_list_repository import SiteListRepository
from common.clock import Clock


@dataclass(frozen=True)
class SiteListService:
    """Lists of vehicles and credentials.

    Args:
        lists: The stored lists.
        queue: Of the store's writer.
        audit_log: Each access is in it.
        publish: Sends topic and payload to a site's boxes.
        clock: Of the audit entries.
    """

    lists: SiteListRepository
    queue: WriteJobs[SiteListWriter]
    audit_log: AuditLogWriter
    publish: Callable[[str, bytes], None]
    clock: Clock

    async def add(
        self, caller: Principal, site: str, wanted: list[ListEntryRequest], action: Action = "list.added"
    ) -> list[ListEntry]:
        """Add entries, all or none, and send the list to the site's boxes.

        Raises:
            Forbidden: The caller may not change this list.
            ListError: One of the entries is wrong, or there would be too many.
            StoreError: It could not be written.
        """
        caller.need("list.change", site)
        made = await self.queue.write(lambda store: self.lists.add(store, site, wanted, caller.name, action))
        await self._send(site)
        return made

    async def entries(self, caller: Principal, site: str, action: Action = "list.viewed") -> list[ListEntry]:
        """A site's list, after the access is in the audit log.

        Raises:
            Forbidden: The caller may not see this list.
            ListError: The list was stored with other keys.
            StoreError: The access could not be logged, or the list not read.
        """
        caller.need("list.see", site)
        await self.audit_log.record(AuditEntry(time_ns=self.clock.wall_ns(), who=caller.name, what=action, site=site))
        return await asyncio.to_thread(self.lists.entries, site)

    async def remove(self, caller: Principal, site: str, entry: str) -> bool:
        """Remove an entry and send the list to the site's boxes; False if there is none of that id.

        Raises:
            Forbidden: The caller may not change this list.
            StoreError: It could not be written.
        """
        caller.need("list.change", site)
        removed = await self.queue.write(lambda store: self.lists.remove(store, site, entry, caller.name))
        if removed:
            await self._send(site)
        return removed

    async def load(self, caller: Principal, site: str, data: bytes) -> list[Row]:
        """Add the good rows of a CSV file, all or none.

        Returns:
            All rows; one without an entry says what is wrong with it.

        Raises:
            Forbidden: The caller may not change this list.
            ListError: The file cannot be read, or there would be too many entries.
            StoreError: It could not be written.
        """
        caller.need("list.change", site)
        rows = site_list_csv.read(data, self.clock.wall_ns(), self.lists.grammars_of(site))
        good = [row.wanted for row in rows if row.wanted is not None]
        if good:
            await self.add(caller, site, good, "list.imported")
        return rows

    async def _send(self, site: str) -> None:
        message = await asyncio.to_thread(self.lists.message, site)
        if message is not None:
            self.publish(*message)
