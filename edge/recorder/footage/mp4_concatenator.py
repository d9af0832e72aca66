"""Segments one after another in one movie: new heads around the old bytes, part by part; nothing is decoded.

What is missing between segments stays a hole in the movie's time. Pictures of another form have a sample entry of
their own, which fragments name (ISO/IEC 14496-12, 8.8.7); their parameter sets stand in the first of them as well,
since FFmpeg and what is built on it look at the first sample entry only.
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
    """Where a part belongs.

    Attributes:
        wall_ns: Wall clock at its segment's start.
        description: Number of its sample entry, from 1.
        heard: Its sound goes along.
    """

    wall_ns: int
    description: int
    heard: bool


class ConcatenatedMovie:
    """One movie.

    Args:
        entries: Sample entries of video.
        sound: Body of the sound's `trak`, or None.
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

    def add(self, part: bytes, place: FragmentPosition) -> bytes:
        """A part, as it stands in the movie; empty where all of it lies after the end.

        Raises:
            FootageBroken: Not a part of ours.
        """
        out = []
        for fragment in parse(part):
            moved = None
            if fragment.track == VIDEO:
                moved = self._pictures(fragment, place)
            elif fragment.track == SOUND and place.heard:
                moved = self._heard(fragment, place)
            if moved is not None:
                self._sequence += 1
                out.append(build(moved, self._sequence, place.description if fragment.track == VIDEO else 1))
        return b"".join(out)

    def _pictures(self, fragment: Fragment, place: FragmentPosition) -> Fragment | None:
        at_ns = place.wall_ns + fragment.start * SECOND_NS // TICKS
        samples = _before(fragment.samples, (self._to_ns - at_ns) * TICKS, SECOND_NS)
        if not samples:
            return None
        if self._origin_ns is None:
            self._origin_ns, self._description = at_ns, place.description
        data = fragment.data[: sum(it.size for it in samples)]
        if place.description != self._description:
            if samples[0].flags & NOT_KEY:
                return None  # what a key frame must come before
            samples[0], data = self._introduced(samples[0], data, self._sets[place.description - 1])
            self._description = place.description
        start = max(self._next, (at_ns - self._origin_ns) * TICKS // SECOND_NS)
        self._next = start + sum(it.duration for it in samples[:-1]) + 1
        return Fragment(VIDEO, start, samples, data)

    def _introduced(self, sample: Sample, data: bytes, sets: bytes) -> tuple[Sample, bytes]:
        """A key frame with its parameter sets, behind the delimiter where it has one."""
        size = int.from_bytes(data[:_LENGTH_BYTES], "big")
        delimited = unit_type(data[_LENGTH_BYTES : _LENGTH_BYTES + 1], self._codec) == _DELIMITER[self._codec]
        at = _LENGTH_BYTES + size if delimited else 0
        return sample._replace(size=sample.size + len(sets)), data[:at] + sets + data[at:]

    def _heard(self, fragment: Fragment, place: FragmentPosition) -> Fragment | None:
        """Sound from the first picture on; what overlaps what is there already goes."""
        if self._origin_ns is None:
            return None
        at_ns = place.wall_ns + fragment.start * SECOND_NS // self._rate
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
    """A sample entry's parameter sets, each behind its length, as samples have them."""
    stream, length_bytes = configuration(configuration_of(entry), CODECS[entry[4:8]])
    if length_bytes != _LENGTH_BYTES:
        raise FootageBroken("the movie's units have lengths that the recorder does not write")
    return b"".join(len(unit).to_bytes(_LENGTH_BYTES, "big") + unit for unit in units(stream))
