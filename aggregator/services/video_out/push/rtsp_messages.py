"""Requests and answers of RTSP (RFC 2326), and the log-in of HTTP (RFC 7616 Digest, RFC 7617 Basic)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from common.errors import PushFailed

MOST_HEADERS, MOST_BODY = 50, 64 * 1024
INTERLEAVED = b"$"
_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
"""The strongest first."""
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


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
    _challenge: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _count: int = field(default=0, init=False)

    def challenged(self, answer: Answer) -> bool:
        """Take the strongest challenge of a 401; False: it cannot be answered, or it was and did not help."""
        found: dict[str, dict[str, str]] = {}
        for text in answer.headers.get("www-authenticate", ()):
            scheme, _, rest = text.partition(" ")
            values = {match[1].lower(): match[2] or match[3] or "" for match in _PARAMETER.finditer(rest)}
            name = values.get("algorithm", "MD5").upper() if scheme.lower() == "digest" else scheme.lower()
            found.setdefault(name, values | {"scheme": name})
        best = next((found[it] for it in (*_HASHES, "basic") if it in found), None)
        tried = bool(self._challenge) and (best or {}).get("stale", "").lower() != "true"
        if best is None or not self.user or tried:
            return False
        self._challenge, self._count = best, 0
        return True

    def header(self, method: str, url: str) -> dict[str, str]:
        """The header `Authorization`, where the receiver has asked for one."""
        it = self._challenge
        if not it:
            return {}
        if it["scheme"] == "basic":
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        return {"Authorization": f"Digest {self._digest(it, method, url)}"}

    def _digest(self, it: dict[str, str], method: str, url: str) -> str:
        """RFC 7616, section 3.4; without `qop` as in RFC 2069."""
        made, realm, nonce = _HASHES[it["scheme"]], it.get("realm", ""), it.get("nonce", "")
        first = made(f"{self.user}:{realm}:{self.password}".encode())
        second = made(f"{method}:{url}".encode())
        values = {"username": self.user, "realm": realm, "nonce": nonce, "uri": url}
        more = ""
        if "auth" in [qop.strip() for qop in it.get("qop", "").split(",")]:
            self._count += 1
            count, own = f"{self._count:08x}", self.nonce()
            values["response"] = made(f"{first}:{nonce}:{count}:{own}:auth:{second}".encode())
            values["cnonce"] = own
            more = f", qop=auth, nc={count}"
        else:
            values["response"] = made(f"{first}:{nonce}:{second}".encode())
        values |= {"opaque": it["opaque"]} if "opaque" in it else {}
        more += f", algorithm={it['scheme']}" if "algorithm" in it else ""
        return ", ".join(f'{name}="{_quoted(value)}"' for name, value in values.items()) + more


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
