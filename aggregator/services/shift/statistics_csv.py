"""A report as a CSV file: one figure a line, as section, name, value."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from aggregator.services.shift.statistics_service import Report
from common.clock import SECOND_NS
from common.text_file import to_cell
from protocol.identifiers import to_rfc3339

HEAD = ("section", "name", "value")
Row = tuple[str, str, str | int | float]


def write(report: Report) -> str:
    """The file, UTF-8 text. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEAD)
    writer.writerows([to_cell(it) if isinstance(it, str) else it for it in row] for row in _rows(report))
    return text.getvalue()


def _rows(report: Report) -> Iterator[Row]:
    asked, counted, figures = report.asked, report.counted, report.figures
    yield "report", "from", to_rfc3339(asked.span[0])
    yield "report", "to", to_rfc3339(asked.span[1])
    yield "report", "site", asked.site or "*"
    yield "report", "operators", asked.operators
    yield "report", "time_zone", str(report.zone)
    yield "load", "alerts", counted.total
    for name in ("a_day", "an_interval", "most_in_interval", "flood_share", "floods", "top_share"):
        yield "load", name, getattr(figures, name)
    yield "load", "stale", counted.stale
    yield "load", "chattering", counted.chattering
    yield from (("day", day.isoformat(), count) for day, count in figures.days.items())
    yield from (("severity", severity, count) for severity, count in counted.severities.items())
    yield from (("source", "/".join(filter(None, source)), count) for source, count in counted.sources)
    for section, times in (("to_acknowledge", counted.to_acknowledge), ("to_close", counted.to_close)):
        for severity, it in times.items():
            yield section, f"{severity}.count", it.count
            yield section, f"{severity}.median_s", it.median_ns / SECOND_NS
            yield section, f"{severity}.p90_s", it.p90_ns / SECOND_NS
    for one in report.availability:
        yield "availability", "/".join(filter(None, one.device)), one.share
    for line in report.retention:
        yield "retention", f"{line.what}.ceiling_days", line.ceiling_days
        yield "retention", f"{line.what}.oldest", to_rfc3339(line.oldest_ns) if line.oldest_ns is not None else ""
