"""Clips, after a check of permissions; each access is in the audit log before the first byte."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from aggregator.audit.view_deduplicator import ViewDeduplicator
from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.clip import Clip
from aggregator.domain.store_port.alerts import AlertReader
from aggregator.domain.store_port.clips import ClipReader
from aggregator.storage.object_store import ObjectStorage
from common.clock import Clock
from protocol.identifiers import is_uuid7


class AlertClipReader(AlertReader, ClipReader, Protocol):
    """Reads clips and their alerts."""


@dataclass(frozen=True)
class ClipService:
    """Shows clips.

    Args:
        reader: Clips and their alerts.
        objects: Where they lie.
        record: Writes an entry to the audit log.
        views: Which views are on it already.
        clock: The present time.
    """

    reader: AlertClipReader
    objects: ObjectStorage
    record: Callable[[AuditEntry], Awaitable[None]]
    views: ViewDeduplicator
    clock: Clock

    async def open(self, caller: Principal, alert_id: str) -> Clip | None:
        """A stored clip, after the access is in the audit log; None if the caller may see none.

        Raises:
            StoreError: It could not be recorded: nothing may be shown.
        """
        clip = await asyncio.to_thread(self._of_alert, alert_id) if is_uuid7(alert_id) else None
        if clip is None or clip.state != "stored" or not caller.may("clips.see", clip.site, clip.camera):
            return None
        if not self.views.known(caller.name, clip.object):
            entry = AuditEntry(
                time_ns=self.clock.wall_ns(), who=caller.name, what="clip", site=clip.site, target=clip.id,
                detail={"camera": f"{clip.box}/{clip.camera}"},
            )  # fmt: skip
            await self.record(entry)
            self.views.add(caller.name, clip.object)
        return clip

    def _of_alert(self, alert_id: str) -> Clip | None:
        """The clip of an alert; those of events and of marked ranges are shown under their case only."""
        return None if self.reader.alert_by_id(alert_id) is None else self.reader.clip(alert_id)
