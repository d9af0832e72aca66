"""Clips of alerts for consumers: the feed names the address, the answer the hash; each access is logged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.alerts.types import Alert
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.clip import Clip
from aggregator.domain.feeds.consumer import Consumer
from aggregator.services.footage.clip_service import AlertClipReader
from aggregator.storage.object_store import ObjectStorage
from common.clock import Clock
from common.errors import FeedConflict
from protocol.identifiers import is_uuid7


@dataclass(frozen=True)
class ClipHandover:
    """Called on the event loop; the store is asked beside it.

    Args:
        reader: Clips and their alerts.
        objects: Where clips lie.
        record: Writes an audit entry; returns when it is on the disk.
        areas: The areas of each place.
        clock: The present.
    """

    reader: AlertClipReader
    objects: ObjectStorage
    record: Callable[[AuditEntry], Awaitable[None]]
    areas: Areas
    clock: Clock

    async def open(self, consumer: Consumer, alert_id: str) -> Clip | None:
        """The redacted clip of an alert, after the access is in the audit log; None where the consumer may see none.

        Raises:
            FeedConflict: It is not there yet.
            StoreError: It could not be logged: nothing may be handed over.
        """
        if "clips" not in consumer.selection.media or not is_uuid7(alert_id):
            return None
        alert, clip = await asyncio.to_thread(lambda: (self.reader.alert_by_id(alert_id), self.reader.clip(alert_id)))
        if alert is None or clip is None or not self._shown(consumer, alert):
            return None
        if clip.open:
            raise FeedConflict("the clip is being made; try again in a minute")
        if clip.state != "stored":
            return None
        await self.record(
            AuditEntry(
                time_ns=self.clock.wall_ns(), who=f"consumer:{consumer.name}", what="clip", site=clip.site,
                target=clip.id, detail={
                    "camera": f"{clip.box}/{clip.camera}", "consumer": consumer.id, "clip": clip.digest,
                },
            )
        )  # fmt: skip
        return clip

    def _shown(self, consumer: Consumer, alert: Alert) -> bool:
        """Whether the alert is in the consumer's feed."""
        chosen = consumer.selection
        return (
            "alerts" in chosen.contents
            and chosen.within(self.areas).holds(alert.site, alert.place)
            and (not chosen.kinds or alert.kind in chosen.kinds)
            and (not chosen.severities or alert.severity in chosen.severities)
            and alert.opened_ns >= consumer.decided_ns
        )
