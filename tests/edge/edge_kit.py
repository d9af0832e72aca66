"""What several edge tests use: a real RTSP server in a thread, clips made on the spot, a box's parts."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from common.clock import Clock, SystemClock
from demo.media_loop import Clip
from demo.rtsp_server.messages import Digest
from demo.rtsp_server.server import Mount, RtspServer
from edge.messaging.outbox import Outbox
from edge.messaging.outbox_store import EventIdentity
from protocol.envelope import UnsequencedEvent
from protocol.event_types import ZoneEntered

RATE = 15
TONE_RATE = 8_000


def make_clip(
    path: Path,
    codec: str = "libx264",
    size: tuple[int, int] = (320, 240),
    seconds: float = 4.0,
    sound: str = "",
    *,
    moving: bool = True,
) -> Path:
    """A bright square that walks over a textured ground; a key frame every second. `sound`: an encoder's name."""
    random = np.random.default_rng(1)
    ground = random.integers(40, 120, (size[1], size[0], 3), np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=RATE)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = size[0], size[1], "yuv420p"
        quiet = {"x265-params": f"log-level=error:bframes=0:keyint={RATE}"} if codec == "libx265" else {}
        stream.options = {"preset": "ultrafast", "g": str(RATE), "bf": "0", **quiet}
        track = out.add_stream(sound, rate=TONE_RATE) if sound else None
        for number in range(round(seconds * RATE)):
            picture = ground.copy()
            left = 10 + number * 3 * moving % (size[0] - 60)
            picture[100:150, left : left + 40] = 230
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if isinstance(track, av.AudioStream):
            _tone(out, track, seconds)
    return path


def _tone(out: av.container.OutputContainer, track: av.AudioStream, seconds: float) -> None:
    """A beep at the beginning of each second, so that it can be seen where sound lies."""
    wave = (np.sin(np.arange(TONE_RATE) * 2 * np.pi * 440 / TONE_RATE) * 20_000).astype(np.int16)
    wave[TONE_RATE // 5 :] = 0
    whole = np.tile(wave, int(seconds))
    for start in range(0, len(whole) - 1023, 1024):
        frame = av.AudioFrame.from_ndarray(whole[None, start : start + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = TONE_RATE, start, Fraction(1, TONE_RATE)
        out.mux(track.encode(frame))
    out.mux(track.encode(None))


class Served:
    """A real RTSP server on loopback, in a thread of its own."""

    def __init__(self, clips: dict[str, Clip], digest: Digest | None = None, port: int = 0) -> None:
        self._loop = asyncio.new_event_loop()
        self._server = RtspServer(clips, digest)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self.do(lambda: self._server.start(port=port))

    def do(self, make: Callable[[], object]) -> int:
        """Run a coroutine (or a plain call) in the server's thread."""

        async def call() -> object:
            result = make()
            return await result if asyncio.iscoroutine(result) else result

        result = asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)
        return result if isinstance(result, int) else 0

    def mount(self, path: str) -> Mount:
        """One path, for faults."""
        return self._server.mounts[path]

    def hang_up_after_401(self) -> None:
        """As some cameras do: their clients must connect once more to log in."""
        self._server.closes_after_challenge = True

    def url(self, path: str) -> str:
        """Where to watch a path."""
        return f"rtsp://127.0.0.1:{self.port}/{path}"

    def close(self) -> None:
        """Stop the server and its thread."""
        self.do(self._server.stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def served(clips: dict[str, Clip], digest: Digest | None = None, port: int = 0) -> Iterator[Served]:
    """A server for the length of a block."""
    server = Served(clips, digest, port)
    try:
        yield server
    finally:
        server.close()


def wait_until(true: Callable[[], object], timeout_s: float = 20.0, what: str = "it") -> None:
    """Wait for something that another thread or process does."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.02)


def counting_bytes() -> Callable[[int], bytes]:
    """Random bytes that are not: different each time, the same each run."""
    return np.random.default_rng(7).bytes


def open_outbox(path: Path, max_bytes: int = 50_000_000, clock: Clock | None = None) -> Outbox:
    """An outbox of the box `site/box`."""
    return Outbox(path, EventIdentity("site", "box", counting_bytes()), clock or SystemClock(), max_bytes)


def draft(track: int = 1, picture: bytes | None = None) -> UnsequencedEvent:
    """Somebody entered a zone."""
    data = ZoneEntered(zone="yard", object="person", track=track, bbox=(1, 2, 3, 4), confidence=0.9)
    return UnsequencedEvent("cam-1", data, 1_700_000_000_000_000_000 + track, picture)
