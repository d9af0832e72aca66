"""Why a gate decided as it did: the list entry behind an event, after a check of permissions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import Passage
from aggregator.domain.site_lists.list_entry import ListEntry, ListStatus
from aggregator.domain.store_port.events import EventReader
from aggregator.services.site_lists.site_list_repository import SiteListRepository
from common.clock import Clock


@dataclass(frozen=True)
class EntryReason:
    """A list entry without its plate: what a person at the gate needs.

    Attributes:
        entry: Its id.
        from_ns: Begin of its validity, UTC nanoseconds.
        until_ns: End of its validity.
    """

    entry: str
    standing: ListStatus
    owner: str
    reason: str
    from_ns: int | None
    until_ns: int | None
    by: str


@dataclass(frozen=True)
class PassageService:
    """Explains passages.

    Args:
        reader: Events.
        lists: The sites' lists.
        audit_log: Each plate that is shown is in it.
        clock: Of the audit entries.
    """

    reader: EventReader
    lists: SiteListRepository
    audit_log: AuditLogWriter
    clock: Clock

    def reasons(self, site: str, passages: Sequence[Passage]) -> dict[str, EntryReason]:
        """Entry → why, for events that the caller may see; without those that were removed or replaced. Takes a read.

        Raises:
            StoreError: The list cannot be read.
            ListError: It was stored with other keys.
        """
        ids = sorted({str(it.data["entry"]) for it in passages if it.data.get("entry")})
        return {name: _reason(entry) for name, entry in self.lists.find(site, ids).items()} if ids else {}

    async def reason(self, caller: Principal, event_id: str) -> EntryReason | None:
        """Why the gate decided so; None: no such event, no entry behind it, the entry is gone, or out of reach.

        Raises:
            StoreError: It cannot be read.
            ListError: The list was stored with other keys.
        """
        found = await asyncio.to_thread(self._entry, caller, event_id)
        return None if found is None else _reason(found)

    async def plate(self, caller: Principal, event_id: str) -> str | None:
        """The plate of the entry behind an event, after the access is in the audit log; None as for `reason`.

        Raises:
            StoreError: The access could not be logged, so nothing may be shown.
            ListError: The list was stored with other keys.
        """
        found = await asyncio.to_thread(self._entry, caller, event_id)
        if found is None:
            return None
        await self.audit_log.record(
            AuditEntry(
                time_ns=self.clock.wall_ns(), who=caller.name, what="plate.viewed", site=found.site, target=found.id,
                detail={"event": event_id},
            )
        )  # fmt: skip
        return found.text

    def _entry(self, caller: Principal, event_id: str) -> ListEntry | None:
        passage = self.reader.passage(event_id)
        if passage is None:
            return None
        site, it = passage
        within = caller.within("passages.see")
        entry = str(it.data.get("entry") or "")
        if not entry or not (within.holds(site, it.place) or within.holds(site, str(it.data.get("gate", "")))):
            return None
        return self.lists.find(site, [entry]).get(entry)


def _reason(entry: ListEntry) -> EntryReason:
    return EntryReason(entry.id, entry.standing, entry.owner, entry.reason, entry.from_ns, entry.until_ns, entry.by)
