"""Boxes of an MP4 (ISO/IEC 14496-12): taken apart, put together again, and a movie's beginning for several forms.

Only what our own muxer writes is understood: one fragment a part, data behind its `moof`, no edit lists.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from common.errors import FootageBroken

VIDEO, SOUND = 1, 2
"""Track numbers; the same in every segment."""
_ENTRY_BYTES = 78
"""Of a visual sample entry, before its boxes: ISO/IEC 14496-12, 12.1.3."""
_CONFIGURATION = {b"avc1": b"avcC", b"hvc1": b"hvcC"}
CODECS = {b"avc1": "h264", b"hvc1": "hevc"}
"""Sample entry → FFmpeg's name of the codec."""


def boxes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Kind, place and body of each box.

    Raises:
        FootageBroken: A box is longer than what it stands in.
    """
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8 or at + size > len(data):
            raise FootageBroken("a box of the movie is cut short")
        yield data[at + 4 : at + 8], at, data[at + 8 : at + size]
        at += size


def box(kind: bytes, *bodies: bytes) -> bytes:
    """A box around bodies."""
    size = 8 + sum(map(len, bodies))
    return b"".join((size.to_bytes(4, "big"), kind, *bodies))


def full(kind: bytes, version: int, flags: int, *bodies: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, (version << 24 | flags).to_bytes(4, "big"), *bodies)


def body_of(data: bytes, *path: bytes) -> bytes:
    """The body of the first box along a path.

    Raises:
        FootageBroken: There is none.
    """
    for kind in path:
        found = next((body for name, _, body in boxes(data) if name == kind), None)
        if found is None:
            raise FootageBroken(f"the movie has no '{kind.decode()}'")
        data = found
    return data


def traks(initialisation: bytes) -> dict[bytes, bytes]:
    """Handler (`vide`, `soun`) → body of its `trak`."""
    moov = body_of(initialisation, b"moov")
    found = [body for kind, _, body in boxes(moov) if kind == b"trak"]
    return {body_of(trak, b"mdia", b"hdlr")[8:12]: trak for trak in found}


def video_entry(initialisation: bytes) -> bytes:
    """The sample entry of a movie's video, a whole box.

    Raises:
        FootageBroken: It has no video, or of a kind that we do not write.
    """
    video = traks(initialisation).get(b"vide")
    if video is None:
        raise FootageBroken("the movie has no video")
    entry = body_of(video, b"mdia", b"minf", b"stbl", b"stsd")[8:]
    if entry[4:8] not in CODECS:
        raise FootageBroken("the movie's video is of a kind that the recorder does not write")
    return entry


def configuration_of(entry: bytes) -> bytes:
    """The configuration record in a video's sample entry."""
    return body_of(entry[8 + _ENTRY_BYTES :], _CONFIGURATION[entry[4:8]])


def beginning(initialisation: bytes, entries: Sequence[bytes], sound: bytes | None) -> bytes:
    """A movie's beginning like another's, with these sample entries of video and this sound.

    Args:
        initialisation: Of the first segment.
        entries: Sample entries; fragments name them by their number, from 1.
        sound: Body of a `trak` with number `SOUND`; None: silent.
    """
    out = []
    for kind, _, body in boxes(initialisation):
        out.append(box(kind, _moov(body, entries, sound)) if kind == b"moov" else box(kind, body))
    return b"".join(out)


def _moov(moov: bytes, entries: Sequence[bytes], sound: bytes | None) -> bytes:
    out = []
    for kind, _, body in boxes(moov):
        if kind == b"mvex":
            out.append(box(b"mvex", _trex(VIDEO), *([_trex(SOUND)] if sound else [])))
        elif kind != b"trak":
            out.append(box(kind, body))
        elif body_of(body, b"mdia", b"hdlr")[8:12] == b"vide":
            stsd = len(entries).to_bytes(4, "big") + b"".join(entries)
            out.append(box(b"trak", _with(body, (b"mdia", b"minf", b"stbl", b"stsd"), stsd)))
            out += [box(b"trak", sound)] if sound else []
    return b"".join(out)


def _trex(track: int) -> bytes:
    return full(b"trex", 0, 0, struct.pack(">IIIII", track, 1, 0, 0, 0))


def _with(data: bytes, path: Sequence[bytes], body: bytes) -> bytes:
    """The same boxes with another body (behind version and flags) at a path."""
    out = []
    for kind, _, inner in boxes(data):
        if kind != path[0]:
            out.append(box(kind, inner))
        elif len(path) == 1:
            out.append(box(kind, inner[:4], body))
        else:
            out.append(box(kind, _with(inner, path[1:], body)))
    return b"".join(out)
