"""What the recorder's tests share: a clip as an endless stream of packets, and a writer on a disk of choice."""

from __future__ import annotations

import functools
import io
import os
import random
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from edge_kit import RATE, make_clip

from common.clock import SECOND_NS, FakeClock, SystemClock
from edge.media.nal import configuration, to_byte_stream
from edge.recorder.disk import Disk, RealDisk
from edge.recorder.index import Index, Segment
from edge.recorder.retention.keys import DayKeyStore, FileWrapper, Wrapper
from edge.recorder.segments.segment import SegmentReader
from edge.recorder.segments.timeline import RecordedPacket
from edge.recorder.segments.writer import Writer
from protocol.envelope import UnsequencedEvent

START_NS = 1_790_000_000 * SECOND_NS
Packets = tuple[str, bytes, tuple[tuple[bytes, int, bool], ...]]


@functools.cache
def packets(codec: str = "libx264", size: tuple[int, int] = (64, 48), seconds: float = 4.0) -> Packets:
    """FFmpeg's name, the configuration, and (bytes, frame number, key) of each packet of a clip."""
    with tempfile.TemporaryDirectory() as folder:
        path = make_clip(Path(folder) / "clip.mp4", codec, size, seconds)
        with av.open(str(path)) as source:
            stream = source.streams.video[0]
            context = stream.codec_context
            found = [(bytes(it), bool(it.is_keyframe)) for it in source.demux(stream) if it.size]
            numbered = tuple((data, number, key) for number, (data, key) in enumerate(found))
            return context.name, bytes(context.extradata or b""), numbered


def in_band(clip: Packets) -> Packets:
    """The same as a camera sends it: a byte stream, parameter sets before each key frame, none described."""
    codec, extradata, found = clip
    sets, length_bytes = configuration(extradata, codec)
    plain = [(to_byte_stream(data, length_bytes), number, key) for data, number, key in found]
    return codec, b"", tuple(((sets if key else b"") + data, number, key) for data, number, key in plain)


def stream(
    clock: FakeClock, seconds: float, camera: str = "cam-1", session: int = 1, clip: Packets | None = None
) -> Iterator[RecordedPacket]:
    """Packets as they come, while the clock runs."""
    codec, extradata, found = clip or packets()
    for number in range(round(seconds * RATE)):
        data, _, key = found[number % len(found)]
        ticks = clock.mono_ns * 9 // 100_000
        yield RecordedPacket(
            camera, data, ticks, ticks, Fraction(1, 90_000), key, clock.now_ns, clock.mono_ns, codec, extradata, session
        )
        clock.advance(1 / RATE)


class PlainWrapper:
    """Wraps nothing: the fake beside the real one, for trials without a file."""

    def wrap(self, key: bytes) -> bytes:
        return key + b"wrapped."

    def unwrap(self, wrapped: bytes) -> bytes:
        return wrapped[:32]


class Store:
    """A writer with its disk, keys, index and clock; `reopen` is the box after a start."""

    def __init__(self, disk: Disk, index: Index | None = None, wrapper: Wrapper | None = None) -> None:
        self.disk, self.index = disk, index or Index(":memory:")
        self.clock = FakeClock(now_ns=START_NS)
        self.sent: list[UnsequencedEvent] = []
        self.wrapper = wrapper or PlainWrapper()
        self.writer = self.reopen()

    def reopen(self) -> Writer:
        self.keys = DayKeyStore(self.disk, self.wrapper)
        noise = random.Random(self.clock.now_ns)
        self.writer = Writer(self.disk, self.keys, self.index, self.clock, noise.randbytes, self.sent.append, "box")
        self.writer.start()
        return self.writer

    def record(self, seconds: float, camera: str = "cam-1", session: int = 1, clip: Packets | None = None) -> None:
        for item in stream(self.clock, seconds, camera, session, clip):
            self.writer.feed(item)
        self.writer.tick()

    def rows(self, camera: str = "cam-1") -> list[Segment]:
        return self.index.find(camera, 0, 2**62)

    def reader(self, row: Segment) -> SegmentReader:
        return SegmentReader(self.disk, row.path, self.keys.find)

    def frames(self, row: Segment) -> int:
        """Pictures that a player gets out of a segment."""
        reader = self.reader(row)
        return decoded(reader.read(0, reader.plain_bytes))


def real_store(folder: Path) -> tuple[Writer, Index, RealDisk]:
    """A writer on a real file system."""
    folder.mkdir(exist_ok=True)
    disk, index = RealDisk(folder), Index(folder / "index.sqlite3")
    keys = DayKeyStore(disk, PlainWrapper())
    return Writer(disk, keys, index, SystemClock(), os.urandom, lambda _draft: None, "box"), index, disk


def decoded(mp4: bytes) -> int:
    """Pictures in an MP4."""
    with av.open(io.BytesIO(mp4), "r") as container:
        return len(list(container.decode(video=0)))


__all__ = ["RATE", "FileWrapper", "PlainWrapper", "Store", "decoded", "in_band", "packets", "real_store", "stream"]
