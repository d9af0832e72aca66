"""The newest seconds of a live view as segments and parts, and their playlists (draft-pantos-hls-rfc8216bis). Pure.

A segment ends before a key picture, or when it is long enough. How long a picture is shown is known when the next one
comes, so that the newest one always waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.fmp4_reader import CLOCK_HZ, VideoFormat
from protocol.identifiers import to_rfc3339

TARGET_S, PART_TARGET_S = 4, 0.6
"""No segment is longer, and no part, unless a single picture is shown for longer."""
LONGEST_PICTURE_S = 1.0
"""A pause of the camera counts as so long; players go by the times in the MP4."""
SEGMENTS, WITH_PARTS = 6, 3
"""Complete ones that are kept, and the newest of them whose parts are listed."""
MOST_SEGMENT_BYTES = 4 * 1024 * 1024
BANDWIDTH = 3_000_000
"""Bits a second that a master playlist names: what a box sends at most, unless its settings say more."""


class Part(NamedTuple):
    """A part of a segment: whole fragments of MP4."""

    data: bytes
    seconds: float
    independent: bool


@dataclass
class Segment:
    """A segment.

    Attributes:
        number: Its media sequence number.
        begins_ns: Wall clock of the box at its first picture, nanoseconds.
    """

    number: int
    begins_ns: int = 0
    parts: list[Part] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return sum(it.seconds for it in self.parts)

    @property
    def data(self) -> bytes:
        """Its bytes."""
        return b"".join(it.data for it in self.parts)


class _Waiting(NamedTuple):
    data: bytes
    unit: AccessUnit


@dataclass
class HlsWindow:
    """Takes pictures in order.

    Attributes:
        done: Complete segments, the oldest first.
        current: The one that grows.
        over: There will be no more.
    """

    done: list[Segment] = field(default_factory=list)
    current: Segment = field(default_factory=lambda: Segment(0))
    over: bool = False
    _newest: _Waiting | None = None
    _open: list[_Waiting] = field(default_factory=list)
    _open_s: float = 0.0

    def add(self, data: bytes, unit: AccessUnit) -> None:
        """Add a picture: its fragment of MP4, and what it is."""
        before, self._newest = self._newest, _Waiting(data, unit)
        if before is None:
            return
        self._take(before, (unit.time_90khz - before.unit.time_90khz) / CLOCK_HZ)
        size = sum(len(it.data) for it in self.current.parts)
        long = self.current.seconds + self._open_s + PART_TARGET_S > TARGET_S or size > MOST_SEGMENT_BYTES
        if unit.key or long:
            self._close_segment()

    def close(self) -> None:
        """The stream has ended."""
        if self._newest is not None:
            self._take(self._newest, 0.0)
            self._newest = None
        self._close_segment()
        self.over = True

    def has(self, number: int, part: int | None) -> bool:
        """Whether a segment, or a part of it, is there or past (section 6.2.5.2)."""
        if self.over or self.current.number > number:
            return True
        return part is not None and self.current.number == number and len(self.current.parts) > part

    def data(self, number: int, part: int | None) -> bytes | None:
        """A segment or a part; None: it is not there yet, or not any more."""
        found = next((it for it in (*self.done, self.current) if it.number == number), None)
        if found is None or (part is None and found is self.current):
            return None
        if part is None:
            return found.data
        return found.parts[part].data if part < len(found.parts) else None

    def playlist(self) -> str:
        """The media playlist."""
        first = self.done[0].number if self.done else self.current.number
        lines = [
            "#EXTM3U", "#EXT-X-VERSION:9", f"#EXT-X-TARGETDURATION:{TARGET_S}",
            f"#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={3 * PART_TARGET_S:.3f}",
            f"#EXT-X-PART-INF:PART-TARGET={PART_TARGET_S:.3f}", f"#EXT-X-MEDIA-SEQUENCE:{first}",
            '#EXT-X-MAP:URI="init.mp4"',
        ]  # fmt: skip
        for it in self.done:
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{to_rfc3339(it.begins_ns)[:23]}Z")
            lines += _parts(it) if it.number > self.current.number - 1 - WITH_PARTS else ()
            lines += [f"#EXTINF:{it.seconds:.5f},", f"{it.number}.m4s"]
        if self.over:
            return "\n".join([*lines, "#EXT-X-ENDLIST", ""])
        hint = f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{self.current.number}.{len(self.current.parts)}.m4s"'
        return "\n".join([*lines, *_parts(self.current), hint, ""])

    def _take(self, it: _Waiting, seconds: float) -> None:
        seconds = min(max(seconds, 0.001), LONGEST_PICTURE_S)
        if self._open and self._open_s + seconds > PART_TARGET_S + 1e-6:
            self._close_part()
        self._open.append(it)
        self._open_s += seconds

    def _close_part(self) -> None:
        if not self._open:
            return
        if not self.current.parts:
            self.current.begins_ns = self._open[0].unit.wall_ns
        data = b"".join(it.data for it in self._open)
        self.current.parts.append(Part(data, self._open_s, self._open[0].unit.key))
        self._open, self._open_s = [], 0.0

    def _close_segment(self) -> None:
        self._close_part()
        if self.current.parts:
            self.done = [*self.done, self.current][-SEGMENTS:]
            self.current = Segment(self.current.number + 1)


def master_playlist(media: str, form: VideoFormat) -> str:
    """The playlist that names the one media playlist (section 4.4.6.2)."""
    about = f'BANDWIDTH={BANDWIDTH},CODECS="{form.codec}",RESOLUTION={form.width_px}x{form.height_px}'
    return f"#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-STREAM-INF:{about}\n{media}\n"


def _parts(segment: Segment) -> list[str]:
    return [
        f'#EXT-X-PART:DURATION={it.seconds:.5f},URI="{segment.number}.{number}.m4s"'
        + (",INDEPENDENT=YES" if it.independent else "")
        for number, it in enumerate(segment.parts)
    ]
