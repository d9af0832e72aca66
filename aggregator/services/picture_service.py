"""Redacted pictures of events, after a check of permissions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.audit.view_deduplicator import ViewDeduplicator
from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_anomalies import SHOWN
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port.events import EventReader
from common.clock import Clock


@dataclass(frozen=True)
class PictureService:
    """Shows pictures.

    Args:
        reader: Of the store.
        audit_log: Each access is in it.
        views: Accesses that are in it already: one user's views of one picture are logged once, however often a page
            is loaded.
        clock: Of the audit entries.
    """

    reader: EventReader
    audit_log: AuditLogWriter
    views: ViewDeduplicator
    clock: Clock

    async def open(self, caller: Principal, event_id: str, *, by_page: bool = False) -> bytes | None:
        """An event's redacted JPEG, after the access is in the audit log; None if the caller may see none.

        Args:
            caller: Who sees it.
            event_id: The event.
            by_page: A page shows it by itself, as a preview; opened later, it is logged again as a deliberate access.

        Raises:
            StoreError: The access could not be logged, so nothing may be shown.
        """
        origin = await asyncio.to_thread(self.reader.event_origin, event_id)
        if origin is None or not caller.may("alerts.pictures", origin.site, origin.place):
            return None
        jpeg = await asyncio.to_thread(self.reader.picture, event_id)
        seen = f"{event_id} shown" if by_page else event_id
        if jpeg is not None and not self.views.known(caller.name, seen):
            now_ns = self.clock.wall_ns()
            await self.audit_log.record(
                AuditEntry(
                    time_ns=now_ns,
                    who=caller.name,
                    what="view",
                    site=origin.site,
                    target=event_id,
                    detail={SHOWN: "page"} if by_page else {},
                )
            )
            self.views.add(caller.name, seen)
        return jpeg
