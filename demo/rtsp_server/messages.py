"""RTSP requests and answers (RFC 2326) and Digest authentication (RFC 2617 and 7616)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
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


def answer(
    request: Request, status: str, headers: dict[str, str] | None = None, body: str = "", asks: Sequence[str] = ()
) -> bytes:
    """The bytes of a response; `asks`: each its own header that asks for a log-in."""
    lines = [f"RTSP/1.0 {status}", f"CSeq: {request.headers.get('cseq', '0')}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    lines += [f"WWW-Authenticate: {text}" for text in asks]
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
        offers: What is asked for, one header each, `{realm}` and `{nonce}` in it; empty: MD5.
        taken: Algorithms whose answers are accepted; empty: an answer that names none.
        qop: Answers must have it; empty: none.
    """

    username: str
    password: str
    nonce: str
    realm: str = "paifang"
    offers: tuple[str, ...] = ()
    taken: tuple[str, ...] = ("",)
    qop: str = ""

    def challenges(self) -> list[str]:
        """The headers that ask for a log-in."""
        offers = self.offers or ('Digest realm="{realm}", nonce="{nonce}"',)
        return [it.replace("{realm}", self.realm).replace("{nonce}", self.nonce) for it in offers]

    def accepts(self, request: Request) -> bool:
        """Whether the request's Authorization is right."""
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic" and "Basic" in self.taken:
            return text == base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        pairs = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^",\s]*))', text)
        given = {name: re.sub(r"\\(.)", r"\1", quoted) or plain for name, quoted, plain in pairs}
        algorithm = given.get("algorithm", "")
        if scheme != "Digest" or algorithm not in self.taken or given.get("qop", "") != self.qop:
            return False
        hashed = _hash(algorithm, f"{self.username}:{self.realm}")
        username = hashed if given.get("userhash") == "true" else self.username
        if given.get("nonce") != self.nonce or given.get("username") != username or given.get("uri") != request.url:
            return False
        return hmac.compare_digest(self._wanted(request, given, algorithm), given.get("response", ""))

    def _wanted(self, request: Request, given: dict[str, str], algorithm: str) -> str:
        user = _hash(algorithm, f"{self.username}:{self.realm}:{self.password}")
        if algorithm.endswith("-sess"):
            user = _hash(algorithm, f"{user}:{self.nonce}:{given.get('cnonce', '')}")
        asked = _hash(algorithm, f"{request.method}:{given['uri']}")
        middle = f":{given.get('nc', '')}:{given.get('cnonce', '')}:{self.qop}" if self.qop else ""
        return _hash(algorithm, f"{user}:{self.nonce}{middle}:{asked}")


def _hash(algorithm: str, text: str) -> str:
    name = {"SHA-256": "sha256", "SHA-512-256": "sha512_256"}.get(algorithm.removesuffix("-sess"), "md5")
    return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()
