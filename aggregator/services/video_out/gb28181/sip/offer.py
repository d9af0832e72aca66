"""The SDP of a call: what a platform asks for, and the answer (RFC 4566, RFC 4145; GB/T 28181-2016, annex F). Pure."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal, NamedTuple

from common.errors import ContractError

MOST_BYTES, MOST_LINES = 8_192, 100
DISCARD_PORT = 9
"""Stands for no port in the answer of who connects (RFC 4145, section 4.1)."""
Transport = Literal["udp", "tcp-connect", "tcp-listen"]
"""UDP; TCP that we connect; TCP that the platform connects."""
_MEDIA = re.compile(r"video +(\d{1,5})(?:/\d+)? +(TCP/)?RTP/AVP((?: +\d{1,3})+)", re.IGNORECASE)
_SSRC = re.compile(r"\d{1,10}")
_PS = re.compile(r"rtpmap:(\d{1,3}) +PS/90000", re.IGNORECASE)


class Offer(NamedTuple):
    """What a platform asks for.

    Attributes:
        kind: `play`, `playback`, `download` or another word of `s=`, in small letters.
        address: Where pictures are to go, an IP address.
        port: There.
        transport: How.
        payload_type: RTP's number for the program stream; -1: the platform does not take one.
        ssrc: Of the stream, from `y=`; None: ours to choose.
    """

    kind: str
    address: str
    port: int
    transport: Transport
    payload_type: int
    ssrc: int | None


def parse(body: bytes) -> Offer:
    """The offer of an INVITE.

    Raises:
        ContractError: It is none; names the line.
    """
    if not 0 < len(body) <= MOST_BYTES:
        raise ContractError(f"sdp: it must have 1 to {MOST_BYTES} bytes")
    lines = body.decode("latin-1").splitlines()
    if len(lines) > MOST_LINES:
        raise ContractError(f"sdp: more than {MOST_LINES} lines")
    pairs = [(line[:1], line[2:].strip()) for line in lines if line[1:2] == "="]
    media = [_MEDIA.fullmatch(value) for key, value in pairs if key == "m" and value.lower().startswith("video")]
    if len(media) != 1 or media[0] is None:
        raise ContractError("sdp: m must be one video over RTP/AVP or TCP/RTP/AVP")
    port = int(media[0][1])
    if not 0 < port < 65_536:
        raise ContractError("sdp: the port in m must be 1 to 65535")
    attributes = [value for key, value in pairs if key == "a"]
    return Offer(
        _first(pairs, "s").lower(), _address(_last(pairs, "c")), port, _transport(bool(media[0][2]), attributes),
        _payload_type(media[0][3].split(), attributes), _ssrc(_first(pairs, "y")),
    )  # fmt: skip


def answer(offer: Offer, channel: str, host: str, port: int, ssrc: int) -> bytes:
    """The answer to an offer.

    Args:
        offer: Of the platform.
        channel: Id of the camera.
        host: Our IP address.
        port: UDP: where pictures come from; TCP that the platform connects: where to.
        ssrc: Of the stream.
    """
    family = f"IP{ipaddress.ip_address(host).version}"
    udp, number = offer.transport == "udp", offer.payload_type
    lines = [
        "v=0", f"o={channel} 0 0 IN {family} {host}", "s=Play", f"c=IN {family} {host}", "t=0 0",
        f"m=video {port or DISCARD_PORT} {'' if udp else 'TCP/'}RTP/AVP {number}",
        "a=sendonly", f"a=rtpmap:{number} PS/90000",
    ]  # fmt: skip
    if not udp:
        lines += [f"a=setup:{'active' if offer.transport == 'tcp-connect' else 'passive'}", "a=connection:new"]
    return "\r\n".join([*lines, f"y={ssrc:010d}", "f=", ""]).encode()


def _first(pairs: list[tuple[str, str]], key: str) -> str:
    return next((value for name, value in pairs if name == key), "")


def _last(pairs: list[tuple[str, str]], key: str) -> str:
    """A `c=` of the media comes after that of the session, and is stronger."""
    return _first(pairs[::-1], key)


def _address(text: str) -> str:
    parts = text.split()
    try:
        if parts[:1] != ["IN"] or len(parts) != 3:
            raise ValueError
        return str(ipaddress.ip_address(parts[2].partition("/")[0]))
    except ValueError:
        raise ContractError("sdp: c must be 'IN IP4' or 'IN IP6' and an IP address") from None


def _transport(tcp: bool, attributes: list[str]) -> Transport:
    if not tcp:
        return "udp"
    setup = next((it.partition(":")[2].strip().lower() for it in attributes if it.lower().startswith("setup:")), "")
    return "tcp-connect" if setup in ("passive", "actpass") else "tcp-listen"


def _payload_type(offered: list[str], attributes: list[str]) -> int:
    named = [found[1] for it in attributes if (found := _PS.fullmatch(it)) and found[1] in offered]
    mapped = any(it.lower().startswith("rtpmap:96 ") for it in attributes)
    return int(named[0]) if named else 96 if "96" in offered and not mapped else -1


def _ssrc(text: str) -> int | None:
    if not text:
        return None
    if not _SSRC.fullmatch(text) or int(text) >= 1 << 32:
        raise ContractError("sdp: y must be the SSRC, up to ten digits, below 2^32")
    return int(text)
