"""Outputs of video of consumers, for administrators: add, pause, resume, remove."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds import video_output as rules
from aggregator.domain.feeds.consumer import Consumer, check_approved
from aggregator.domain.feeds.video_output import MOST_OF_A_CONSUMER, LiveOutput, OutputState
from aggregator.domain.read_models import Camera
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.feeds import VideoOutputReader, VideoOutputWriter
from aggregator.services.feeds.consumer_service import ConsumerService
from aggregator.services.stream_relay import StreamKey
from aggregator.services.video_out.consumer_streams import ConsumerStreams
from aggregator.services.video_out.push.push_address import parse
from aggregator.storage.keyring import KeyRing
from common.errors import FeedConflict, FeedError

SEALED = "video outputs"
NONE = "there is no such video output"


@dataclass(frozen=True)
class VideoOutputService:
    """Called on the event loop; the store is asked beside it.

    Args:
        reader: Outputs and consumers.
        queue: Of the store's writer.
        consumers: Finds consumers within an administrator's reach.
        streams: Know what a consumer may open.
        keys: Encrypt addresses.
        networks: Private networks that may be connected to.
        wake: Lets the outputs be looked at at once.
    """

    reader: VideoOutputReader
    queue: WriteJobs[VideoOutputWriter]
    consumers: ConsumerService
    streams: ConsumerStreams
    keys: KeyRing
    networks: tuple[str, ...]
    wake: Callable[[], None] = lambda: None

    async def outputs(self, caller: Principal, consumer_id: str) -> tuple[list[LiveOutput], list[Camera]]:
        """A consumer's outputs, and the cameras that it may be sent.

        Raises:
            FeedError: There is no such consumer within the caller's reach.
        """
        consumer = await self.consumers.find(caller, consumer_id)
        found = await asyncio.to_thread(self.reader.video_outputs, consumer.id)
        if not consumer.serves(self.consumers.clock.wall_ns()):
            found = [msgspec.structs.replace(it, sending_ns=0) for it in found]
        return found, await self.streams.cameras(consumer)

    async def add(self, caller: Principal, consumer_id: str, key: StreamKey, address: str) -> LiveOutput:
        """Add an output; the video is sent from then on, until it is paused or removed.

        Raises:
            CommandError: There is no such camera.
            FeedConflict: The consumer is not approved, or has too many.
            FeedError: The address may not be used.
            Forbidden: The consumer may not open the camera's live view.
        """
        consumer = await self.consumers.find(caller, consumer_id)
        check_approved(consumer, self.consumers.clock.wall_ns(), "video outputs")
        target = parse(address, self.networks)
        await self.streams.check(consumer, key)
        made = LiveOutput(
            id=self.consumers.random.new_id(), consumer=consumer.id, site=key.site, box=key.box, camera=key.camera,
            scheme=target.scheme, host=target.host, address=self.keys.hidden(SEALED, address), made_by=caller.name,
            made_ns=self.consumers.clock.wall_ns(),
        )  # fmt: skip
        entry = self._entry(caller, consumer, made, "video output added")
        if not await self.queue.write(lambda store: store.add_video_output(made, MOST_OF_A_CONSUMER, entry)):
            raise FeedConflict(f"a consumer has at most {MOST_OF_A_CONSUMER} video outputs; remove one first")
        self.wake()
        return made

    async def switch(self, caller: Principal, output_id: str, state: OutputState) -> LiveOutput:
        """Pause an output, or resume it: it is then tried at once.

        Raises:
            FeedError: There is no such output within the caller's reach.
        """
        output, consumer = await self._found(caller, output_id)
        entry = self._entry(caller, consumer, output, f"video output {'paused' if state == 'paused' else 'resumed'}")

        def job(store: VideoOutputWriter) -> LiveOutput | None:
            before = store.video_output_now(output_id)
            after = None if before is None else rules.switched(before, state)
            return after if before and after and store.change_video_output(before, after, entry) else None

        after = await self.queue.write(job)
        if after is None:
            raise FeedError(NONE)
        self.wake()
        return after

    async def remove(self, caller: Principal, output_id: str) -> None:
        """Remove an output; its stream ends.

        Raises:
            FeedError: There is no such output within the caller's reach.
        """
        output, consumer = await self._found(caller, output_id)
        entry = self._entry(caller, consumer, output, "video output removed")
        if not await self.queue.write(lambda store: store.drop_video_output(output.id, entry)):
            raise FeedError(NONE)
        self.wake()

    async def _found(self, caller: Principal, output_id: str) -> tuple[LiveOutput, Consumer]:
        output = await asyncio.to_thread(self.reader.video_output, output_id)
        if output is None:
            raise FeedError(NONE)
        return output, await self.consumers.find(caller, output.consumer)

    def _entry(self, caller: Principal, consumer: Consumer, it: LiveOutput, what: str) -> AuditEntry:
        detail = {
            "change": what, "consumer": consumer.id, "output": it.id, "address": f"{it.scheme}://{it.host}",
            "camera": f"{it.box}/{it.camera}",
        }  # fmt: skip
        now_ns = self.consumers.clock.wall_ns()
        return AuditEntry(
            time_ns=now_ns, who=caller.name, what="consumer.changed", site=it.site, target=consumer.name, detail=detail
        )
