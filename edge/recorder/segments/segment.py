"""A segment's file: written once, by fragment; read at any position; salvaged to its last complete fragment."""

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
    MAX_FRAGMENT_BYTES,
    TABLE_NUMBER,
    TAG_BYTES,
    TAIL,
    TRAILER,
    FragmentHeader,
    Header,
    SegmentCipher,
    SegmentFragment,
    pack_header,
    unpack_header,
)

FOOTAGE, SUFFIX = "footage", ".seg"
DAY_NS = 86_400 * SECOND_NS
KeyOf = Callable[[str, int], bytes]
_TABLE = msgspec.json.Decoder(list[FragmentHeader])


def path_of(camera: str, day: int, id_: str) -> str:
    """Path of a segment. The prefix keeps a camera called `..` inside the folder."""
    return f"{FOOTAGE}/cam-{camera}/{day}/{id_}{SUFFIX}"


class SegmentWriter:
    """Writes one segment: create exclusively, write, flush the file, flush the folder.

    Args:
        disk: The footage's disk.
        header: The segment's header.
        key: The day's key.

    Attributes:
        durable_ms: Media time up to which the footage is on the medium.
        bytes: Length of the file, including unflushed data.
        durable_bytes: Length of the flushed data.

    Raises:
        DiskTrouble: From every method; the segment is then left for the next start-up.
    """

    def __init__(self, disk: Disk, header: Header, key: bytes) -> None:
        self.header, self.durable_ms, self.durable_bytes = header, 0, 0
        self.path = path_of(header.camera, header.day, header.id)
        packed = pack_header(header)
        self._disk, self._cipher = disk, SegmentCipher(key, packed)
        self._handle = disk.create(self.path)
        self._heads: list[FragmentHeader] = []
        self._folder_synced = False
        self._unflushed = [packed]
        self.bytes = len(packed)

    def start(self, initialisation: bytes) -> None:
        """Write frame 0, the initialisation; it is flushed with the first fragment."""
        self._add(SegmentFragment(initialisation))

    def write_fragment(self, fragment: SegmentFragment) -> None:
        """Write a fragment and flush it: one flush."""
        self._add(fragment)
        self._flush()

    def finish(self, last: SegmentFragment | None) -> None:
        """Write the last fragment and the table of fragments: one flush."""
        if last is not None:
            self._add(last)
        table = self._cipher.encrypt(TABLE_NUMBER, SegmentFragment(msgspec.json.encode(self._heads)))
        where = self.bytes
        self._unflushed.append(table + TRAILER.pack(where, TAIL))
        self.bytes += len(self._unflushed[-1])
        self._flush()
        self._handle.close()

    def abandon(self) -> None:
        """Close the file without writing the table."""
        self._handle.close()

    def _add(self, fragment: SegmentFragment) -> None:
        number = len(self._heads)
        self._heads.append(
            FragmentHeader(
                number, self.bytes, len(fragment.data), fragment.start_ms, fragment.duration_ms, fragment.key
            )
        )
        self._unflushed.append(self._cipher.encrypt(number, fragment))
        self.bytes += len(self._unflushed[-1])

    def _flush(self) -> None:
        self._handle.write(b"".join(self._unflushed))
        self._unflushed.clear()
        self._handle.sync()
        if not self._folder_synced:
            self._disk.sync_folder(self.path.rpartition("/")[0])
            self._folder_synced = True
        self.durable_bytes = self.bytes
        self.durable_ms = self._heads[-1].start_ms + self._heads[-1].duration_ms


@dataclass(frozen=True)
class SalvageResult:
    """Result of checking a whole file.

    Attributes:
        header: The segment's header.
        fragments: Complete, authenticated fragments except the initialisation.
        bytes: Length of the authenticated data.
        end_ms: Media time at its end.
        finished: Whether the table is present.
    """

    header: Header
    fragments: int
    bytes: int
    end_ms: int
    finished: bool


class SegmentReader:
    """Reads one segment at any position.

    Args:
        disk: The footage's disk.
        path: The file's path.
        key_of: Gives the day key of a camera and day.

    Raises:
        FootageBroken: Not a segment, or its key is missing.
    """

    def __init__(self, disk: Disk, path: str, key_of: KeyOf) -> None:
        self._disk, self._path = disk, path
        size = disk.size(path)
        if size is None:
            raise FootageBroken(f"{path}: the file is missing")
        self._size = size
        try:
            start = disk.read(path, 0, 4096 + 12)
            self.header, self._body = unpack_header(start)
        except FootageBroken as error:
            raise FootageBroken(f"{path}: {error}") from error
        self._cipher = SegmentCipher(key_of(self.header.camera, self.header.day), start[: self._body])
        self.fragment_headers, self.finished = self._table()

    def read_fragment(self, fragment_header: FragmentHeader) -> SegmentFragment:
        """Read and authenticate one fragment.

        Raises:
            FootageBroken: It does not authenticate.
        """
        frame = self._disk.read(self._path, fragment_header.offset, fragment_header.end - fragment_header.offset)
        try:
            return self._cipher.decrypt(fragment_header.number, frame)
        except FootageBroken as error:
            raise FootageBroken(f"{self._path}: {error}") from error

    def read(self, offset: int, size: int) -> bytes:
        """Plain bytes of the MP4 from `offset`, at most `size`; only the fragments that contain them are decrypted."""
        out, position = bytearray(), 0
        for fragment_header in self.fragment_headers:
            if position + fragment_header.size > offset and position < offset + size:
                data = self.read_fragment(fragment_header).data
                out += data[max(0, offset - position) : offset + size - position]
            position += fragment_header.size
        return bytes(out)

    @property
    def plain_bytes(self) -> int:
        """Length of the MP4."""
        return sum(fragment_header.size for fragment_header in self.fragment_headers)

    def between(self, from_ms: int, to_ms: int) -> list[FragmentHeader]:
        """The fragments that a player needs for a range of media time: from the key frame before it."""
        fragments = self.fragment_headers[1:]
        keys = [
            number
            for number, fragment_header in enumerate(fragments)
            if fragment_header.key and fragment_header.start_ms <= from_ms
        ]
        first = keys[-1] if keys else 0
        return [fragment_header for fragment_header in fragments[first:] if fragment_header.start_ms < to_ms]

    def check(self) -> SalvageResult:
        """Decrypt every fragment, up to the first that does not authenticate."""
        valid = 0
        for fragment_header in self.fragment_headers:
            try:
                self.read_fragment(fragment_header)
            except FootageBroken:
                break
            valid += 1
        last = self.fragment_headers[valid - 1] if valid else None
        is_complete = valid == len(self.fragment_headers)
        size = self._size if self.finished and is_complete else (last.end if last is not None else self._body)
        end_ms = last.start_ms + last.duration_ms if last is not None else 0
        return SalvageResult(self.header, max(0, valid - 1), size, end_ms, self.finished and is_complete)

    def sha256(self) -> str:
        """SHA-256 of the authenticated plain bytes."""
        digest = hashlib.sha256()
        for fragment_header in self.fragment_headers:
            digest.update(self.read_fragment(fragment_header).data)
        return digest.hexdigest()

    def _table(self) -> tuple[list[FragmentHeader], bool]:
        """The fragments, from the table at the end, or by a scan if there is no table (yet)."""
        if self._size >= self._body + TRAILER.size:
            where, tail = TRAILER.unpack(self._disk.read(self._path, self._size - TRAILER.size, TRAILER.size))
            if tail == TAIL and self._body <= where < self._size - TRAILER.size:
                try:
                    frame = self._disk.read(self._path, where, self._size - TRAILER.size - where)
                    return _TABLE.decode(self._cipher.decrypt(TABLE_NUMBER, frame).data), True
                except (FootageBroken, msgspec.DecodeError):
                    pass
        return self._scan(), False

    def _scan(self) -> list[FragmentHeader]:
        fragment_headers: list[FragmentHeader] = []
        position = self._body
        while position + FRAME.size + TAG_BYTES <= self._size:
            size, start_ms, duration_ms, flags = FRAME.unpack(self._disk.read(self._path, position, FRAME.size))
            fragment_header = FragmentHeader(
                len(fragment_headers), position, size, start_ms, duration_ms, bool(flags & KEY_FRAME)
            )
            if size == 0 or size > MAX_FRAGMENT_BYTES or fragment_header.end > self._size:
                break
            if fragment_headers:
                try:  # unfinished segment: only complete fragments count, and the last may be incomplete
                    self.read_fragment(fragment_header)
                except (FootageBroken, DiskTrouble):
                    break
            fragment_headers.append(fragment_header)
            position = fragment_header.end
        return fragment_headers
