"""Addresses (URLs) in settings: they stand in logs, states and errors, so no secret may stand in them."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

_SECRET = re.compile(
    r"(?:^|[^a-z])(?:pass(?:w(?:or)?d|wort|phrase|code)?|pwd|psw|psd|pw|secret|token|auth|credentials?"
    r"|api[-_]?key|access[-_]?(?:key|token)|session[-_]?(?:id|key)|signature)\s*[=:]\s*(?!\{password\})[^&;/\s]",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"^[a-z][a-z0-9+.-]*:/*[^/?#]*@", re.IGNORECASE)
_NESTED = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*@", re.IGNORECASE)
_MOST_ESCAPES = 3


def secret_part(url: str) -> str | None:
    """What part of an address holds a user, a password or another secret; None: none that is known.

    >>> secret_part("rtsp://host/user=admin_password=x_channel=1.sdp")
    'path or query'
    >>> secret_part("rtsp://admin:x@host/main")
    'host'
    >>> secret_part("rtsp://host/main?channel=1&subtype=0")
    """
    for _ in range(_MOST_ESCAPES):
        if _USERINFO.match(url) or _NESTED.search(url):
            return "host"
        if _SECRET.search(url.partition("://")[2]):
            return "path or query"
        if unquote(url) == url:
            break
        url = unquote(url)
    return None


def check(key: str, url: str, instead: str = "username and password_file") -> None:
    """Refuse an address that holds a secret, or names no host, or no port that there is.

    Args:
        key: The setting's name.
        url: Its value.
        instead: The settings that a secret belongs into.

    Raises:
        ValueError: With what to write; the address is not repeated.
    """
    if (part := secret_part(url)) is not None:
        raise ValueError(f"{key} holds a user or password (in its {part}); use {instead}")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{key} is no address: write scheme://host:port/path, with a port up to 65535") from error
    if not host or re.search(r"[\s\x00-\x1f]", url):
        raise ValueError(f"{key} is no address: write scheme://host/path, without spaces")
