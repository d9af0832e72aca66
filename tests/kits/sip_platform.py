"""A superior platform of GB/T 28181 for tests, with a SIP and RTP parser of its own, written from the standards' text.

It imports nothing of the product, so that a mistake of the product's codec is not repeated here.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

PLATFORM, DEVICE, PASSWORD = "34020000002000000001", "34020000001110000001", "pa55-word"
CAMERAS = ("34020000001320000001", "34020000001320000002")
SECRET_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


@dataclass
class Sip:
    """A message that was read."""

    first: str
    headers: dict[str, list[str]]
    body: bytes

    @property
    def method(self) -> str:
        return "" if self.first.startswith("SIP/") else self.first.split(" ")[0]

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1]) if self.first.startswith("SIP/") else 0

    def __getitem__(self, name: str) -> str:
        return self.headers[name.lower()][0]


def read_sip(data: bytes) -> Sip:
    head, found, body = data.partition(b"\r\n\r\n")
    assert found, "no end of the headers"
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        assert colon == ": ", line
        assert re.fullmatch(r"[A-Za-z-]+", name), line
        headers.setdefault(name.lower(), []).append(value)
    assert int(headers["content-length"][0]) == len(body)
    for name in ("via", "from", "to", "call-id", "cseq"):
        assert len(headers[name]) == 1 or name == "via", name
    assert first.startswith("SIP/") or "branch=z9hG4bK" in headers["via"][0]
    return Sip(first, headers, body)


def sip(first: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers.items()), f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def offer(port: int, host: str = "127.0.0.1", media: str = "RTP/AVP", more: str = "", kind: str = "Play") -> bytes:
    lines = ["v=0", f"o={PLATFORM} 0 0 IN IP4 {host}", f"s={kind}", f"c=IN IP4 {host}", "t=0 0"]
    lines += [f"m=video {port} {media} 96 98", "a=recvonly", "a=rtpmap:96 PS/90000", "a=rtpmap:98 H264/90000"]
    return "\r\n".join([*lines, *([more] if more else []), "y=0100000001", "f=", ""]).encode()


def query(command: str, serial: int = 1, device: str = DEVICE, root: str = "Query", encoding: str = "GB2312") -> bytes:
    fields = f"<CmdType>{command}</CmdType><SN>{serial}</SN><DeviceID>{device}</DeviceID>"
    return f'<?xml version="1.0" encoding="{encoding}"?>\r\n<{root}>{fields}</{root}>'.encode()


@dataclass
class SuperiorPlatform:
    """What it gets is in `requests`, `answers` and `documents`; what it wants to send it returns."""

    algorithm: str = "MD5"
    qop: str = ""
    expires_s: int = 3600
    password: str = PASSWORD
    silent: tuple[str, ...] = ()
    """Methods that it does not answer."""
    requests: list[Sip] = field(default_factory=list, init=False)
    answers: list[Sip] = field(default_factory=list, init=False)
    nonce: str = field(default="n0nce-1", init=False)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def documents(self) -> list[ET.Element]:
        """Bodies of MESSAGE; GB2312 is read as its superset."""
        return [document(it.body) for it in self.requests if it.method == "MESSAGE"]

    def receive(self, data: bytes) -> list[bytes]:
        got = read_sip(data)
        if not got.method:
            self.answers.append(got)
            return [self.ack(got)] if got["CSeq"].endswith("INVITE") and got.status >= 200 else []
        self.requests.append(got)
        if got.method in self.silent:
            return []
        if got.method != "REGISTER":
            return [self.answer(got, "200 OK")]
        if not self.logged_in(got):
            qop = f', qop="{self.qop}"' if self.qop else ""
            text = f'Digest realm="{PLATFORM[:10]}", nonce="{self.nonce}", algorithm={self.algorithm}{qop}'
            return [self.answer(got, "401 Unauthorized", {"WWW-Authenticate": text})]
        granted = min(self.expires_s, int(got["Expires"]))
        return [self.answer(got, "200 OK", {"Expires": str(granted), "Date": "2026-11-28T00:00:00"})]

    def logged_in(self, got: Sip) -> bool:
        """RFC 7616, section 3.4.1."""
        fields = dict(re.findall(r'(\w+)=(?:"([^"]*)"|[^,\s]+)', got.headers.get("authorization", [""])[0]))
        plain = dict(re.findall(r"(\w+)=([^\",\s]+)", got.headers.get("authorization", [""])[0]))
        if fields.get("nonce") != self.nonce or fields.get("username") != DEVICE:
            return False

        def hashed(text: str) -> str:
            return SECRET_HASHES[self.algorithm](text.encode()).hexdigest()

        middle = f"{self.nonce}:{plain['nc']}:{fields['cnonce']}:{plain['qop']}" if self.qop else self.nonce
        secret = hashed(f"{DEVICE}:{PLATFORM[:10]}:{self.password}")
        return str(fields["response"]) == hashed(f"{secret}:{middle}:{hashed('REGISTER:' + fields['uri'])}")

    def answer(self, got: Sip, status: str, more: dict[str, str] | None = None) -> bytes:
        copied = {name: got[name] for name in ("Via", "From", "Call-ID", "CSeq")}
        return sip(f"SIP/2.0 {status}", copied | {"To": got["To"] + ";tag=pt"} | (more or {}))

    def request(self, method: str, uri: str = DEVICE, body: bytes = b"", **more: str) -> bytes:
        number = next(self._numbers)
        headers = {
            "Via": f"SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bKp{number}",
            "From": f"<sip:{PLATFORM}@{PLATFORM[:10]}>;tag=f{number}", "To": f"<sip:{uri}@{PLATFORM[:10]}>",
            "Call-ID": f"call-{number}", "CSeq": f"{number} {method}", "Max-Forwards": "70",
            "Contact": f"<sip:{PLATFORM}@127.0.0.1:5060>",
        }  # fmt: skip
        return sip(
            f"{method} sip:{uri}@127.0.0.1:5060 SIP/2.0",
            headers | {k.replace("_", "-"): v for k, v in more.items()},
            body,
        )

    def message(self, body: bytes) -> bytes:
        return self.request("MESSAGE", body=body, Content_Type="Application/MANSCDP+xml")

    def invite(self, body: bytes, camera: str = CAMERAS[0]) -> bytes:
        return self.request(
            "INVITE", camera, body, Content_Type="APPLICATION/SDP", Subject=f"{camera}:0100000001,{PLATFORM}:0"
        )

    def ack(self, answer: Sip) -> bytes:
        return self.within(answer, "ACK")

    def within(self, answer: Sip, method: str) -> bytes:
        """A request inside the call that an answer began."""
        number = int(answer["CSeq"].split()[0])
        headers = {name: answer[name] for name in ("From", "To", "Call-ID")}
        headers["Via"] = f"SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK{method}{number}"
        headers["CSeq"] = f"{number if method == 'ACK' else number + 1} {method}"
        return sip(f"{method} sip:{CAMERAS[0]}@127.0.0.1 SIP/2.0", headers)

    def last(self, status: int) -> Sip:
        return next(it for it in reversed(self.answers) if it.status == status)


def document(body: bytes) -> ET.Element:
    named = re.match(rb'<\?xml version="1.0" encoding="([\w-]+)"\?>', body)
    assert named
    encoding = named[1].decode().lower()
    text = body.decode("gb18030" if encoding.startswith("gb") else encoding)
    return ET.fromstring(text.partition("?>")[2])


@dataclass
class RtpReceiver:
    """Puts a stream of RTP packets together again (RFC 3550, 5.1)."""

    payload: bytes = b""
    pictures: int = 0
    ssrcs: set[int] = field(default_factory=set)
    largest: int = 0
    _next: int | None = None

    def receive(self, packet: bytes) -> None:
        assert packet[0] == 0x80
        assert packet[1] & 0x7F == 96
        number = int.from_bytes(packet[2:4], "big")
        assert self._next in (None, number), "a packet is missing"
        self._next = (number + 1) % 65_536
        self.ssrcs.add(int.from_bytes(packet[8:12], "big"))
        self.pictures += packet[1] >> 7
        self.payload += packet[12:]
        self.largest = max(self.largest, len(packet))


def rtp_frames(data: bytes) -> list[bytes]:
    """Packets of a TCP stream (RFC 4571); what is not complete is left out."""
    found = []
    while len(data) >= 2 and len(data) >= 2 + (size := int.from_bytes(data[:2], "big")):
        found.append(data[2 : 2 + size])
        data = data[2 + size :]
    return found
