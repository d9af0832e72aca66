"""What the pages of a shift have in common: tables, times on a site's clock, the style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from nicegui import ui

from aggregator.services.site_clock import SiteClock
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shell import assets
from protocol.identifiers import to_rfc3339


def add_style() -> None:
    """Into the page's head."""
    ui.add_head_html(f'<link rel="stylesheet" href="{assets.ADDRESS}/shift.css">')


def time_html(sites: SiteClock, site: str, time_ns: int | None) -> str:
    """A time on the site's clock, with its zone; UTC where the scope has no single site."""
    if time_ns is None:
        return "–"
    local = sites.local(site, time_ns)
    return f'<time datetime="{to_rfc3339(time_ns)}">{local:%Y-%m-%d %H:%M} {escape(local.tzname() or "")}</time>'


def table_html(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """A table; cells are HTML, everything else is text.

    Args:
        caption: What it shows, for screen readers.
        heads: Of the columns.
        rows: Cells.
        numbers: Columns that are numbers.
    """
    right = set(numbers)

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=number' if index in right else ''}{' scope=col' if tag == 'th' else ''}>{cell}</{tag}>"
            for index, cell in enumerate(row)
        )

    head = cells([escape(it) for it in heads], "th")
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="grid-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def severity_html(severity: str, words: Texts) -> str:
    """A severity as a mark."""
    return f'<span class="mark {escape(severity)}">{escape(words[f"severity.{severity}"])}</span>'


def kind_text(kind: str, words: Texts) -> str:
    """What an alert of a kind is called."""
    return words.get(f"kind.{kind}", kind)


def scope_text(scope: str, sites: SiteClock, words: Texts) -> str:
    """A scope in words."""
    if scope == "*":
        return words["shift.everywhere"]
    site, _, area = scope.partition("/")
    return f"{sites.name(site)} · {area}" if area else sites.name(site)


def duration_text(seconds: float, words: Texts) -> str:
    """A duration, rounded for people."""
    if seconds < 120:
        return words["time.seconds"].format(count=round(seconds))
    if seconds < 7_200:
        return words["time.minutes"].format(count=round(seconds / 60))
    return words["time.hours"].format(count=f"{seconds / 3600:.1f}")
