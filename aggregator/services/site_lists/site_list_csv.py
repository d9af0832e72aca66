"""Lists as CSV (RFC 4180, UTF-8, first line names the columns): row by row; a wrong row affects no other."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from aggregator.domain.site_lists.list_entry import MOST_ENTRIES, ListEntry, ListEntryRequest, check
from aggregator.domain.site_lists.local_dates import UTC_ZONE
from common.clock import SECOND_NS
from common.errors import ListError
from common.field_errors import field_error
from common.text_file import from_cell, to_cell
from protocol.plate_grammar import MAINLAND, Grammar

COLUMNS = ("kind", "text", "standing", "owner", "reason", "valid_from", "valid_until")
NEEDED = ("text", "standing", "owner")


@dataclass(frozen=True)
class Row:
    """A row: what is wanted, or the error in it. `line` counts from 1, the header's line included."""

    line: int
    wanted: ListEntryRequest | None
    error: ListError | None = None

    @property
    def problem(self) -> str:
        """The error as a sentence; empty where there is none."""
        return "" if self.error is None else str(self.error)


def read(data: bytes, now_ns: int, grammars: tuple[Grammar, ...] = MAINLAND, zone: ZoneInfo = UTC_ZONE) -> list[Row]:
    """Every row, checked; days and times without an offset are those of `zone`.

    Raises:
        ListError: The file as a whole cannot be used: no UTF-8, no header, too long.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = "this is not UTF-8; save the table as 'CSV UTF-8'"
        raise ListError(text, sentence="error.csv.encoding") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        table = _Table([name.strip().lower() for name in next(reader, [])], now_ns, grammars, zone)
        rows: list[Row] = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(table.row(reader.line_num, cells))
            if len(rows) > MOST_ENTRIES:
                problem = f"more than {MOST_ENTRIES} rows; split the file"
                raise ListError(problem, sentence="error.csv.rows", most=MOST_ENTRIES)
    except csv.Error as error:
        text = f"line {reader.line_num}: {error}"
        raise ListError(text, sentence="error.csv.line", line=reader.line_num) from error
    return rows


class _Table:
    """A file's header, and which texts it has had."""

    def __init__(self, header: list[str], now_ns: int, grammars: tuple[Grammar, ...], zone: ZoneInfo) -> None:
        missing = [name for name in NEEDED if name not in header]
        unknown = [name for name in header if name not in COLUMNS]
        if missing or unknown:
            problem = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)[:80]}"
            columns = ", ".join(COLUMNS)
            text = f"line 1: the header {problem}; it may name {columns}"
            raise ListError(text, sentence="error.csv.header", columns=columns)
        self._header, self._now_ns, self._grammars, self._zone = header, now_ns, grammars, zone
        self._seen: dict[tuple[str, str], int] = {}

    def row(self, line: int, cells: list[str]) -> Row:
        """A line's cells, checked."""
        if len(cells) != len(self._header):
            given_cells, columns = len(cells), len(self._header)
            problem = f"has {given_cells} cells, the header {columns}"
            return Row(line, None, ListError(problem, sentence="error.csv.cells", cells=given_cells, columns=columns))
        given = {name: from_cell(cell) for name, cell in zip(self._header, cells, strict=True) if cell.strip()}
        try:
            asked = msgspec.convert({"text": "", "owner": "", "standing": "", **given}, ListEntryRequest)
            wanted = check(asked, self._now_ns, self._grammars, self._zone)
        except msgspec.ValidationError as error:
            return Row(line, None, field_error(error, ListError))
        except ListError as error:
            return Row(line, None, error)
        first = self._seen.setdefault((wanted.kind, wanted.text), line)
        if first == line:
            return Row(line, wanted)
        return Row(line, None, ListError(f"the same as line {first}", sentence="error.csv.same", first=first))


def write(entries: Iterable[ListEntry]) -> str:
    """The list as CSV, readable by `read`. Cells that a spreadsheet would run as a formula get an apostrophe."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(entry) for entry in entries)
    return out.getvalue()


def _cells(entry: ListEntry) -> Iterator[str]:
    yield from map(to_cell, (entry.kind, entry.text, entry.standing, entry.owner, entry.reason))
    for time_ns in (entry.from_ns, entry.until_ns):
        yield "" if time_ns is None else datetime.fromtimestamp(time_ns // SECOND_NS, UTC).isoformat()
