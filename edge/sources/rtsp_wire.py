"""RTSP on a TCP connection (RFC 2326): messages, and binary frames (`$`, channel, length) between them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_HEAD_BYTES = 16_384
MAX_BODY_BYTES = 262_144
_MESSAGE = re.compile(rb"RTSP/\d|[A-Z_]{3,32} (?:rtsps?:|\*)", re.IGNORECASE)
_UNSURE = 48
"""With fewer bytes than this it may not be known yet whether they begin a message."""
_NEXT = re.compile(rb"\$|RTSP/\d")


class BadRtsp(ValueError):
    """A message that is too long, or is none."""


@dataclass
class Message:
    """A request or a response.

    Attributes:
        first: Its first line.
        headers: (name, value) in their order.
        body: What follows.
    """

    first: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """The values of all headers of a name."""
        return [value for it, value in self.headers if it.lower() == name.lower()]

    def get(self, name: str) -> str:
        """The value of the first header of a name; empty: there is none."""
        return next(iter(self.all(name)), "")

    @property
    def status(self) -> int | None:
        """The status of a response; None: a request."""
        found = re.match(r"RTSP/\d+(?:\.\d+)?\s+(\d{3})(?!\d)", self.first, re.IGNORECASE)
        return int(found[1]) if found else None

    def without(self, *names: str) -> list[tuple[str, str]]:
        """The headers but those of some names (small letters)."""
        return [it for it in self.headers if it[0].lower() not in names]

    def encoded(self) -> bytes:
        """As bytes, whose headers are as they were."""
        lines = [self.first, *(f"{name}: {value}" for name, value in self.headers)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + self.body


class Splitter:
    """Cuts what comes on a connection into messages and all the rest, which is passed on as it is.

    Holds `MAX_HEAD_BYTES` and `MAX_BODY_BYTES` of an unfinished message at most, and no frame.
    """

    def __init__(self) -> None:
        self._kept = b""
        self._binary_left = 0

    def feed(self, data: bytes) -> Iterator[Message | memoryview]:
        """What is in the bytes that came: messages, and stretches of everything else, in their order.

        Raises:
            BadRtsp: A message is too long, or its length is no number.
        """
        data = self._kept + data if self._kept else data
        self._kept = b""
        view, at, start = memoryview(data), 0, 0
        while at < len(data):
            if self._binary_left:
                step = min(self._binary_left, len(data) - at)
                self._binary_left -= step
                at += step
            elif data[at] == 0x24:
                if len(data) - at < 4:
                    break
                self._binary_left = 4 + int.from_bytes(data[at + 2 : at + 4], "big")
            elif (found := _MESSAGE.match(data, at)) is None and not _may_begin(data, at):
                at = _next_start(data, at)
            else:
                if start < at:
                    yield view[start:at]
                start = at
                message, at = _message(data, at) if found else (None, at)
                if message is None:
                    break
                start = at
                yield message
        if start < at:
            yield view[start:at]
        self._kept = data[at:]


def _may_begin(data: bytes, at: int) -> bool:
    rest = data[at : at + _UNSURE]
    return len(rest) < _UNSURE and re.fullmatch(rb"[A-Za-z_]{1,32}(?:[ /][rtspRTSP]{0,5})?", rest) is not None


def _next_start(data: bytes, at: int) -> int:
    found = _NEXT.search(data, at + 1)
    return found.start() if found else len(data)


def _message(data: bytes, at: int) -> tuple[Message | None, int]:
    end = data.find(b"\r\n\r\n", at, at + MAX_HEAD_BYTES)
    if end < 0:
        if len(data) - at >= MAX_HEAD_BYTES:
            raise BadRtsp("an RTSP message's headers are too long")
        return None, at
    lines = data[at:end].decode("utf-8", "surrogateescape").split("\r\n")
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        if line[:1] in (" ", "\t") and headers:
            headers[-1] = (headers[-1][0], f"{headers[-1][1]} {line.strip()}")
            continue
        name, colon, value = line.partition(":")
        if colon:
            headers.append((name.strip(), value.strip()))
    message = Message(lines[0], headers)
    length = message.get("Content-Length") or "0"
    if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > MAX_BODY_BYTES:
        raise BadRtsp("an RTSP message's Content-Length is no number or too large")
    ends = end + 4 + int(length)
    if len(data) < ends:
        return None, at
    message.body = data[end + 4 : ends]
    return message, ends
