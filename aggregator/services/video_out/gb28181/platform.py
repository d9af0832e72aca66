"""A superior platform as an administrator names it, and which IP addresses it has. Names are resolved, then checked."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.notifications.checked_addresses import AddressForbidden, permitted_addresses
from aggregator.services.video_out.gb28181.sip.requests import Account
from common.errors import FeedError

RESOLVE_S = 10.0


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


async def resolved(platform: Platform) -> list[str]:
    """IP addresses of the platform, then those of its media hosts, all IPv4 or all IPv6; they may be connected to.

    Raises:
        FeedError: The platform's may not, or its name is not known.
    """
    addresses = await _addresses(platform.host, platform.networks)
    if not addresses:
        raise FeedError("address: the host is unknown, or in a private network that feeds.networks does not name")
    for host in platform.media_hosts:
        addresses += await _addresses(host, platform.networks)
    return [it for it in addresses if (":" in it) == (":" in addresses[0])]


async def _addresses(host: str, networks: Sequence[str]) -> list[str]:
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await permitted_addresses(host, 0, networks, None, only_named=False)
    except (OSError, UnicodeError, AddressForbidden):
        return []
    return [str(ipaddress.ip_address(it.partition("%")[0])) for it in found]
