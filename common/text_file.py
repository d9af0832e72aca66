"""Text files as editors save them, with or without a byte order mark, with any line ends; cells of CSV files."""

from __future__ import annotations

import codecs
from pathlib import Path

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
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


def to_cell(text: str) -> str:
    """A cell of a CSV file: text that a spreadsheet would take for a formula gets an apostrophe before it.

    >>> to_cell("=1+1"), to_cell("Li")
    ("'=1+1", 'Li')
    """
    return f"'{text}" if text.startswith(_FORMULA) else text


def from_cell(cell: str) -> str:
    """What `to_cell` was given, without spaces around it."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
