"""Answers of an RTSP server (RFC 2326), and the log-in where it asks for one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from common.errors import PushFailed
from common.secret import Secret
from common.secret.digest import Answers, Login, best, challenges

MOST_HEADERS, MOST_BODY = 50, 64 * 1024
INTERLEAVED = b"$"


@dataclass(frozen=True)
class Answer:
    """An answer of the receiver; names of headers are in small letters, those that come more than once are a list."""

    status: int
    headers: dict[str, list[str]] = field(default_factory=dict)

    def first(self, name: str) -> str:
        """The first value of a header; empty: there is none."""
        return next(iter(self.headers.get(name, ())), "")


async def read(reader: asyncio.StreamReader) -> Answer | None:
    """The next message; None: interleaved data (RFC 2326, section 10.12) or a request, which is left out.

    Raises:
        PushFailed: It is none.
        asyncio.IncompleteReadError: The receiver has closed the connection.
    """
    first = await reader.readexactly(1)
    if first == INTERLEAVED:
        head = await reader.readexactly(3)
        await reader.readexactly(int.from_bytes(head[1:]))
        return None
    try:
        line = first + await reader.readuntil(b"\n")
        headers: dict[str, list[str]] = {}
        for _ in range(MOST_HEADERS):
            text = (await reader.readuntil(b"\n")).decode("latin-1").strip()
            if not text:
                break
            name, _, value = text.partition(":")
            headers.setdefault(name.strip().lower(), []).append(value.strip())
        else:
            raise PushFailed("the receiver sends too many headers")
    except asyncio.LimitOverrunError as error:
        raise PushFailed("the receiver sends a line that is too long") from error
    length = next(iter(headers.get("content-length", ())), "0")
    if not (length.isascii() and length.isdecimal() and int(length[:9]) <= MOST_BODY and len(length) < 9):
        raise PushFailed("the receiver sends a body that is too long")
    await reader.readexactly(int(length))
    match = re.match(r"RTSP/1\.\d (\d{3})\b", line.decode("latin-1"))
    return Answer(int(match[1]), headers) if match else None


@dataclass
class Credentials:
    """Answers a receiver's challenge.

    Args:
        user: Empty: there is none.
        password: Of the user.
        nonce: Makes a text that is used once.
    """

    user: str = field(repr=False)
    password: str = field(repr=False)
    nonce: Callable[[], str]
    _answers: Answers | None = field(default=None, init=False, repr=False)

    def challenged(self, answer: Answer) -> bool:
        """Take the strongest challenge of a 401; False: it cannot be answered, or it was and did not help."""
        found = best(challenges(answer.headers.get("www-authenticate", ())))
        if found is None or not self.user or (self._answers is not None and not found.stale):
            return False
        self._answers = Answers(found, Login(self.user, Secret(self.password)), self.nonce)
        return True

    def header(self, method: str, url: str) -> dict[str, str]:
        """The header `Authorization`, where the receiver has asked for one."""
        return {} if self._answers is None else {"Authorization": self._answers.header(method, url)}
