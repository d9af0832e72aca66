"""`video_out`: how late a picture of a live view is at a receiver that it is pushed to, and what pushing costs.

A box is imitated by messages that its own encoder made beforehand (640x360, 15 a second, about 1 Mbit/s), so that
its work is in neither figure; they go through the relay, the reader of MP4 and the publisher, as shipped. The receiver
is libav in a process of its own, which listens and demuxes. Lag is from the time in the message's head, which is when
it is given to the relay, to when libav has given out the packet: both on one machine and one clock. CPU is that of the
sending process: less what it uses for making the messages (a stream that nobody takes), and less nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import secrets
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

import av

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import Consumer, Selection
from aggregator.domain.read_models import Camera
from aggregator.services.stream_relay import StreamKey, StreamRelay
from aggregator.services.video_out.consumer_streams import ConsumerStreams
from aggregator.services.video_out.push.push_address import parse
from aggregator.services.video_out.push.pusher import Pusher
from aggregator.storage.keyring import KeyRing
from benchmarks.machine import cpu_s, free_port, percentile
from common.clock import SystemClock
from common.errors import PushFailed
from protocol.commands import Command, Reply

KEY, SIZE, RATE = StreamKey("village", "gate-1", "yard"), (640, 360), 15
LOOPBACK = ("127.0.0.0/8",)
LISTEN = {"rtmp": {"listen": "1"}, "rtsp": {"rtsp_flags": "listen", "listen_timeout": "30"}}
PROBED_S = 6.0
"""libav keeps the first pictures back while it finds out what they are."""


class _Store:
    def consumer(self, _id: str) -> Consumer:
        return CONSUMER

    def cameras(self) -> list[Camera]:
        return [Camera(site=KEY.site, box=KEY.box, id=KEY.camera, name="", state="up", fps=15, watch="all", seen_ns=0)]


CONSUMER = Consumer(
    id="c", name="pool", contact="duty@example", purpose="measuring", basis="benchmark", state="active",
    selection=Selection(places=("*",), media=("live",)), requests_per_minute=60, events_per_hour=1,
    ends_ns=2**62, created_by="li", created_ns=0,
)  # fmt: skip


class _Box:
    """Answers the command `live` and gives pictures to the relay at their times, with the present in their heads."""

    def __init__(self, relay: StreamRelay, messages: tuple[bytes, ...]) -> None:
        self._relay, self._messages = relay, messages
        self.sent: list[int] = []

    async def ask(self, _topics: object, command: Command) -> Reply:
        view = next(it for it in self._relay.views.values() if it.job == command.job)
        view.connected = True
        self._task = asyncio.create_task(self._feed(view))
        return Reply(id=command.id, done=True)

    async def _feed(self, view: Any) -> None:
        from live_video import shifted

        count, due_s = len(self._messages) - 1, time.monotonic()
        view.hand_on(self._messages[0])
        for number in range(10**6):
            if view.over.is_set():
                return
            self.sent.append(time.time_ns())
            ticks = number // count * count * 90_000 // RATE
            view.hand_on(shifted(self._messages[1 + number % count], ticks, self.sent[-1]))
            due_s += 1 / RATE
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))


def receive(url: str, options: dict[str, str], most: int, answer: Connection) -> None:
    """In a process of its own: when each picture came, nanoseconds."""
    came: list[int] = []
    with contextlib.suppress(av.error.FFmpegError), av.open(url, "r", options=options) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:
                came.append(time.time_ns())
            if len(came) == most:
                break
    answer.send(came)


async def _push(url: str, messages: tuple[bytes, ...], folder: Path) -> tuple[list[int], float, float]:
    """Times of the pictures that were sent to the relay, and CPU and wall seconds of sending."""
    keys, clock = KeyRing(folder, secrets.token_bytes), SystemClock()
    relay = StreamRelay(cast(Any, None), keys, clock, lambda: secrets.token_hex(8), secrets.token_bytes)
    box = _Box(relay, messages)
    relay.remote = cast(Any, box)

    async def record(_entry: AuditEntry) -> None:
        return

    pusher = Pusher(ConsumerStreams(relay, cast(Any, _Store()), record, {}, clock), LOOPBACK, secrets.token_bytes)
    began: list[tuple[float, float]] = []

    async def begun() -> None:
        began.append((cpu_s(), time.monotonic()))

    while not began:
        with contextlib.suppress(PushFailed):
            await pusher.run(CONSUMER, KEY, parse(url, LOOPBACK), begun)
        if not began:
            box.sent.clear()
            await asyncio.sleep(0.05)
    return box.sent, cpu_s() - began[0][0], time.monotonic() - began[0][1]


async def _idle(messages: tuple[bytes, ...], folder: Path, seconds: float) -> float:
    """CPU per cent of the imitated box alone: its stream is taken and thrown away."""
    relay = StreamRelay(
        cast(Any, None), KeyRing(folder, secrets.token_bytes), SystemClock(), lambda: secrets.token_hex(8),
        secrets.token_bytes,
    )  # fmt: skip
    relay.remote = cast(Any, _Box(relay, messages))
    viewer, before = relay.join(KEY, "li"), cpu_s()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while await viewer.queue.get() is not None:
                pass
    relay.leave(KEY, viewer)
    return 100 * (cpu_s() - before) / seconds


def run(quick: bool) -> dict[str, Any]:
    """Both protocols one after the other."""
    from live_video import live_messages

    seconds = 12 if quick else 60
    messages, figures = live_messages(60, SIZE), dict[str, float]()
    with tempfile.TemporaryDirectory() as name:
        idle = asyncio.run(_idle(messages, Path(name), seconds / 3))
        for scheme, options in LISTEN.items():
            url, (ours, theirs) = f"{scheme}://127.0.0.1:{free_port()}/app/key", multiprocessing.Pipe()
            most = round((PROBED_S + seconds) * RATE)
            context = multiprocessing.get_context("spawn")
            receiver = context.Process(target=receive, args=(url, options, most, theirs))
            receiver.start()
            sent, used_s, took_s = asyncio.run(_push(url, messages, Path(name)))
            came = ours.recv()
            receiver.join()
            lags = [(there - here) / 1e6 for here, there in zip(sent, came, strict=False)][round(PROBED_S * RATE) :]
            figures |= {
                f"push_lag_p95_ms_{scheme}": round(percentile(lags, 0.95), 1),
                f"push_lag_p50_ms_{scheme}": round(percentile(lags, 0.5), 1),
                f"cpu_pct_{scheme}": round(100 * used_s / took_s - idle, 2), f"pictures_{scheme}": len(came),
            }  # fmt: skip
    size = sum(map(len, messages[1:])) * 8 * RATE / (len(messages) - 1)
    figures |= {"cpu_pct_of_the_imitated_box": round(idle, 2), "kbit_per_s": round(size / 1000)}
    figures["push_lag_p95_ms"] = max(figures["push_lag_p95_ms_rtmp"], figures["push_lag_p95_ms_rtsp"])
    return {
        "commands": ["python -m benchmarks video_out" + (" --quick" if quick else "")], "figures": figures, "peers": {},
    }  # fmt: skip
