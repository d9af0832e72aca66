"""RTMP on the wire: chunks (Adobe RTMP 1.0, section 5.3) and values (AMF0, 2007). Pure, but for reading a stream."""

from __future__ import annotations

import asyncio
import struct
from dataclasses import dataclass, field
from typing import TypeAlias

from common.errors import PushFailed

Value: TypeAlias = "float | bool | str | dict[str, Value] | list[Value] | None"
SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW, BANDWIDTH = 1, 2, 3, 4, 5, 6
VIDEO, DATA, COMMAND = 9, 18, 20
COMMAND_AMF3 = 17
CHUNK_BYTES = 16_384
"""Of what is sent; the receiver is told."""
MOST_MESSAGE, MOST_STREAMS, MOST_DEPTH, MOST_VALUES = 64 * 1024, 16, 6, 500
"""Of what is received."""
_EXTENDED = 0xFFFFFF


def chunks(kind: int, body: bytes, *, channel: int, stream: int = 0, time_ms: int = 0) -> bytes:
    """A message as chunks with a full header (type 0), and continuations (type 3).

    Args:
        kind: Message type.
        body: The message.
        channel: Chunk stream id, 2 to 63.
        stream: Message stream id.
        time_ms: Its time; it wraps at 32 bits.
    """
    time_ms &= 0xFFFFFFFF
    extended = struct.pack(">I", time_ms) if time_ms >= _EXTENDED else b""
    head = min(time_ms, _EXTENDED).to_bytes(3) + len(body).to_bytes(3) + bytes([kind]) + stream.to_bytes(4, "little")
    pieces = [bytes([channel]) + head + extended, body[:CHUNK_BYTES]]
    for at in range(CHUNK_BYTES, len(body), CHUNK_BYTES):
        pieces += [bytes([0xC0 | channel]) + extended, body[at : at + CHUNK_BYTES]]
    return b"".join(pieces)


def encode(*values: Value) -> bytes:
    """Values in AMF0."""
    return b"".join(map(_encoded, values))


def _encoded(value: Value) -> bytes:
    if value is None:
        return b"\5"
    if isinstance(value, bool):
        return b"\1" + bytes([value])
    if isinstance(value, str):
        return b"\2" + _text(value)
    if isinstance(value, dict):
        return b"\3" + b"".join(_text(name) + _encoded(it) for name, it in value.items()) + b"\0\0\t"
    if isinstance(value, list):
        return b"\n" + struct.pack(">I", len(value)) + b"".join(map(_encoded, value))
    return b"\0" + struct.pack(">d", value)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def decode(data: bytes) -> list[Value]:
    """The values of a message; what follows a value of an unknown type is left out.

    Raises:
        PushFailed: They cannot be read.
    """
    reader, found = _Amf0(data), list[Value]()
    try:
        while reader.at < len(data):
            found.append(reader.value(0))
    except _Unknown:
        return found
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise PushFailed("the receiver sends values that cannot be read") from error
    return found


class _Unknown(Exception):
    """A value of a type that nobody sends here."""


@dataclass
class _Amf0:
    data: bytes
    at: int = 0
    left: int = MOST_VALUES

    def value(self, depth: int) -> Value:
        kind, self.at, self.left = self.data[self.at], self.at + 1, self.left - 1
        if depth > MOST_DEPTH or self.left < 0:
            raise struct.error
        if kind == 0:
            return float(self._unpacked(">d"))
        if kind == 1:
            return bool(self._unpacked(">B"))
        if kind in (2, 12):
            return self._text(">H" if kind == 2 else ">I")
        if kind in (5, 6):
            return None
        if kind in (3, 8):
            self.at += 4 * (kind == 8)
            return self._object(depth)
        if kind == 10:
            return [self.value(depth + 1) for _ in range(min(int(self._unpacked(">I")), MOST_VALUES))]
        raise _Unknown

    def _object(self, depth: int) -> Value:
        found: dict[str, Value] = {}
        while self.data[self.at : self.at + 3] != b"\0\0\t":
            name = self._text(">H")
            found[name] = self.value(depth + 1)
        self.at += 3
        return found

    def _text(self, form: str) -> str:
        length = int(self._unpacked(form))
        if length > len(self.data) - self.at:
            raise struct.error
        self.at += length
        return self.data[self.at - length : self.at].decode()

    def _unpacked(self, form: str) -> float:
        (found,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return float(found) if form == ">d" else int(found)


@dataclass
class _Incoming:
    kind: int = 0
    length: int = 0
    extended: bool = False
    data: bytearray = field(default_factory=bytearray)


@dataclass
class ChunkReader:
    """Reads messages of a receiver; each is bounded.

    Attributes:
        received: Bytes so far, for acknowledgements.
    """

    reader: asyncio.StreamReader
    received: int = 0
    _chunk_bytes: int = 128
    _streams: dict[int, _Incoming] = field(default_factory=dict)

    async def message(self) -> tuple[int, bytes]:
        """The next message: type and body. Sizes of chunks that the receiver sets are taken over.

        Raises:
            PushFailed: It is none.
            asyncio.IncompleteReadError: The receiver has closed the connection.
        """
        while True:
            it = await self._chunk()
            if len(it.data) < it.length:
                continue
            body = bytes(it.data)
            it.data.clear()
            if it.kind == SET_CHUNK_SIZE and len(body) >= 4:
                self._chunk_bytes = max(1, int.from_bytes(body[:4]) & 0x7FFFFFFF)
                continue
            if it.kind == ABORT and len(body) >= 4:
                self._streams.get(int.from_bytes(body[:4]), it).data.clear()
                continue
            return it.kind, body

    async def _chunk(self) -> _Incoming:
        first = (await self._take(1))[0]
        form, channel = first >> 6, first & 63
        if channel < 2:
            more = await self._take(1 + channel)
            channel = 64 + int.from_bytes(more, "little")
        if channel not in self._streams and (form == 3 or len(self._streams) >= MOST_STREAMS):
            raise PushFailed("the receiver does not speak RTMP")
        it = self._streams.setdefault(channel, _Incoming())
        if form < 3:
            head = await self._take((11, 7, 3)[form])
            it.extended = head[:3] == b"\xff\xff\xff"
            if form < 2:
                it.length, it.kind = int.from_bytes(head[3:6]), head[6]
                it.data.clear()
            if it.length > MOST_MESSAGE:
                raise PushFailed("the receiver sends a message that is too long")
        if it.extended:
            await self._take(4)
        it.data += await self._take(min(self._chunk_bytes, it.length - len(it.data)))
        return it

    async def _take(self, count: int) -> bytes:
        self.received = (self.received + count) & 0xFFFFFFFF
        return await self.reader.readexactly(count)
