"""Text files as editors save them: with or without a byte order mark, with any line ends."""

from __future__ import annotations

import codecs
from pathlib import Path

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decoded(data: bytes) -> str:
    r"""The text of a file: UTF-8, or the encoding of its byte order mark; lines end with a line feed.

    >>> decoded(bytes([0xEF, 0xBB, 0xBF]) + b"a" + bytes([13, 10]) + b"b")
    'a\nb'

    Raises:
        UnicodeDecodeError: It is not text.
    """
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def read(path: Path) -> str:
    """The text of a file; see `decoded`.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is not text.
    """
    return decoded(path.read_bytes())
