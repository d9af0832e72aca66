"""Which addresses of targets are taken, and which hosts may be connected to.

The address is the user's, so it is hostile: only the services of `SERVICES` (which read no files and run no programs),
none of Apprise's parameters that name files, and no host of a private network unless the settings allow it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from urllib.parse import parse_qsl, urlsplit

from common.errors import NotificationError

MOST_ADDRESS = 1_000
SERVICES: dict[str, str] = {
    "json": "webhook", "jsons": "webhook", "form": "webhook", "forms": "webhook", "xml": "webhook", "xmls": "webhook",
    "mailto": "e-mail", "mailtos": "e-mail", "wecombot": "WeCom", "dingtalk": "DingTalk", "feishu": "Feishu",
    "lark": "Lark", "ntfy": "ntfy", "ntfys": "ntfy", "gotify": "Gotify", "gotifys": "Gotify", "tgram": "Telegram",
    "slack": "Slack", "mmost": "Mattermost", "mmosts": "Mattermost", "matrix": "Matrix", "matrixs": "Matrix",
    "bark": "Bark", "barks": "Bark", "wxpusher": "WxPusher", "pushplus": "PushPlus",
}  # fmt: skip
"""Scheme of an Apprise address → the service's name."""
OWN_HOST = frozenset(SERVICES) - {"wecombot", "dingtalk", "feishu", "lark", "tgram", "slack", "wxpusher", "pushplus"}
"""Schemes whose address names the host itself."""
_FILES = frozenset({"template", "attach", "attach-as", "pgp", "pgpkey", "pgpprv", "pgppub", "wkd", "e2ee", "store"})
"""Parameters that read or write files."""
_WAITING = frozenset({"retry", "wait", "cto", "rto"})
"""Parameters about time: the queue decides that."""
_NAT64, _SIX_TO_FOUR = IPv6Network("64:ff9b::/96"), IPv6Network("2002::/16")


def check(address: str) -> str:
    """The scheme of an address that may be stored.

    Raises:
        NotificationError: It may not; the text does not repeat it: it holds secrets.
    """
    if not address.isprintable() or len(address) > MOST_ADDRESS:
        raise NotificationError(f"url: it must have at most {MOST_ADDRESS} characters, and no control characters")
    scheme = address.partition("://")[0].lower()
    if scheme not in SERVICES or "://" not in address:
        raise NotificationError(f"url: it must be an Apprise address; it begins with one of {', '.join(SERVICES)}")
    query = urlsplit(address.partition("://")[2]).query
    for name, _ in parse_qsl(query, keep_blank_values=True):
        if name.lower() in _FILES | _WAITING:
            raise NotificationError(f"url: the parameter '{name.lower()}' is not allowed")
    return scheme


def permitted(host: str, networks: Iterable[str]) -> bool:
    """Whether a host, given by its IP address, may be connected to: a public one, or one of the allowed networks.

    >>> permitted("8.8.8.8", []), permitted("127.0.0.1", []), permitted("::ffff:10.0.0.1", [])
    (True, False, False)
    >>> permitted("10.1.2.3", ["10.0.0.0/8"])
    True
    """
    if named(host, networks):
        return True
    address = _address(host)
    public = address is not None and address.is_global and not address.is_multicast
    return public and address not in _SIX_TO_FOUR


def named(host: str, networks: Iterable[str]) -> bool:
    """Whether a host, given by its IP address, lies in one of these networks.

    >>> named("10.1.2.3", ["10.0.0.0/8"]), named("8.8.8.8", ["10.0.0.0/8"])
    (True, False)
    """
    address = _address(host)
    return address is not None and any(address in ipaddress.ip_network(network, strict=False) for network in networks)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return _embedded(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        return None


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
