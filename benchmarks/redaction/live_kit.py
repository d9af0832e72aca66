"""A camera for `live`: a real RTSP server in a thread that notes when it sends which frame."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from demo.media_loop import AccessUnit, load
from demo.rtsp_server.server import RtspServer


class Glass:
    """When each frame of the clip was sent, wall clock in milliseconds.

    Args:
        frames: How many the clip has.
    """

    def __init__(self, frames: int) -> None:
        self._frames, self._at = frames, 0
        self._sent: dict[int, list[float]] = defaultdict(list)
        self.url = ""

    def note(self, unit: AccessUnit) -> AccessUnit:
        """A frame is sent now; the clip plays in order, round and round."""
        self._sent[self._at % self._frames].append(time.time() * 1000)
        self._at += 1
        return unit

    def sent(self) -> dict[int, list[float]]:
        """Frame → times."""
        return {number: list(times) for number, times in self._sent.items()}


@contextlib.contextmanager
def served(clip: Path, frames: int) -> Iterator[Glass]:
    """The camera, for the length of a block."""
    glass, loop = Glass(frames), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = RtspServer({"camera": load(clip)})
    server.mounts["camera"].tamper = glass.note
    port = asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    glass.url = f"rtsp://127.0.0.1:{port}/camera"
    try:
        yield glass
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
