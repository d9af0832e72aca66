"""Identifiers and times as the contract writes them."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime

from common.errors import ContractError

PRINTABLE = r"^[^\x00-\x1f\x7f]*$(?!\n)"
"""Free text of users, as a pattern for schemas: no control characters, no line feeds."""
NAME = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|\+00:00)")
_SECOND_NS = 1_000_000_000


def is_printable(text: str) -> bool:
    r"""Whether free text has no control characters and no line feeds.

    >>> is_printable("broken barrier"), is_printable("a\nb")
    (True, False)
    """
    return re.search(PRINTABLE, text) is not None


def one_line(text: str, least: int, most: int) -> str | None:
    r"""Free text without spaces around it; None where it has fewer or more characters, or control characters.

    >>> one_line(" broken ", 3, 200), one_line("a\nb", 1, 9), one_line("  ", 1, 9)
    ('broken', None, None)
    """
    line = text.strip()
    return line if least <= len(line) <= most and is_printable(line) else None


def uuid7(time_ns: int, random: bytes) -> str:
    """A UUIDv7 after RFC 9562 section 5.7.

    Args:
        time_ns: Wall clock, nanoseconds since 1970.
        random: At least ten random bytes.

    >>> uuid7(0, bytes(10))
    '00000000-0000-7000-8000-000000000000'
    """
    noise = int.from_bytes(random[:10], "big")
    value = ((time_ns // 1_000_000) & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (noise >> 62 & 0xFFF) << 64 | 0b10 << 62 | noise & (1 << 62) - 1
    return str(uuid.UUID(int=value))


def is_uuid7(text: str) -> bool:
    """Whether `text` is a UUIDv7 in its lower-case form."""
    return _UUID7.fullmatch(text) is not None


def check_name(text: str, what: str) -> str:
    """Return `text` if it may stand in a topic or a source.

    Raises:
        ContractError: It is empty, longer than 64, or has other characters than letters, digits, `_`, `.`, `-`.
    """
    if not NAME.fullmatch(text):
        raise ContractError(f"{what} '{text[:80]}' must be 1 to 64 of letters, digits, '_', '.', '-'")
    return text


def to_rfc3339(time_ns: int) -> str:
    """UTC nanoseconds as RFC 3339 with nine digits.

    >>> to_rfc3339(1_700_000_000_000_000_001)
    '2023-11-14T22:13:20.000000001Z'
    """
    seconds, nanos = divmod(time_ns, _SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos:09d}Z"


def from_rfc3339(text: str) -> int:
    """RFC 3339 in UTC as nanoseconds since 1970.

    Raises:
        ContractError: Not RFC 3339, not UTC, or not an existing time.

    >>> from_rfc3339("2023-11-14T22:13:20.000000001Z")
    1700000000000000001
    """
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        seconds = int(datetime.fromisoformat(match[1] + "+00:00").timestamp())
    except (ValueError, OverflowError) as error:
        raise ContractError(f"$.time: '{text[:40]}' is not an RFC 3339 time in UTC") from error
    return seconds * _SECOND_NS + int((match[2] or "0").ljust(9, "0"))
