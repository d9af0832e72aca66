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
_CUT = re.compile(
    r"^[a-z][a-z0-9+.-]*:/+(?P<host>[^/?#@]*)[/?#].*@(?P<after>\[[0-9a-f:.%]+\]|[a-z0-9_.-]+)(?::\d+)?(?:[/?#]|$)",
    re.IGNORECASE | re.DOTALL,
)
"""A password with `/`, `?` or `#` ends the host early: `rtsp://admin:12/x@host/main`."""
_NUMERIC = re.compile(r"\[.*\]|\d{1,3}(?:\.\d{1,3}){3}")


def secret_part(url: str) -> str | None:
    """What part of an address holds a user, a password or another secret; None: none that is known.

    >>> secret_part("rtsp://host/user=admin_password=x_channel=1.sdp")
    'path or query'
    >>> secret_part("rtsp://admin:x@host/main")
    'host'
    >>> secret_part("rtsp://host/main?channel=1&subtype=0")
    """
    if is_cut(url):
        return "host"
    for _ in range(_MOST_ESCAPES):
        if _USERINFO.match(url) or _NESTED.search(url):
            return "host"
        if _SECRET.search(url.partition("://")[2]):
            return "path or query"
        if unquote(url) == url:
            break
        url = unquote(url)
    return None


def is_cut(url: str) -> bool:
    """Whether what stands before an `@` in the path can be a user and a password rather than a host.

    Paths may hold an `@`: it is taken for one of the path behind a host with a dot or without a port.
    """
    found = _CUT.match(url)
    if found is None:
        return False
    name, colon, port = found["host"].partition(":") if not found["host"].startswith("[") else (found["host"], "", "")
    is_host = bool(_NUMERIC.fullmatch(name)) or "." in name or name == "localhost"
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536):
        return True
    if bool(_NUMERIC.fullmatch(found["after"])):
        return not _NUMERIC.fullmatch(name)
    return bool(colon) and (not is_host or "." in found["after"])


def check_secrets(key: str, url: str, instead: str = "username and password_file") -> None:
    """Refuse an address that holds a secret.

    Args:
        key: The setting's name.
        url: Its value.
        instead: The settings that a secret belongs into.

    Raises:
        ValueError: With what to write; the address is not repeated.
    """
    part = secret_part(url)
    if part is None:
        return
    hint = "; an '@' that belongs to the path is written %40" if part == "host" else ""
    raise ValueError(f"{key} holds a user or password (in its {part}); use {instead}, where it stands as it is{hint}")


def check_path(key: str, path: str, instead: str = "username and password_file") -> None:
    """Refuse a file's path that is an address without its scheme, with a user and a password in it.

    Args:
        key: The setting's name.
        path: Its value.
        instead: The settings that a secret belongs into.

    Raises:
        ValueError: With what to write; the path is not repeated.
    """
    if re.match(r"[^/@]*:[^@]*@", path) or re.match(r"rtsps?:", path, re.IGNORECASE):
        raise ValueError(f"{key} is no address and no file: write rtsp://host/path, and use {instead}")


def check(key: str, url: str, instead: str = "username and password_file") -> None:
    """Refuse an address that holds a secret, or names no host, or no port that there is.

    Args:
        key: The setting's name.
        url: Its value.
        instead: The settings that a secret belongs into.

    Raises:
        ValueError: With what to write; the address is not repeated.
    """
    check_secrets(key, url, instead)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{key} is no address: write scheme://host:port/path, with a port up to 65535") from None
    if not host or re.search(r"[\s\x00-\x1f]", url):
        raise ValueError(f"{key} is no address: write scheme://host/path, without spaces")
