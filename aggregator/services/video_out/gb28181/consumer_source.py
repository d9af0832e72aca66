"""A consumer's cameras and live video for its platform: what was approved, checked and logged as any other output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.store_port.feeds import ConsumerReader
from aggregator.services.stream_relay import StreamKey
from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.catalogue import CatalogueEntry, CatalogueService
from aggregator.services.video_out.consumer_streams import ConsumerStreams, Opening
from aggregator.services.video_out.fmp4_reader import Fmp4Reader
from aggregator.services.video_out.gb28181.sip.manscdp import Item
from common.clock import Clock
from common.errors import FeedError

MICRODEGREES = 1_000_000


@dataclass(frozen=True)
class ConsumerSource:
    """A `VideoSource`.

    Args:
        consumer: Name of the consumer.
        channels: Id of a camera → `site/box/camera`; no other camera is given.
        reader: Consumers.
        catalogue: The cameras within a consumer's places.
        streams: Opens their live views.
        clock: The present.
    """

    consumer: str
    channels: Mapping[str, str]
    reader: ConsumerReader
    catalogue: CatalogueService
    streams: ConsumerStreams
    clock: Clock

    async def cameras(self) -> list[Item]:
        """The cameras that were approved and have an id, by id.

        Raises:
            FeedError: The consumer gets no live video now.
            StoreError: They cannot be read.
        """
        return await asyncio.to_thread(self._cameras)

    async def units(self, channel: str, receiver: str) -> AsyncGenerator[AccessUnit, None]:
        """Pictures of a camera; see `VideoSource`.

        Raises:
            PaifangError: The consumer may not, or too many streams are open.
        """
        consumer = await asyncio.to_thread(self._serving)
        site, box, camera = self.channels[channel].split("/")
        opening = Opening(consumer, StreamKey(site, box, camera), "gb28181", receiver, by_token=False)
        async with self.streams.open(opening) as stream:
            async for picture in stream.pictures(Fmp4Reader()):
                if stream.over.is_set():
                    return
                yield picture

    def _serving(self) -> Consumer:
        found = next((it for it in self.reader.consumers() if it.name == self.consumer), None)
        if found is None:
            raise FeedError("there is no consumer of this name")
        if not found.serves(self.clock.wall_ns()) or "live" not in found.selection.media:
            raise FeedError("the consumer gets no live video now")
        return found

    def _cameras(self) -> list[Item]:
        known = {"/".join((it.camera.site, it.camera.box, it.camera.id)): it for it in self._entries()}
        return [_item(channel, known[camera]) for channel, camera in sorted(self.channels.items()) if camera in known]

    def _entries(self) -> list[CatalogueEntry]:
        return self.catalogue.entries(self._serving())


def _item(channel: str, it: CatalogueEntry) -> Item:
    at = it.location
    position = None if at is None else (at.longitude_udeg / MICRODEGREES, at.latitude_udeg / MICRODEGREES)
    return Item(channel, it.camera.name or it.camera.id, it.online and it.camera.state == "up", position)
