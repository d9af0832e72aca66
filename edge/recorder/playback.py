"""Any stretch of footage as one fragmented MP4: opened part by part, joined without encoding."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Protocol, cast

import av
from av.container import InputContainer, OutputContainer

from common.clock import SECOND_NS
from common.errors import FootageBroken, FootageError
from edge.recorder.disk import Disk
from edge.recorder.index import Index, Segment
from edge.recorder.mux import FLAGS, TAGS, TICKS, Sink
from edge.recorder.segment import KeyOf, SegmentReader
from edge.sources.base import VideoPacket

LONGEST_RANGE_NS = 24 * 3600 * SECOND_NS


class Player:
    """Plays what is kept.

    Args:
        disk: Where the segments are.
        key_of: Gives the day keys.
        index: Which segments there are.
    """

    def __init__(self, disk: Disk, key_of: KeyOf, index: Index) -> None:
        self._disk, self._key_of, self._index = disk, key_of, index

    def find(self, camera: str, from_ns: int, to_ns: int) -> list[Segment]:
        """The segments of a range.

        Raises:
            FootageError: An absurd range, an unknown camera, or nothing there.
        """
        if to_ns <= from_ns:
            raise FootageError("the range is empty: its end must be after its start")
        if to_ns - from_ns > LONGEST_RANGE_NS:
            raise FootageError("the range is longer than 24 hours; ask for a part of it")
        if not 0 <= from_ns < to_ns < 2**62:
            raise FootageError("the range lies outside of the years that there can be footage of")
        known = self._index.cameras()
        if camera not in known:
            raise FootageError(f"camera '{camera}' never recorded; known: {', '.join(known) or 'none'}")
        found = self._index.find(camera, from_ns, to_ns)
        if not found:
            raise FootageError(f"camera '{camera}' has no footage in this range")
        return found

    def reader(self, row: Segment) -> SegmentReader:
        """A segment, for byte ranges.

        Raises:
            FootageBroken: It cannot be opened.
        """
        return SegmentReader(self._disk, row.path, self._key_of)

    def play(
        self, camera: str, from_ns: int, to_ns: int, damaged: Callable[[str, str], None] | None = None
    ) -> Iterator[bytes]:
        """One fragmented MP4, piece by piece. It starts at the key frame before `from_ns`.

        Args:
            camera: The camera's id.
            from_ns: UTC nanoseconds.
            to_ns: UTC nanoseconds.
            damaged: Told (segment's id, problem) of segments that cannot be opened and are left out; None: they raise.

        Raises:
            FootageError: See `find`; or the form of the pictures changes inside the range.
            FootageBroken: A segment does not authenticate.
        """
        joined = _Joined(from_ns, to_ns)
        for row in self.find(camera, from_ns, to_ns):
            try:
                reader = self.reader(row)
                heads = reader.between((from_ns - row.start_ns) // 1_000_000, -((row.start_ns - to_ns) // 1_000_000))
                if not heads:
                    continue
                plain = b"".join(reader.part(head).data for head in [*reader.heads[:1], *heads])
            except FootageBroken as error:
                if damaged is None:
                    raise
                damaged(row.id, str(error))
                continue
            yield from joined.add(plain, reader.header.wall_ns)
        yield joined.close()


class _Closable(Protocol):
    def close(self) -> None: ...


class _Joined:
    """Segments one after another in one MP4; what is missing between them stays a hole in its time."""

    def __init__(self, from_ns: int, to_ns: int) -> None:
        self._from_ns, self._to_ns = from_ns, to_ns
        self._sink = Sink()
        self._out: OutputContainer | None = None
        self._stream: av.VideoStream | None = None
        self._extradata = b""
        self._origin_ns = 0
        self._next = 0
        self._kept: list[_Closable] = []

    def add(self, mp4: bytes, wall_ns: int) -> Iterator[bytes]:
        """Append a segment that starts at `wall_ns`."""
        source = cast(InputContainer, av.open(io.BytesIO(mp4)))
        video = source.streams.video[0]
        extradata = bytes(video.codec_context.extradata or b"")
        if self._out is None:
            self._open(video)
            self._extradata = extradata
            self._kept.append(source)  # the template's
        elif extradata != self._extradata:
            raise FootageError("the form of the pictures changes inside this range; ask for both sides of it")
        base = Fraction(video.time_base or Fraction(1, TICKS))
        for packet in source.demux(video):
            if packet.size and packet.dts is not None:
                at_ns = wall_ns + round(packet.dts * base * SECOND_NS)
                if at_ns < self._to_ns:
                    self._put(packet, base, at_ns)
        if source not in self._kept:
            source.close()
        yield self._sink.take()

    def close(self) -> bytes:
        """The end."""
        if self._out is not None:
            self._out.close()
        for source in self._kept:
            source.close()
        return self._sink.take()

    def _open(self, video: av.VideoStream) -> None:
        self._out = av.open(self._sink, "w", format="mp4", options={"movflags": FLAGS}, buffer_size=1 << 18)
        self._stream = self._out.add_stream_from_template(video)
        self._stream.codec_context.codec_tag = TAGS[video.codec_context.name]
        self._stream.time_base = Fraction(1, TICKS)

    def _put(self, packet: VideoPacket, base: Fraction, at_ns: int) -> None:
        assert self._out is not None
        assert self._stream is not None
        if not self._origin_ns:
            self._origin_ns = at_ns
        shown = round(((packet.pts if packet.pts is not None else packet.dts or 0) - (packet.dts or 0)) * base * TICKS)
        dts = max(self._next, (at_ns - self._origin_ns) * TICKS // SECOND_NS)
        self._next = dts + 1
        packet.stream = self._stream
        packet.time_base = Fraction(1, TICKS)
        packet.dts, packet.pts = dts, dts + shown
        self._out.mux_one(packet)
