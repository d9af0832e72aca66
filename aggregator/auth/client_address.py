"""Who a request comes from: the address behind trusted proxies, and the prefix that limits on guessing count by."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import Scope

from aggregator.auth.client_certificate import HEADER as CERTIFICATE

if TYPE_CHECKING:
    from aggregator.settings.aggregator import Http

MOST_HOPS = 20
SECURE_PREFIX = "__Host-"
"""Browsers take such a cookie over TLS only, for this host only (RFC 6265bis)."""
SESSION_COOKIE = "paifang_session"
_SECURE_SCHEMES = {"http": "https", "ws": "wss"}
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_secure(connection: HTTPConnection) -> bool:
    """Whether browsers reach this server over TLS."""
    return connection.url.scheme in _SECURE_SCHEMES.values()


def cookie_name(connection: HTTPConnection, name: str) -> str:
    """A cookie's name for this connection: bound to the host where there is TLS."""
    return SECURE_PREFIX + name if is_secure(connection) else name


def session_of(connection: HTTPConnection) -> str:
    """The session's token in a request; empty for none."""
    return connection.cookies.get(cookie_name(connection, SESSION_COOKIE), "")


def address_of(connection: HTTPConnection) -> str:
    """The client's address, as `Clients.seen` has set it; empty where it is not known."""
    return connection.client.host if connection.client else ""


def prefix_of(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the first 64 bits of an IPv6 address."""
    found = _address(address)
    if found is None:
        return address[:64]
    return str(ipaddress.ip_network((found, 64 if found.version == 6 else 32), strict=False))


class Clients:
    """Finds the client's address, and says whether it uses TLS.

    Args:
        http: Which proxies are trusted, and how browsers reach the server.
    """

    def __init__(self, http: Http) -> None:
        self._proxies = [ipaddress.ip_network(it, strict=False) for it in http.trusted_proxies]
        self.secure = http.public_url.startswith("https://")
        self.host = http.public_url.partition("://")[2].rstrip("/").lower()

    def seen(self, scope: Scope) -> Scope:
        """The request as it is to be judged: its client's own address and certificate, and the scheme of browsers."""
        changed = dict(scope)
        client = scope.get("client")
        trusted = client is not None and self._trusted(_address(client[0]))
        if not trusted:  # nobody else may say which certificate a client has
            changed["headers"] = [it for it in scope["headers"] if it[0].lower() != CERTIFICATE.encode()]
        if client is not None and trusted:
            forwarded = Headers(scope=scope).getlist("x-forwarded-for")
            changed["client"] = (self._behind(client[0], ",".join(forwarded)), 0)
        if self.secure:
            changed["scheme"] = _SECURE_SCHEMES.get(scope["scheme"], scope["scheme"])
        return changed

    def _behind(self, peer: str, forwarded: str) -> str:
        """The newest address that is not a trusted proxy's: what stands before it can be made up by anybody."""
        found = peer
        for text in forwarded.split(",")[: -MOST_HOPS - 1 : -1]:
            address = _address(text)
            if address is None:
                break
            found = str(address)
            if not self._trusted(address):
                break
        return found

    def _trusted(self, address: Address | None) -> bool:
        return address is not None and any(address in it for it in self._proxies)


def _address(text: str) -> Address | None:
    """An address, with or without a port; IPv4 inside IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
