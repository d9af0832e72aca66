"""Framing and encryption of a segment's file.

    magic 8 bytes | u32 length | header, JSON | frame 0: initialisation | frames: fragments | table | u64 where | tail 8

A frame is `FRAME` (plain length, media time, duration in ms, flags) and AES-256-GCM over the fragment. The key is
HKDF-SHA-256 (RFC 5869) of the day's key with the hash of the header, so a changed header makes decryption fail. The
nonce is the frame's number; number and head are authenticated too (NIST SP 800-38D: a nonce is never used twice under
one key, since a segment's id, and with it its key, is used once).
"""

from __future__ import annotations

import hashlib
import struct

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.errors import FootageBroken

MAGIC, TAIL = b"PFSEG\x00\x01\n", b"PFEND\x00\x01\n"
FRAME = struct.Struct(">IIII")
TRAILER = struct.Struct(">Q8s")
TAG_BYTES = 16
TABLE_NUMBER = 0xFFFFFFFF
KEY_FRAME = 1
MAX_FRAGMENT_BYTES = 256 << 20
_MAX_HEADER_BYTES = 4096


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """A segment's header; readable without the key, and authenticated by it.

    Attributes:
        id: UUIDv7.
        camera: The camera's id.
        day: UTC day of its start, days since 1970; with the camera it names the key.
        codec: `h264` or `hevc`.
        width: Pixels.
        height: Pixels.
        wall_ns: Wall clock at media time 0, UTC nanoseconds.
        mono_ns: Monotonic clock at the same time.
    """

    id: str
    camera: str
    day: int
    codec: str
    width: int
    height: int
    wall_ns: int
    mono_ns: int


class SegmentFragment(msgspec.Struct, frozen=True):
    """One fragment.

    Attributes:
        data: Plain bytes.
        start_ms: Media time of its first packet, milliseconds from the segment's start.
        duration_ms: Time until the next fragment.
        key: It starts with a key frame.
    """

    data: bytes
    start_ms: int = 0
    duration_ms: int = 0
    key: bool = False


class FragmentHeader(msgspec.Struct, frozen=True):
    """Position and properties of a frame, without its data."""

    number: int
    offset: int
    size: int
    start_ms: int
    duration_ms: int
    key: bool

    @property
    def end(self) -> int:
        """Offset after the frame in its file."""
        return self.offset + FRAME.size + self.size + TAG_BYTES


_HEADER = msgspec.json.Decoder(Header)


def pack_header(header: Header) -> bytes:
    """The file's beginning."""
    body = msgspec.json.encode(header)
    return MAGIC + len(body).to_bytes(4, "big") + body


def unpack_header(start: bytes) -> tuple[Header, int]:
    """The header and its length in the file.

    Raises:
        FootageBroken: Not the beginning of a segment: empty, cut short, or something else.
    """
    if len(start) < 12 or not start.startswith(MAGIC):
        raise FootageBroken("not a segment: unknown file signature")
    length = int.from_bytes(start[8:12], "big")
    if length > _MAX_HEADER_BYTES or len(start) < 12 + length:
        raise FootageBroken("not a segment: its header is truncated")
    try:
        return _HEADER.decode(start[12 : 12 + length]), 12 + length
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FootageBroken("not a segment: its header cannot be read") from error


class SegmentCipher:
    """Encrypts and decrypts the frames of one segment.

    Args:
        day_key: 32 bytes.
        header: The packed header.
    """

    def __init__(self, day_key: bytes, header: bytes) -> None:
        self._header_hash = hashlib.sha256(header).digest()
        derive = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"paifang segment 1" + self._header_hash)
        self._aes = AESGCM(derive.derive(day_key))

    def encrypt(self, number: int, fragment: SegmentFragment) -> bytes:
        """Encrypt a fragment to a frame."""
        head = FRAME.pack(len(fragment.data), fragment.start_ms, fragment.duration_ms, KEY_FRAME if fragment.key else 0)
        return head + self._aes.encrypt(number.to_bytes(12, "big"), fragment.data, self._associated_data(number, head))

    def decrypt(self, number: int, frame: bytes) -> SegmentFragment:
        """Decrypt a frame.

        Raises:
            FootageBroken: It does not authenticate: truncated, changed, moved, or under another key.
        """
        head, encrypted = frame[: FRAME.size], frame[FRAME.size :]
        try:
            data = self._aes.decrypt(number.to_bytes(12, "big"), encrypted, self._associated_data(number, head))
            _, start_ms, duration_ms, flags = FRAME.unpack(head)
        except (InvalidTag, ValueError, struct.error) as error:
            raise FootageBroken(f"fragment {number} does not authenticate") from error
        return SegmentFragment(data, start_ms, duration_ms, bool(flags & KEY_FRAME))

    def _associated_data(self, number: int, head: bytes) -> bytes:
        return self._header_hash + number.to_bytes(4, "big") + head
