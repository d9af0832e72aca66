"""A segment's file: written once, part by part; read at any place; salvaged up to its last whole part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from common.clock import SECOND_NS
from common.errors import DiskTrouble, FootageBroken
from edge.recorder.disk import Disk
from edge.recorder.retention.segment_encryption import (
    FRAME,
    KEY_FRAME,
    MAX_PART_BYTES,
    TABLE_NUMBER,
    TAG_BYTES,
    TAIL,
    TRAILER,
    Head,
    Header,
    Part,
    SegmentCipher,
    pack_header,
    unpack_header,
)

FOOTAGE, SUFFIX = "footage", ".seg"
DAY_NS = 86_400 * SECOND_NS
KeyOf = Callable[[str, int], bytes]
_TABLE = msgspec.json.Decoder(list[Head])


def path_of(camera: str, day: int, id_: str) -> str:
    """Where a segment stands. The prefix keeps a camera called `..` inside the folder."""
    return f"{FOOTAGE}/cam-{camera}/{day}/{id_}{SUFFIX}"


class SegmentWriter:
    """Writes one segment: create exclusively, write, flush the file, flush the folder.

    Args:
        disk: Where.
        header: What it is.
        key: The day's key.

    Attributes:
        durable_ms: Media time up to which the footage is on the medium.
        bytes: Length of the file, with what is not flushed yet.
        durable_bytes: Length of what is flushed.

    Raises:
        DiskTrouble: From every method; the segment is then left as it is, for the next start-up.
    """

    def __init__(self, disk: Disk, header: Header, key: bytes) -> None:
        self.header, self.durable_ms, self.durable_bytes = header, 0, 0
        self.path = path_of(header.camera, header.day, header.id)
        packed = pack_header(header)
        self._disk, self._sealer = disk, SegmentCipher(key, packed)
        self._handle = disk.create(self.path)
        self._heads: list[Head] = []
        self._named = False
        self._waiting = [packed]
        self.bytes = len(packed)

    def start(self, initialisation: bytes) -> None:
        """Frame 0: what a player needs first. It is flushed with the first part."""
        self._add(Part(initialisation))

    def part(self, part: Part) -> None:
        """Write a part and flush it: one flush."""
        self._add(part)
        self._flush()

    def finish(self, last: Part | None) -> None:
        """Write the last part and the table of parts: one flush."""
        if last is not None:
            self._add(last)
        table = self._sealer.seal(TABLE_NUMBER, Part(msgspec.json.encode(self._heads)))
        where = self.bytes
        self._waiting.append(table + TRAILER.pack(where, TAIL))
        self.bytes += len(self._waiting[-1])
        self._flush()
        self._handle.close()

    def abandon(self) -> None:
        """Let go of the file without another word."""
        self._handle.close()

    def _add(self, part: Part) -> None:
        number = len(self._heads)
        self._heads.append(Head(number, self.bytes, len(part.data), part.start_ms, part.duration_ms, part.key))
        self._waiting.append(self._sealer.seal(number, part))
        self.bytes += len(self._waiting[-1])

    def _flush(self) -> None:
        self._handle.write(b"".join(self._waiting))
        self._waiting.clear()
        self._handle.sync()
        if not self._named:
            self._disk.sync_folder(self.path.rpartition("/")[0])
            self._named = True
        self.durable_bytes = self.bytes
        self.durable_ms = self._heads[-1].start_ms + self._heads[-1].duration_ms


@dataclass(frozen=True)
class Found:
    """What a look at a whole file found.

    Attributes:
        header: What it is.
        parts: Whole, authenticated parts besides the initialisation.
        bytes: Length of what authenticates.
        end_ms: Media time at its end.
        finished: The table is there too.
    """

    header: Header
    parts: int
    bytes: int
    end_ms: int
    finished: bool


class SegmentReader:
    """Reads one segment at any place.

    Args:
        disk: Where.
        path: Of the file.
        key_of: Gives the day key of a camera and day.

    Raises:
        FootageBroken: Not a segment, or its key is not there.
    """

    def __init__(self, disk: Disk, path: str, key_of: KeyOf) -> None:
        self._disk, self._path = disk, path
        size = disk.size(path)
        if size is None:
            raise FootageBroken(f"{path}: the file is gone")
        self._size = size
        try:
            start = disk.read(path, 0, 4096 + 12)
            self.header, self._body = unpack_header(start)
        except FootageBroken as error:
            raise FootageBroken(f"{path}: {error}") from error
        self._sealer = SegmentCipher(key_of(self.header.camera, self.header.day), start[: self._body])
        self.heads, self.finished = self._table()

    def part(self, head: Head) -> Part:
        """One part, authenticated.

        Raises:
            FootageBroken: It does not authenticate.
        """
        frame = self._disk.read(self._path, head.offset, head.end - head.offset)
        try:
            return self._sealer.open(head.number, frame)
        except FootageBroken as error:
            raise FootageBroken(f"{self._path}: {error}") from error

    def read(self, offset: int, size: int) -> bytes:
        """Plain bytes of the MP4 from `offset`, at most `size`; only the parts that hold them are opened."""
        out, at = bytearray(), 0
        for head in self.heads:
            if at + head.size > offset and at < offset + size:
                data = self.part(head).data
                out += data[max(0, offset - at) : offset + size - at]
            at += head.size
        return bytes(out)

    @property
    def plain_bytes(self) -> int:
        """Length of the MP4."""
        return sum(head.size for head in self.heads)

    def between(self, from_ms: int, to_ms: int) -> list[Head]:
        """The parts that a player needs for a stretch of media time: from the key frame before it on."""
        parts = self.heads[1:]
        keys = [number for number, head in enumerate(parts) if head.key and head.start_ms <= from_ms]
        first = keys[-1] if keys else 0
        return [head for head in parts[first:] if head.start_ms < to_ms]

    def check(self) -> Found:
        """Open every part, up to the first that does not authenticate."""
        good = 0
        for head in self.heads:
            try:
                self.part(head)
            except FootageBroken:
                break
            good += 1
        last = self.heads[good - 1] if good else None
        whole = good == len(self.heads)
        size = self._size if self.finished and whole else (last.end if last is not None else self._body)
        end_ms = last.start_ms + last.duration_ms if last is not None else 0
        return Found(self.header, max(0, good - 1), size, end_ms, self.finished and whole)

    def sha256(self) -> str:
        """Hash of the plain bytes, authenticated on the way."""
        digest = hashlib.sha256()
        for head in self.heads:
            digest.update(self.part(head).data)
        return digest.hexdigest()

    def _table(self) -> tuple[list[Head], bool]:
        """The parts, from the table at the end, or by walking where there is none (yet)."""
        if self._size >= self._body + TRAILER.size:
            where, tail = TRAILER.unpack(self._disk.read(self._path, self._size - TRAILER.size, TRAILER.size))
            if tail == TAIL and self._body <= where < self._size - TRAILER.size:
                try:
                    frame = self._disk.read(self._path, where, self._size - TRAILER.size - where)
                    return _TABLE.decode(self._sealer.open(TABLE_NUMBER, frame).data), True
                except (FootageBroken, msgspec.DecodeError):
                    pass
        return self._walk(), False

    def _walk(self) -> list[Head]:
        heads: list[Head] = []
        at = self._body
        while at + FRAME.size + TAG_BYTES <= self._size:
            size, start_ms, duration_ms, flags = FRAME.unpack(self._disk.read(self._path, at, FRAME.size))
            head = Head(len(heads), at, size, start_ms, duration_ms, bool(flags & KEY_FRAME))
            if size == 0 or size > MAX_PART_BYTES or head.end > self._size:
                break
            if heads:
                try:  # an unfinished segment: only whole parts count, and the last may be torn
                    self.part(head)
                except (FootageBroken, DiskTrouble):
                    break
            heads.append(head)
            at = head.end
        return heads
