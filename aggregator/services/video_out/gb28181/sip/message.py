"""SIP messages (RFC 3261, sections 7 and 18.3): parsed within strict limits, and written. Pure.

Header values are ISO-8859-1 text, so that every byte of a peer's header comes back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from common.errors import ContractError

MOST_BYTES, MOST_HEAD, MOST_HEADERS, MOST_LINE = 65_535, 16_384, 100, 4_096
COMPACT = {
    "v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type",
    "s": "subject", "k": "supported", "e": "content-encoding", "o": "event",
}  # fmt: skip
"""Compact form → name (RFC 3261, section 7.3.3; RFC 6665, section 8.2.1)."""
ONCE = ("from", "to", "call-id", "cseq")
"""Each message has exactly one of these."""
_WORD = r"[A-Za-z0-9.!%*_+`'~-]+"
_REQUEST = re.compile(rf"({_WORD}) +(\S+) +SIP/2\.0", re.IGNORECASE)
_STATUS = re.compile(r"SIP/2\.0 +([1-6]\d\d)(?: +(.*))?", re.IGNORECASE)
_HEADER = re.compile(rf"({_WORD})[ \t]*:[ \t]*(.*)")
_CSEQ = re.compile(rf"(\d{{1,10}})[ \t]+({_WORD})")
_END = re.compile(rb"\r?\n\r?\n")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
Headers = tuple[tuple[str, str], ...]
_RPORT = re.compile(r";\s*rport\s*(?=;|$)", re.IGNORECASE)
_URI = re.compile(r"sips?:[A-Za-z0-9._@:\[\]-]{1,200}", re.IGNORECASE)
_USER = re.compile(r"sips?:([^@;>\s]{1,128})@", re.IGNORECASE)


@dataclass(frozen=True)
class SipMessage:
    """A request or a response.

    Attributes:
        method: Of a request; empty: it is a response.
        uri: Of a request.
        status: Of a response.
        reason: Of a response.
        headers: Name in small letters and value, in their order.
        body: As sent.
    """

    method: str = ""
    uri: str = ""
    status: int = 0
    reason: str = ""
    headers: Headers = ()
    body: bytes = b""

    def get(self, name: str) -> str:
        """The first value of a header; empty: there is none."""
        return next((value for key, value in self.headers if key == name), "")

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name]

    @cached_property
    def cseq(self) -> tuple[int, str]:
        """Number and method."""
        found = _CSEQ.fullmatch(self.get("cseq"))
        return (int(found[1]), found[2].upper()) if found else (0, "")

    @property
    def call_id(self) -> str:
        """Of the dialog."""
        return self.get("call-id")

    @cached_property
    def branch(self) -> str:
        """Names the transaction (section 8.1.1.7)."""
        return parameter(self.get("via").partition(",")[0], "branch")

    @property
    def from_tag(self) -> str:
        """Of the one who sent the request."""
        return parameter(self.get("from").rpartition(">")[2], "tag")

    @property
    def to_tag(self) -> str:
        """Of the one who got the request; empty outside of a dialog."""
        return parameter(self.get("to").rpartition(">")[2], "tag")

    def pack(self) -> bytes:
        """The wire form; `Content-Length` is set here."""
        first = f"{self.method} {self.uri} SIP/2.0" if self.method else f"SIP/2.0 {self.status} {self.reason}"
        lines = [first, *(f"{_spelled(name)}: {value}" for name, value in self.headers if name != "content-length")]
        return "\r\n".join([*lines, f"Content-Length: {len(self.body)}", "", ""]).encode("latin-1") + self.body


def parameter(value: str, name: str) -> str:
    """A parameter of a header's value, without quotes; empty: there is none, or it has no value.

    >>> parameter("SIP/2.0/UDP 1.2.3.4:5060;rport;branch=z9hG4bK1", "branch")
    'z9hG4bK1'
    """
    found = re.search(rf';\s*{re.escape(name)}\s*=\s*(?:"([^"]*)"|([^;,\s">]*))', value, re.IGNORECASE)
    return (found[1] or found[2] or "") if found else ""


def user_of(text: str) -> str:
    """The user of the first SIP URI in a text; empty: there is none.

    >>> user_of("<sip:34020000001320000001@3402000000>;tag=1")
    '34020000001320000001'
    """
    found = _USER.search(text)
    return found[1] if found else ""


def target_of(text: str) -> str:
    """The first SIP URI in a text, without parameters; empty: there is none.

    >>> target_of("<sip:34020000002000000001@192.0.2.1:5060;transport=udp>")
    'sip:34020000002000000001@192.0.2.1:5060'
    """
    found = _URI.search(text)
    return found[0] if found else ""


def with_source(message: SipMessage, host: str, port: int) -> SipMessage:
    """A request whose topmost Via says where it came from, if it asks for that (RFC 3581, section 4)."""
    name, via = next(it for it in message.headers if it[0] == "via")
    top, comma, rest = via.partition(",")
    told = _RPORT.sub(f";rport={port};received={host}", top, count=1) + comma + rest
    at = message.headers.index((name, via))
    return replace(message, headers=(*message.headers[:at], (name, told), *message.headers[at + 1 :]))


def parse(data: bytes) -> SipMessage:
    """A message of a datagram, or one that `Framer` cut out of a stream.

    Raises:
        ContractError: It is none, or beyond a limit; names the part.
    """
    if len(data) > MOST_BYTES:
        raise ContractError(f"sip: longer than {MOST_BYTES} bytes")
    head, body = _split(data.lstrip(b"\r\n"))
    first, *lines = _unfolded(head)
    headers = tuple(_headers(lines))
    request, status = _REQUEST.fullmatch(first), _STATUS.fullmatch(first)
    if request:
        message = SipMessage(request[1].upper(), request[2], headers=headers)
    elif status:
        message = SipMessage(status=int(status[1]), reason=status[2] or "", headers=headers)
    else:
        raise ContractError("sip: the first line is no request and no status of SIP/2.0")
    _check(message)
    length = _length(message, len(body))
    if length > len(body):
        raise ContractError("sip: Content-Length is more than there is")
    return SipMessage(message.method, message.uri, message.status, message.reason, headers, body[:length])


class Framer:
    """Cuts messages out of a stream by `Content-Length` (section 18.3); holds at most one message."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are complete with these bytes.

        Raises:
            ContractError: What comes is no SIP; the connection cannot be used any more.
        """
        self._held = (self._held + data).lstrip(b"\r\n")
        while end := _END.search(self._held, 0, MOST_HEAD):
            headers = tuple(_headers(_unfolded(self._held[: end.start()])[1:]))
            size = end.end() + _length(SipMessage(headers=headers), None)
            if size > MOST_BYTES:
                raise ContractError(f"sip: longer than {MOST_BYTES} bytes")
            if len(self._held) < size:
                return
            message, self._held = self._held[:size], self._held[size:].lstrip(b"\r\n")
            yield message
        if len(self._held) >= MOST_HEAD:
            raise ContractError(f"sip: headers longer than {MOST_HEAD} bytes")


def _split(data: bytes) -> tuple[bytes, bytes]:
    end = _END.search(data, 0, MOST_HEAD)
    if end is None:
        raise ContractError(f"sip: no end of the headers within {MOST_HEAD} bytes")
    return data[: end.start()], data[end.end() :]


def _unfolded(head: bytes) -> list[str]:
    """Lines, with those that begin with a space joined to the one before (section 7.3.1)."""
    lines: list[str] = []
    for line in head.decode("latin-1").replace("\r\n", "\n").split("\n"):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
        if len(lines[-1]) > MOST_LINE or len(lines) > MOST_HEADERS:
            raise ContractError(f"sip: more than {MOST_HEADERS} headers, or one longer than {MOST_LINE} characters")
    return lines


def _headers(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None or _CONTROL.search(line):
            raise ContractError("sip: a header is malformed")
        name = found[1].lower()
        yield COMPACT.get(name, name), found[2].strip()


def _check(message: SipMessage) -> None:
    for name in ONCE:
        if len(message.all(name)) != 1:
            raise ContractError(f"sip: {name} must stand there once")
    if not message.get("via") or not message.branch or not message.call_id or not message.from_tag:
        raise ContractError("sip: via with a branch, call-id and a tag in from are required")
    number, method = message.cseq
    if not method or number >= 1 << 31 or message.method not in ("", method):
        raise ContractError("sip: cseq must be a number below 2^31 and the request's method")


def _length(message: SipMessage, otherwise: int | None) -> int:
    texts = message.all("content-length") or ([] if otherwise is None else [str(otherwise)])
    if len(texts) != 1 or not re.fullmatch(r"[0-9]{1,8}", texts[0]):
        raise ContractError("sip: content-length must be one number")
    return int(texts[0])


def _spelled(name: str) -> str:
    special = {"call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate", "x-gb-ver": "X-GB-Ver"}
    return special.get(name, name.title())
