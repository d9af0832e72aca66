"""Clips for somebody who may see them; each look is on the record before the first byte."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aggregator.audit.view_deduplicator import ViewDeduplicator
from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.authorization import Principal
from aggregator.domain.clip import Clip
from aggregator.domain.store_port.clips import ClipReader
from aggregator.storage.object_store import ObjectStorage
from common.clock import Clock
from protocol.identifiers import is_uuid7


@dataclass(frozen=True)
class ClipService:
    """Shows clips.

    Args:
        reader: Clips.
        objects: Where they lie.
        record: Puts an act on the record.
        looks: Which looks are on it already.
        clock: Says when.
    """

    reader: ClipReader
    objects: ObjectStorage
    record: Callable[[AuditEntry], Awaitable[None]]
    looks: ViewDeduplicator
    clock: Clock

    async def open(self, caller: Principal, alert_id: str) -> Clip | None:
        """A clip that is there, after the look is on the record; None where there is none that they may see.

        Raises:
            StoreError: It could not be recorded: nothing may be shown.
        """
        clip = await asyncio.to_thread(self.reader.clip, alert_id) if is_uuid7(alert_id) else None
        if clip is None or clip.state != "stored" or not caller.may("clips.see", clip.site, clip.camera):
            return None
        if not self.looks.known(caller.name, clip.object):
            act = AuditEntry(
                time_ns=self.clock.wall_ns(), who=caller.name, what="clip", site=clip.site, target=clip.id,
                detail={"camera": f"{clip.box}/{clip.camera}"},
            )  # fmt: skip
            await self.record(act)
            self.looks.add(caller.name, clip.object)
        return clip
