"""Concatenates segments to one movie: new fragment headers around the same data; nothing is decoded.

A gap between segments stays a gap in the movie's time. Pictures of another format have their own sample entry, which
fragments reference (ISO/IEC 14496-12, 8.8.7); their parameter sets are also in their first picture, since FFmpeg and
players based on it read the first sample entry only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.clock import SECOND_NS
from common.errors import FootageBroken
from edge.media.audio_track import HOLE_NS
from edge.media.mp4_boxes import CODECS, SOUND, VIDEO, body_of, configuration_of
from edge.media.mp4_fragments import NOT_KEY, Fragment, Sample, build, parse
from edge.media.nal import configuration, unit_type, units
from edge.recorder.segments.mux import TICKS

_DELIMITER = {"h264": 9, "hevc": 35}
_LENGTH_BYTES = 4


@dataclass(frozen=True)
class FragmentPosition:
    """Position of a fragment in the movie.

    Attributes:
        wall_ns: Wall clock at its segment's start.
        description: Number of its sample entry, from 1.
        has_audio: Its audio is included.
    """

    wall_ns: int
    description: int
    has_audio: bool


class ConcatenatedMovie:
    """One movie.

    Args:
        entries: Sample entries of video.
        sound: Body of the audio's `trak`, or None.
        to_ns: Wall clock at which it ends.
    """

    def __init__(self, entries: Sequence[bytes], sound: bytes | None, to_ns: int) -> None:
        self._to_ns = to_ns
        self._sets = [_sets(entry) for entry in entries]
        self._codec = CODECS[entries[0][4:8]]
        self._rate = int.from_bytes(body_of(sound, b"mdia", b"mdhd")[12:16], "big") if sound else 1
        self._origin_ns: int | None = None
        self._description = 1
        self._next = self._sound_next = 0
        self._sequence = 0

    def add(self, part: bytes, position: FragmentPosition) -> bytes:
        """A fragment, with its position in the movie; empty if it lies after the end.

        Raises:
            FootageBroken: Not a fragment of the recorder.
        """
        out = []
        for fragment in parse(part):
            moved = None
            if fragment.track == VIDEO:
                moved = self._pictures(fragment, position)
            elif fragment.track == SOUND and position.has_audio:
                moved = self._audio(fragment, position)
            if moved is not None:
                self._sequence += 1
                out.append(build(moved, self._sequence, position.description if fragment.track == VIDEO else 1))
        return b"".join(out)

    def _pictures(self, fragment: Fragment, position: FragmentPosition) -> Fragment | None:
        at_ns = position.wall_ns + fragment.start * SECOND_NS // TICKS
        samples = _before(fragment.samples, (self._to_ns - at_ns) * TICKS, SECOND_NS)
        if not samples:
            return None
        if self._origin_ns is None:
            self._origin_ns, self._description = at_ns, position.description
        data = fragment.data[: sum(it.size for it in samples)]
        if position.description != self._description:
            if samples[0].flags & NOT_KEY:
                return None  # a key frame must come first
            samples[0], data = self._introduced(samples[0], data, self._sets[position.description - 1])
            self._description = position.description
        start = max(self._next, (at_ns - self._origin_ns) * TICKS // SECOND_NS)
        self._next = start + sum(it.duration for it in samples[:-1]) + 1
        return Fragment(VIDEO, start, samples, data)

    def _introduced(self, sample: Sample, data: bytes, sets: bytes) -> tuple[Sample, bytes]:
        """A key frame with its parameter sets, after the delimiter if there is one."""
        size = int.from_bytes(data[:_LENGTH_BYTES], "big")
        delimited = unit_type(data[_LENGTH_BYTES : _LENGTH_BYTES + 1], self._codec) == _DELIMITER[self._codec]
        at = _LENGTH_BYTES + size if delimited else 0
        return sample._replace(size=sample.size + len(sets)), data[:at] + sets + data[at:]

    def _audio(self, fragment: Fragment, position: FragmentPosition) -> Fragment | None:
        """Audio from the first picture on; samples that overlap earlier ones are dropped."""
        if self._origin_ns is None:
            return None
        at_ns = position.wall_ns + fragment.start * SECOND_NS // self._rate
        samples = _before(fragment.samples, (self._to_ns - at_ns) * self._rate, SECOND_NS)
        start = (at_ns - self._origin_ns) * self._rate // SECOND_NS
        if self._sound_next and abs(start - self._sound_next) * SECOND_NS <= HOLE_NS * self._rate:
            start = self._sound_next
        skipped = 0
        while samples and start < self._sound_next:
            first = samples.pop(0)
            start, skipped = start + first.duration, skipped + first.size
        if not samples:
            return None
        self._sound_next = start + sum(it.duration for it in samples)
        return Fragment(SOUND, start, samples, fragment.data[skipped : skipped + sum(it.size for it in samples)])


def _before(samples: Sequence[Sample], limit: int, scale: int) -> list[Sample]:
    """The samples that begin before `limit / scale` ticks."""
    found, at = [], 0
    for sample in samples:
        if at * scale >= limit:
            break
        found.append(sample)
        at += sample.duration
    return found


def _sets(entry: bytes) -> bytes:
    """A sample entry's parameter sets, each after its length, as in samples."""
    stream, length_bytes = configuration(configuration_of(entry), CODECS[entry[4:8]])
    if length_bytes != _LENGTH_BYTES:
        raise FootageBroken("the movie's NAL unit lengths are not those of the recorder")
    return b"".join(len(unit).to_bytes(_LENGTH_BYTES, "big") + unit for unit in units(stream))
