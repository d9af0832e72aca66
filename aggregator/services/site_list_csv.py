"""Lists as CSV (RFC 4180, UTF-8, first line names the columns): row by row, a wrong row spoils no other."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from aggregator.domain.list_entry import MOST_ENTRIES, ListEntry, ListEntryRequest, check
from common.clock import SECOND_NS
from common.errors import ListError
from protocol.plate_grammar import MAINLAND, Grammar

COLUMNS = ("kind", "text", "standing", "owner", "reason", "valid_from", "valid_until")
NEEDED = ("text", "standing", "owner")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Row:
    """A row: what is wanted, or the problem with it. `line` counts from 1, the header's line included."""

    line: int
    wanted: ListEntryRequest | None
    problem: str = ""


def read(data: bytes, now_ns: int, grammars: tuple[Grammar, ...] = MAINLAND) -> list[Row]:
    """Every row, checked.

    Raises:
        ListError: The file as a whole cannot be used: no UTF-8, no header, too long.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListError("this is not UTF-8; save the table as 'CSV UTF-8'") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        table = _Table([name.strip().lower() for name in next(reader, [])], now_ns, grammars)
        rows: list[Row] = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(table.row(reader.line_num, cells))
            if len(rows) > MOST_ENTRIES:
                raise ListError(f"more than {MOST_ENTRIES} rows; split the file")
    except csv.Error as error:
        raise ListError(f"line {reader.line_num}: {error}") from error
    return rows


class _Table:
    """A file's header, and which texts it has had."""

    def __init__(self, header: list[str], now_ns: int, grammars: tuple[Grammar, ...]) -> None:
        missing = [name for name in NEEDED if name not in header]
        unknown = [name for name in header if name not in COLUMNS]
        if missing or unknown:
            problem = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)[:80]}"
            raise ListError(f"line 1: the header {problem}; it may name {', '.join(COLUMNS)}")
        self._header, self._now_ns, self._grammars = header, now_ns, grammars
        self._seen: dict[tuple[str, str], int] = {}

    def row(self, line: int, cells: list[str]) -> Row:
        """A line's cells, checked."""
        if len(cells) != len(self._header):
            return Row(line, None, f"has {len(cells)} cells, the header {len(self._header)}")
        given = {name: _bare(cell) for name, cell in zip(self._header, cells, strict=True) if cell.strip()}
        try:
            asked = msgspec.convert({"text": "", "owner": "", "standing": "", **given}, ListEntryRequest)
            wanted = check(asked, self._now_ns, self._grammars)
        except (msgspec.ValidationError, ListError) as error:
            return Row(line, None, str(error))
        first = self._seen.setdefault((wanted.kind, wanted.text), line)
        return Row(line, None, f"the same as line {first}") if first != line else Row(line, wanted)


def _bare(cell: str) -> str:
    """Without the apostrophe that `write` puts before text that a spreadsheet would take for a formula."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def write(entries: Iterable[ListEntry]) -> str:
    """The list as CSV, readable by `read`. Cells that a spreadsheet would run as a formula get an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(entry) for entry in entries)
    return out.getvalue()


def _cells(entry: ListEntry) -> Iterator[str]:
    for value in (entry.kind, entry.text, entry.standing, entry.owner, entry.reason):
        yield f"'{value}" if value.startswith(_FORMULA) else value
    for time_ns in (entry.from_ns, entry.until_ns):
        yield "" if time_ns is None else datetime.fromtimestamp(time_ns // SECOND_NS, UTC).isoformat()
