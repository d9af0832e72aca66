"""A superior platform as an administrator names it: its address, the device's account there, the ids of cameras."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aggregator.notifications.addresses import permitted
from aggregator.services.video_out.gb28181.sip.requests import Account
from common.errors import FeedError

RESOLVE_S = 10.0
MOST_CAMERAS = 1_000
ADDRESS = re.compile(
    r"sip:(?P<server>[0-9]{20})@(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<host>[A-Za-z0-9.-]{1,253}))"
    r"(?::(?P<port>[0-9]{1,5}))?(?:;transport=(?P<transport>udp|tcp))?"
)
ID = re.compile(r"[0-9]{20}")
IP_CAMERA = "132"
"""Type of a network camera in an id (2016, annex D, digits 11 to 13)."""
Camera = TypeVar("Camera")


@dataclass(frozen=True)
class Platform:
    """A superior platform, as an administrator named it.

    Attributes:
        account: Of the device there.
        host: Name or IP address.
        port: For SIP.
        media_hosts: Names or IP addresses that pictures may go to, besides `host`.
        networks: Private networks that may be connected to.
    """

    account: Account
    host: str
    port: int = 5060
    media_hosts: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


def parse_address(address: str) -> tuple[str, str, int, str]:
    """Id of the platform, host, port and transport of `sip:ID@host:port;transport=tcp`.

    >>> parse_address("sip:34020000002000000001@192.0.2.1")
    ('34020000002000000001', '192.0.2.1', 5060, 'udp')

    Raises:
        FeedError: It is no such address; the text names the form.
    """
    found = ADDRESS.fullmatch(address)
    port = int(found["port"] or 5060) if found else 0
    if found is None or not 0 < port < 65_536:
        raise FeedError("url: write sip:ID@host:port, with the platform's id of 20 digits; for TCP add ;transport=tcp")
    return found["server"], found["six"] or found["host"], port, found["transport"] or "udp"


def check_device(device: str, password: str) -> None:
    """Whether these may be a device's id and password.

    Raises:
        FeedError: They may not; names the field.
    """
    if not ID.fullmatch(device):
        raise FeedError("device: write the device's id, 20 digits, as the platform gave it")
    if not 1 <= len(password) <= 64 or not password.isascii() or not password.isprintable():
        raise FeedError("password: write 1 to 64 printable ASCII characters")


def numbered(cameras: Iterable[Camera], known: Mapping[Camera, int]) -> dict[Camera, int]:
    """Numbers of cameras, of which the known ones stay; a number is not used again while it is known.

    >>> numbered(["yard", "gate"], {"gate": 1, "gone": 2})
    {'yard': 3, 'gate': 1}
    """
    following = max(known.values(), default=0) + 1
    numbers: dict[Camera, int] = {}
    for camera in cameras:
        numbers[camera] = known.get(camera, following)
        following += camera not in known
    return numbers


def camera_id(device: str, number: int) -> str:
    """Id of a camera: centre and industry of the device's id, the type of a network camera, the number.

    >>> camera_id("34020000001110000001", 7)
    '34020000001320000007'
    """
    return f"{device[:10]}{IP_CAMERA}{device[13]}{number:06d}"


async def resolved(platform: Platform) -> list[str]:
    """IP addresses of the platform, then those of its media hosts; all of them may be connected to.

    Raises:
        FeedError: The platform's may not, or its name is not known.
    """
    addresses = await _addresses(platform.host, platform.networks)
    if not addresses:
        raise FeedError("url: the host is unknown, or in a private network that feeds.networks does not name")
    for host in platform.media_hosts:
        addresses += await _addresses(host, platform.networks)
    return addresses


async def _addresses(host: str, networks: Iterable[str]) -> list[str]:
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return []
    texts = dict.fromkeys(str(it[4][0]).partition("%")[0] for it in found)
    return [str(ipaddress.ip_address(it)) for it in texts if permitted(it, networks)]
