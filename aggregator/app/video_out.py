"""Video out for consumers, put together; nothing is started."""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.app.broker import new_token
from aggregator.jobs.video_output_jobs import VideoOutputRunner
from aggregator.services.feeds.consumer_service import ConsumerService
from aggregator.services.site_clock import SiteClock
from aggregator.services.stream_relay import StreamRelay
from aggregator.services.video_out.catalogue import CatalogueService
from aggregator.services.video_out.clip_handover import ClipHandover
from aggregator.services.video_out.consumer_streams import ConsumerStreams
from aggregator.services.video_out.hls.sessions import HlsSessions
from aggregator.services.video_out.output_service import VideoOutputService
from aggregator.services.video_out.push.pusher import Pusher
from aggregator.services.video_out.stream_tickets import StreamTickets
from aggregator.storage.object_store import ObjectStorage

if TYPE_CHECKING:
    from aggregator.app.parts import Access, Core


@dataclass(frozen=True)
class VideoOut:
    """What routes need, and the outputs, which run beside them."""

    catalogue: CatalogueService
    streams: ConsumerStreams
    tickets: StreamTickets
    hls: HlsSessions
    outputs: VideoOutputService
    runner: VideoOutputRunner
    clips: ClipHandover


def video_out(
    core: Core, access: Access, relay: StreamRelay, objects: ObjectStorage, consumers: ConsumerService
) -> VideoOut:
    """Put the parts together.

    Args:
        core: What nearly every part works with.
        access: Areas and the audit log.
        relay: Relays the live views of boxes.
        objects: Where clips lie.
        consumers: Finds consumers within an administrator's reach.
    """
    networks = core.settings.feeds.networks
    streams = ConsumerStreams(relay, core.reader, access.audit_log.record, access.areas, core.clock)
    pusher = Pusher(streams, networks, secrets.token_bytes)
    runner = VideoOutputRunner(core.reader, core.queue, pusher, core.keys, core.clock, random.random)
    return VideoOut(
        CatalogueService(core.reader, SiteClock(core.settings.sites, core.clock), access.areas),
        streams,
        StreamTickets(core.keys, core.reader, core.clock),
        HlsSessions(streams, new_token),
        VideoOutputService(core.reader, core.queue, consumers, streams, core.keys, networks, runner.wake.set),
        runner,
        ClipHandover(core.reader, objects, access.audit_log.record, access.areas, core.clock),
    )
