"""RTSP requests and answers (RFC 2326) and Digest authentication (RFC 2617, without qop, as cameras do it)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from dataclasses import dataclass

MAX_HEAD_BYTES = 16_384


@dataclass(frozen=True)
class Request:
    """One request; header names are lower case."""

    method: str
    url: str
    headers: dict[str, str]


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request; RTCP that the client interleaves is skipped. None at the end of the connection.

    Raises:
        ValueError: Not RTSP.
    """
    while True:
        first = await reader.read(1)
        if not first:
            return None
        if first != b"$":
            break
        head = await reader.readexactly(3)
        await reader.readexactly(int.from_bytes(head[1:], "big"))
    text = (first + await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "replace")
    lines = text.strip().split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("RTSP/"):
        raise ValueError(f"not an RTSP request: {lines[0][:80]}")
    pairs = (line.partition(":") for line in lines[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(words[0], words[1], headers)


def answer(request: Request, status: str, headers: dict[str, str] | None = None, body: str = "") -> bytes:
    """The bytes of a response."""
    lines = [f"RTSP/1.0 {status}", f"CSeq: {request.headers.get('cseq', '0')}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body.encode())}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@dataclass(frozen=True)
class Digest:
    """Who may watch.

    Attributes:
        username: The user.
        password: The password.
        nonce: Fresh for every server.
        realm: Shown to the client.
    """

    username: str
    password: str
    nonce: str
    realm: str = "paifang"

    def challenge(self) -> dict[str, str]:
        """The header that asks for a log-in."""
        return {"WWW-Authenticate": f'Digest realm="{self.realm}", nonce="{self.nonce}"'}

    def accepts(self, request: Request) -> bool:
        """Whether the request's Authorization is right."""
        given = dict(re.findall(r'(\w+)="?([^",]*)"?', request.headers.get("authorization", "")))
        if given.get("nonce") != self.nonce or given.get("username") != self.username:
            return False
        user = _md5(f"{self.username}:{self.realm}:{self.password}")
        asked = _md5(f"{request.method}:{given.get('uri', '')}")
        wanted = _md5(f"{user}:{self.nonce}:{asked}")
        return hmac.compare_digest(wanted, given.get("response", ""))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
