"""A pusher with a fake box and a fake store, and receivers of libav that listen."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import av
from agg_support import START_NS
from domain.feeds.test_consumer import consumer
from live_video import FakeVideoBox
from port_kit import free_port

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import Consumer, Selection
from aggregator.domain.read_models import Camera
from aggregator.services.stream_relay import StreamKey, StreamRelay
from aggregator.services.video_out.consumer_streams import ConsumerStreams
from aggregator.services.video_out.push.push_address import parse
from aggregator.services.video_out.push.pusher import Pusher
from aggregator.storage.keyring import KeyRing
from common.clock import FakeClock
from common.errors import PushFailed

KEY = StreamKey("village", "gate-1", "yard")
LOOPBACK = ("127.0.0.0/8",)
LISTEN = {"rtmp": {"listen": "1"}, "rtsp": {"rtsp_flags": "listen", "listen_timeout": "30"}}


@dataclass
class Store:
    """One camera and one consumer."""

    now: Consumer

    def consumer(self, _id: str) -> Consumer:
        return self.now

    def cameras(self) -> list[Camera]:
        return [Camera(site=KEY.site, box=KEY.box, id=KEY.camera, name="", state="up", fps=15, watch="all", seen_ns=0)]


class Parts:
    """What a push needs; made within a running loop. The fake box sends faster than it would.

    Attributes:
        entries: The audit log.
        begun: Set when a receiver has accepted.
    """

    def __init__(self, folder: Path, networks: tuple[str, ...] = LOOPBACK) -> None:
        chosen = Selection(places=("village",), media=("live",))
        self.store = Store(consumer(selection=chosen, decided_by="zhao"))
        self.entries: list[AuditEntry] = []
        self.begun = asyncio.Event()
        keys, clock = KeyRing(folder, secrets.token_bytes), FakeClock(now_ns=START_NS)
        self.relay = StreamRelay(cast(Any, None), keys, clock, lambda: secrets.token_hex(8), secrets.token_bytes)
        self.box = FakeVideoBox(self.relay, 0.004)
        self.relay.remote = cast(Any, self.box)
        streams = ConsumerStreams(self.relay, cast(Any, self.store), self._record, {}, clock)
        self.pusher = Pusher(streams, networks, secrets.token_bytes, ssl.create_default_context)

    async def push(self, address: str) -> str:
        """Push until it ends; why it ended."""
        target = parse(address, LOOPBACK)

        async def begun() -> None:
            self.begun.set()

        try:
            await self.pusher.run(self.store.now, KEY, target, begun)
        except PushFailed as error:
            return str(error)
        raise AssertionError("a push ends with a reason")

    async def push_to(self, receiver: Receiver) -> str:
        """As `push`, once the receiver listens."""
        while (why := await self.push(receiver.url)).startswith("no connection"):
            assert not receiver.ended
            await asyncio.sleep(0.02)
        return why

    async def _record(self, entry: AuditEntry) -> None:
        self.entries.append(entry)


@dataclass
class Receiver:
    """libav, which listens for one publication, demuxes and decodes it.

    Attributes:
        times: Presentation times, seconds; the first one is not known over RTSP.
        keys: Whether each picture is a key picture.
        sizes: Of the decoded pictures.
        ended: It takes nothing more.
    """

    url: str
    options: dict[str, str]
    most: int
    times: list[float] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)
    sizes: set[tuple[int, int]] = field(default_factory=set)
    ended: bool = False

    def run(self) -> None:
        try:
            self._take()
        finally:
            self.ended = True

    def _take(self) -> None:
        with contextlib.suppress(av.error.FFmpegError), av.open(self.url, "r", options=self.options) as container:
            stream = container.streams.video[0]
            for packet in container.demux(stream):
                if packet.size:
                    self.keys.append(bool(packet.is_keyframe))
                if packet.pts is not None and packet.time_base is not None:
                    self.times.append(float(packet.pts * packet.time_base))
                self.sizes |= {(it.width, it.height) for it in packet.decode()}
                if len(self.keys) == self.most:
                    return


@contextlib.contextmanager
def listening(scheme: str, most: int) -> Iterator[Receiver]:
    """A receiver that takes so many pictures."""
    receiver = Receiver(f"{scheme}://127.0.0.1:{free_port()}/app/key", LISTEN[scheme], most)
    thread = threading.Thread(target=receiver.run)
    thread.start()
    try:
        yield receiver
    finally:
        thread.join(40)
    assert not thread.is_alive()
