"""Answers to a server that asks for a log-in: Digest after RFC 7616 (and 2617) and Basic after RFC 7617. Pure.

RTSP cameras, RTSP servers that video is sent to, and SIP platforms ask in this way.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from common.secret import Secret

_HASHES = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
"""RFC 7616's names → hashlib's; the strongest first."""
_MOST_CHALLENGES = 32
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_NAME})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))(?=[\s,]|$)')
_SCHEME = re.compile(rf"({_NAME})(?:\s+|\s*(?=,)|$)")
_TO_NEXT = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*(?:"|$))*,?\s*')


@dataclass(frozen=True)
class Login:
    """User and password; neither shows in a repr."""

    username: str
    password: Secret

    def __repr__(self) -> str:
        return "Login(***)"


@dataclass(frozen=True)
class Challenge:
    """One way to log in that a server offers.

    Attributes:
        scheme: In small letters: `digest`, `basic`, or one that is not known.
        parameters: Name in small letters → value.
        alone: Nothing else stands in its header.
    """

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)
    alone: bool = True

    @property
    def algorithm(self) -> str:
        """Name of the hash, without `-sess`."""
        return self.parameters.get("algorithm", "MD5").upper().removesuffix("-SESS")

    @property
    def session(self) -> bool:
        """The hash is of the session."""
        return self.parameters.get("algorithm", "").upper().endswith("-SESS")

    @property
    def stale(self) -> bool:
        """Only the nonce was refused."""
        return self.parameters.get("stale", "").lower() == "true"

    @property
    def qop(self) -> str | None:
        """`auth`, `auth-int`, empty: none is required; None: an unknown one."""
        offered = [it.strip().lower() for it in self.parameters.get("qop", "").split(",") if it.strip()]
        return next((it for it in ("auth", "auth-int") if it in offered), None if offered else "")

    @property
    def known(self) -> bool:
        """It can be answered."""
        if self.scheme == "basic":
            return True
        hashed = _HASHES.get(self.algorithm) in hashlib.algorithms_available
        return self.scheme == "digest" and hashed and self.qop is not None and bool(self.parameters.get("nonce"))


def challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges of all `WWW-Authenticate` headers; what is malformed is left out.

    >>> [it.scheme for it in challenges(['Basic realm="a, b", Digest realm="x", nonce="y"'])]
    ['basic', 'digest']
    """
    found: list[Challenge] = []
    for text in headers:
        inside = _inside(text.strip())
        found += [Challenge(it.scheme, it.parameters, len(inside) == 1) for it in inside]
    return found[:_MOST_CHALLENGES]


def _inside(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    at = 0
    while at < len(text):
        if found and (parameter := _PARAMETER.match(text, at)):
            name, quoted, plain = parameter.groups()
            value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
            found[-1].parameters.setdefault(name.lower(), value)
            at = parameter.end()
        elif (scheme := _SCHEME.match(text, at)) and len(found) < _MOST_CHALLENGES:
            found.append(Challenge(scheme[1].lower()))
            at = scheme.end()
        else:
            following = _TO_NEXT.match(text, at)
            at = max(at + 1, following.end() if following else 0)
        while at < len(text) and text[at] in ", \t":
            at += 1
    return found


def best(offered: Iterable[Challenge]) -> Challenge | None:
    """The strongest challenge that can be answered, whatever the order; Basic only where nothing else can be.

    >>> offered = challenges(["Basic realm=a", "Digest nonce=n", "Digest nonce=n, algorithm=SHA-256"])
    >>> best(offered).algorithm
    'SHA-256'
    """
    ranks = list(_HASHES)
    known = [it for it in offered if it.known]
    digests = sorted(
        (it for it in known if it.scheme == "digest"), key=lambda it: (ranks.index(it.algorithm), it.session)
    )
    return next(iter([*digests, *known]), None)


class Answers:
    """The `Authorization` header of each request to one challenge.

    Args:
        challenge: Known.
        credentials: User and password.
        cnonce: Makes a new random text of the client.
    """

    def __init__(self, challenge: Challenge, credentials: Login, cnonce: Callable[[], str]) -> None:
        self.challenge, self._who = challenge, credentials
        self._cnonce, self._count = cnonce(), 0

    def header(self, method: str, uri: str, body: bytes = b"") -> str:
        """The header's value for one request.

        Args:
            method: As sent.
            uri: As sent.
            body: As sent.
        """
        user, password = self._who.username, self._who.password.reveal()
        if self.challenge.scheme == "basic":
            return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return "Digest " + ", ".join(f"{name}={value}" for name, value in self._fields(method, uri, body).items())

    def _fields(self, method: str, uri: str, body: bytes) -> dict[str, str]:
        parameters, qop = self.challenge.parameters, self.challenge.qop
        user, realm, nonce = self._who.username, parameters.get("realm", ""), parameters["nonce"]
        self._count += 1
        counter = f"{self._count:08x}"
        secret = self._hash(f"{user}:{realm}:{self._who.password.reveal()}")
        if self.challenge.session:
            secret = self._hash(f"{secret}:{nonce}:{self._cnonce}")
        request_hash = self._hash(f"{method}:{uri}" + (f":{self._hash(body)}" if qop == "auth-int" else ""))
        middle = f"{nonce}:{counter}:{self._cnonce}:{qop}" if qop else nonce
        fields = self._user(realm) | {"realm": _quoted(realm), "nonce": _quoted(nonce), "uri": _quoted(uri)}
        fields["response"] = _quoted(self._hash(f"{secret}:{middle}:{request_hash}"))
        if "algorithm" in parameters:
            fields["algorithm"] = parameters["algorithm"]
        if "opaque" in parameters:
            fields["opaque"] = _quoted(parameters["opaque"])
        if qop:
            fields |= {"qop": qop, "nc": counter}
        if qop or self.challenge.session:
            fields["cnonce"] = _quoted(self._cnonce)
        return fields

    def _user(self, realm: str) -> dict[str, str]:
        user, parameters = self._who.username, self.challenge.parameters
        if parameters.get("userhash", "").lower() == "true":
            return {"username": _quoted(self._hash(f"{user}:{realm}")), "userhash": "true"}
        if not user.isascii() and parameters.get("charset", "").upper() == "UTF-8":
            return {"username*": "UTF-8''" + quote(user, safe="")}
        return {"username": _quoted(user)}

    def _hash(self, text: str | bytes) -> str:
        data = text if isinstance(text, bytes) else text.encode()
        return hashlib.new(_HASHES[self.challenge.algorithm], data, usedforsecurity=False).hexdigest()


def _quoted(text: str) -> str:
    inside = re.sub(r"[\r\n\0]", "", text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'
