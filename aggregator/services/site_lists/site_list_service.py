"""A site's list, after a check of permissions; the site's boxes get each change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.site_lists.conflicts import Conflict, ListConflict
from aggregator.domain.site_lists.list_entry import ListEntry, ListEntryRequest
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.site_lists import SiteListWriter
from aggregator.services.site_lists import site_list_csv
from aggregator.services.site_lists.site_list_csv import Row
from aggregator.services.site_lists.site_list_repository import SiteListRepository
from common.clock import Clock
from common.errors import ListError


@dataclass(frozen=True)
class FileRows:
    """What became of a CSV file's rows, or would become of them.

    Attributes:
        rows: All of them; one without an entry has its error.
        conflicts: Line → the entry that is there with the same text, and the row's.
        added: How many rows were added, or would be.
    """

    rows: list[Row]
    conflicts: Mapping[int, Conflict] = field(default_factory=dict)
    added: int = 0


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
        self,
        caller: Principal,
        site: str,
        wanted: list[ListEntryRequest],
        action: Action = "list.added",
        *,
        replace: bool = False,
        reason: str = "",
    ) -> list[ListEntry]:
        """Add entries, all or none, and send the list to the site's boxes.

        Args:
            caller: Who adds them.
            site: Whose list it is.
            wanted: The entries.
            action: Of the audit entry.
            replace: Entries with the same text give way, whatever their standing.
            reason: Why they give way; goes into the audit log.

        Raises:
            Forbidden: The caller may not change this list.
            ListConflict: An entry with the same text differs, and `replace` is not set.
            ListError: One of the entries is wrong, there would be too many, or the reason is missing.
            StoreError: It could not be written.
        """
        caller.need("list.change", site)
        why = _reason(reason) if replace else ""
        try:
            made = await self.queue.write(
                lambda store: self.lists.add(store, site, wanted, caller.name, what=action, replace=why)
            )
        except ListConflict as error:
            await self._log_conflicts(caller, site, error.found)
            raise
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

    async def load(
        self,
        caller: Principal,
        site: str,
        data: bytes,
        *,
        preview: bool = False,
        replace: bool = False,
        reason: str = "",
    ) -> FileRows:
        """Add the good rows of a CSV file, all or none; rows that conflict with the list are left out.

        Args:
            caller: Who adds them.
            site: Whose list it is.
            data: The file.
            preview: Change nothing; return what would be done.
            replace: Add the rows that conflict too.
            reason: Why they replace what is there.

        Raises:
            Forbidden: The caller may not change this list.
            ListError: The file cannot be read, there would be too many entries, or the reason is missing.
            StoreError: It could not be written.
        """
        caller.need("list.change", site)
        why = _reason(reason) if replace else ""
        rows = await asyncio.to_thread(self._rows, site, data)
        good = {(row.wanted.kind, row.wanted.text): row for row in rows if row.wanted is not None}
        wanted = [row.wanted for row in good.values() if row.wanted is not None]
        found = await asyncio.to_thread(self.lists.conflicts, site, wanted, caller.name)
        conflicts = {good[it.wanted.kind, it.wanted.text].line: it for it in found}
        if not replace:
            wanted = [row.wanted for row in good.values() if row.wanted is not None and row.line not in conflicts]
        if found:
            await self._log_conflicts(caller, site, found)
        if wanted and not preview:
            await self.add(caller, site, wanted, "list.imported", replace=replace, reason=why)
        return FileRows(rows, conflicts, len(wanted))

    def _rows(self, site: str, data: bytes) -> list[Row]:
        return site_list_csv.read(data, self.clock.wall_ns(), self.lists.grammars_of(site), self.lists.zone(site))

    async def _log_conflicts(self, caller: Principal, site: str, found: Sequence[Conflict]) -> None:
        """A conflict shows an entry that is there: an access like any other."""
        target = found[0].present.id if len(found) == 1 else ""
        detail = {"conflicts": str(len(found))}
        await self.audit_log.record(
            AuditEntry(
                time_ns=self.clock.wall_ns(),
                who=caller.name,
                what="list.viewed",
                site=site,
                target=target,
                detail=detail,
            )
        )

    async def _send(self, site: str) -> None:
        message = await asyncio.to_thread(self.lists.message, site)
        if message is not None:
            self.publish(*message)


def _reason(text: str) -> str:
    if not text.strip():
        problem = "reason: is missing; replacing an entry needs one"
        raise ListError(problem, sentence="error.list.replace_reason", field="reason")
    return text.strip()
