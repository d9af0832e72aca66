"""Fragments of a movie: which samples they hold, and new ones from old (ISO/IEC 14496-12, 8.8)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from common.errors import FootageBroken
from edge.media.mp4_boxes import box, boxes, full

NOT_KEY = 0x0001_0000
"""Of a sample's flags: others are needed to decode it."""
SOUND_FLAGS = 0x0200_0000
"""Of a sample that needs no other."""
_RUN = struct.Struct(">IIIi")


class Sample(NamedTuple):
    """One picture, or one frame of sound.

    Attributes:
        duration: Ticks.
        size: Bytes.
        flags: See `NOT_KEY`.
        shift: Ticks that it is shown after its decoding time.
    """

    duration: int
    size: int
    flags: int = SOUND_FLAGS
    shift: int = 0


@dataclass(frozen=True)
class Fragment:
    """Samples of one track, one after another.

    Attributes:
        track: Its number.
        start: Decoding time of the first sample, ticks of the track.
        samples: At least one.
        data: Their bytes.
    """

    track: int
    start: int
    samples: Sequence[Sample]
    data: bytes


def parse(part: bytes) -> Iterator[Fragment]:
    """The fragments of a part.

    Raises:
        FootageBroken: Not a part of ours.
    """
    try:
        for kind, at, body in boxes(part):
            if kind == b"moof":
                for name, _, inner in boxes(body):
                    if name == b"traf":
                        yield from _traf(part, at, inner)
    except (struct.error, IndexError) as error:
        raise FootageBroken("a part of the movie is cut short") from error


def build(fragment: Fragment, sequence: int, description: int = 1) -> bytes:
    """A fragment as `moof` and `mdat`.

    Args:
        fragment: What it holds.
        sequence: Its number in the movie, from 1.
        description: Which sample entry, from 1.
    """
    tfhd = full(b"tfhd", 0, 0x020002, struct.pack(">II", fragment.track, description))
    tfdt = full(b"tfdt", 1, 0, fragment.start.to_bytes(8, "big"))
    runs = b"".join(_RUN.pack(it.duration, it.size, it.flags, it.shift) for it in fragment.samples)
    mfhd = full(b"mfhd", 0, 0, sequence.to_bytes(4, "big"))
    offset = 8 + len(mfhd) + 8 + len(tfhd) + len(tfdt) + 20 + len(runs) + 8
    trun = full(b"trun", 1, 0x000F01, struct.pack(">Ii", len(fragment.samples), offset), runs)
    return box(b"moof", mfhd, box(b"traf", tfhd, tfdt, trun)) + box(b"mdat", fragment.data)


def numbered(part: bytes, sequence: int) -> bytes:
    """A part of one fragment under another number."""
    return part[:20] + sequence.to_bytes(4, "big") + part[24:]


def _traf(part: bytes, moof: int, traf: bytes) -> Iterator[Fragment]:
    track, defaults, start = 0, (0, 0, 0), 0
    for kind, _, body in boxes(traf):
        if kind == b"tfhd":
            track, defaults = _tfhd(body)
        elif kind == b"tfdt":
            start = int.from_bytes(body[4:12] if body[0] else body[4:8], "big")
        elif kind == b"trun":
            samples, offset = _trun(body, defaults)
            at, size = moof + offset, sum(it.size for it in samples)
            if not samples or at + size > len(part):
                raise FootageBroken("a part of the movie is cut short")
            yield Fragment(track, start, samples, part[at : at + size])
            start += sum(it.duration for it in samples)


def _tfhd(body: bytes) -> tuple[int, tuple[int, int, int]]:
    """Track, and what samples have unless they say otherwise: duration, size, flags."""
    flags, at = int.from_bytes(body[1:4], "big"), 8
    at += 8 * bool(flags & 1) + 4 * bool(flags & 2)
    values = []
    for bit in (0x8, 0x10, 0x20):
        values.append(int.from_bytes(body[at : at + 4], "big") if flags & bit else 0)
        at += 4 * bool(flags & bit)
    return int.from_bytes(body[4:8], "big"), (values[0], values[1], values[2])


def _trun(body: bytes, defaults: tuple[int, int, int]) -> tuple[list[Sample], int]:
    """Samples, and where their bytes begin, from the `moof`."""
    flags, count = int.from_bytes(body[1:4], "big"), int.from_bytes(body[4:8], "big")
    at, offset, first = 8, 0, None
    if flags & 0x1:
        (offset,) = struct.unpack_from(">i", body, at)
        at += 4
    if flags & 0x4:
        (first,) = struct.unpack_from(">I", body, at)
        at += 4
    samples = []
    for number in range(count):
        values = list(defaults)
        for place, bit in enumerate((0x100, 0x200, 0x400)):
            if flags & bit:
                (values[place],) = struct.unpack_from(">I", body, at)
                at += 4
        if number == 0 and first is not None:
            values[2] = first
        shift = 0
        if flags & 0x800:
            (shift,) = struct.unpack_from(">i", body, at)
            at += 4
        samples.append(Sample(values[0], values[1], values[2], shift))
    return samples, offset
