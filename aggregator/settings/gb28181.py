"""Settings of platforms of GB/T 28181. `docs/reference/settings.md` describes every key."""

from __future__ import annotations

import re
from typing import Annotated, Literal, NamedTuple

import msgspec

from protocol.identifiers import NAME

MOST_CAMERAS, MOST_PLATFORMS = 1_000, 20
ID = re.compile(r"[0-9]{20}")
_ADDRESS = re.compile(
    r"sip:(?P<server>[0-9]{20})@(?:\[(?P<six>[0-9A-Fa-f:.]{2,45})\]|(?P<host>[A-Za-z0-9.-]{1,253}))"
    r"(?::(?P<port>[0-9]{1,5}))?(?:;transport=(?P<transport>udp|tcp))?"
)
_HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")
IP_CAMERA = "132"
"""Type of a network camera, digits 11 to 13 of an id (GB/T 28181-2016, annex D)."""


class SipAddress(NamedTuple):
    """Where a platform is.

    Attributes:
        server: Its id.
        host: Name or IP address.
    """

    server: str
    host: str
    port: int
    transport: Literal["udp", "tcp"]


class Gb28181(msgspec.Struct, frozen=True, kw_only=True):
    """A superior platform of GB/T 28181 at which cameras are registered for a consumer.

    Attributes:
        consumer: Name of the consumer; it must be approved for live video.
        address: Of the platform: `sip:ID@host:port`; for TCP with `;transport=tcp`.
        device: Id that the platform gave, 20 digits.
        password_file: File with the device's password.
        name: Of the device, as the platform shows it.
        cameras: `site/box/camera` → id of 20 digits, or a number for the last six of them.
        media_hosts: Hosts that pictures may go to besides the platform's.
    """

    consumer: str
    address: str
    device: str
    password_file: str
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=80)] = "Paifang"
    cameras: dict[str, Annotated[int, msgspec.Meta(ge=1, le=999_999)] | str] = {}
    media_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        parse_address(self.address)
        if not ID.fullmatch(self.device):
            raise ValueError("device: write the device's id, 20 digits in quotes, as the platform gave it")
        if len(self.cameras) > MOST_CAMERAS:
            raise ValueError(f"cameras: at most {MOST_CAMERAS}")
        for camera, channel in self.cameras.items():
            parts = camera.split("/")
            if len(parts) != 3 or not all(NAME.fullmatch(it) for it in parts):
                raise ValueError(f"cameras: '{camera}' must be written site/box/camera")
            if isinstance(channel, str) and not ID.fullmatch(channel):
                raise ValueError(f"cameras: '{camera}' needs an id of 20 digits in quotes, or a number")
        if len(self.channels) != len(self.cameras) or self.device in self.channels:
            raise ValueError("cameras: each camera needs an id of its own")
        for host in self.media_hosts:
            if not _HOST.fullmatch(host):
                raise ValueError(f"media_hosts: '{host}' is no name and no address of a host")

    @property
    def channels(self) -> dict[str, str]:
        """Id of a camera → `site/box/camera`."""
        return {camera_id(self.device, channel): camera for camera, channel in self.cameras.items()}


def camera_id(device: str, channel: int | str) -> str:
    """Id of a camera; a number stands for centre and industry of the device's id, the type of a camera, the number.

    >>> camera_id("34020000001110000001", 7)
    '34020000001320000007'
    """
    return channel if isinstance(channel, str) else f"{device[:10]}{IP_CAMERA}{device[13]}{channel:06d}"


def parse_address(address: str) -> SipAddress:
    """The parts of `sip:ID@host:port;transport=tcp`.

    >>> parse_address("sip:34020000002000000001@192.0.2.1")
    SipAddress(server='34020000002000000001', host='192.0.2.1', port=5060, transport='udp')

    Raises:
        ValueError: It is no such address; the text names the form.
    """
    found = _ADDRESS.fullmatch(address)
    port = int(found["port"] or 5060) if found else 0
    if found is None or not 0 < port < 65_536:
        raise ValueError("address: write sip:ID@host:port, with the platform's id of 20 digits; TCP: ;transport=tcp")
    return SipAddress(
        found["server"], found["six"] or found["host"], port, "tcp" if found["transport"] == "tcp" else "udp"
    )
