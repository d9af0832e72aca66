"""Video out for consumers, put together; nothing is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.app.broker import new_token
from aggregator.services.site_clock import SiteClock
from aggregator.services.stream_relay import StreamRelay
from aggregator.services.video_out.catalogue import CatalogueService
from aggregator.services.video_out.consumer_streams import ConsumerStreams
from aggregator.services.video_out.hls.sessions import HlsSessions
from aggregator.services.video_out.stream_tickets import StreamTickets

if TYPE_CHECKING:
    from aggregator.app.parts import Access, Core


@dataclass(frozen=True)
class VideoOut:
    """What routes need."""

    catalogue: CatalogueService
    streams: ConsumerStreams
    tickets: StreamTickets
    hls: HlsSessions


def video_out(core: Core, access: Access, relay: StreamRelay) -> VideoOut:
    """Put the parts together.

    Args:
        core: What nearly every part works with.
        access: Areas and the audit log.
        relay: Relays the live views of boxes.
    """
    streams = ConsumerStreams(relay, core.reader, access.audit_log.record, access.areas, core.clock)
    return VideoOut(
        CatalogueService(core.reader, SiteClock(core.settings.sites, core.clock), access.areas),
        streams,
        StreamTickets(core.keys, core.reader, core.clock),
        HlsSessions(streams, new_token),
    )
