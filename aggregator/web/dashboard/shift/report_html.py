"""The tables of the reports as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from aggregator.domain.quality import figures as isa
from aggregator.domain.quality.aggregates import Source
from aggregator.domain.quality.box_yaml import CHANGEABLE, yaml_of
from aggregator.domain.quality.false_alarms import Quality
from aggregator.domain.quality.replay import Asleep, Inertia, Mask, Suggestion
from aggregator.domain.quiet.flood import STARTS_ABOVE
from aggregator.services.shift.statistics_service import Report, RuleReport
from aggregator.services.site_clock import SiteClock
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shift.charts import SEVERITIES
from aggregator.web.dashboard.shift.parts import duration_text, kind_text, severity_html, table_html, time_html
from common.clock import SECOND_NS

MOST_DEVICES = 50
"""Devices that the page shows; the file has all."""


def percent(share: float | None) -> str:
    """A share for people.

    >>> percent(0.125), percent(None), percent(0.99999)
    ('12.5 %', '–', '100.0 %')
    """
    return "–" if share is None else f"{share * 100:.1f} %"


@dataclass(frozen=True)
class Named:
    """What people call sites and places.

    Attributes:
        sites: Their names and clocks.
        places: (site, box, place) → its name.
    """

    sites: SiteClock
    places: Mapping[tuple[str, str, str], str]

    def place(self, site: str, box: str, place: str) -> str:
        """A place's name; its id, or the box's, where nothing else is known."""
        return self.places.get((site, box, place)) or place or box


def source_text(source: Source, named: Named, words: Texts) -> str:
    """A source in words."""
    return " · ".join(filter(None, (named.sites.name(source.site), short_text(source, named, words))))


def short_text(source: Source, named: Named, words: Texts) -> str:
    """A source in words, for a chart's label: the table beside it names the site."""
    what = kind_text(source.kind, words) if source.kind else ""
    place = named.place(source.site, source.box, source.place)
    subject = source.subject if source.subject != source.place else ""  # a door's id
    return " · ".join(filter(None, (place, what, subject)))


def figures_html(report: Report, words: Texts) -> str:
    """The main figures; one that is over its limit is marked, also in words."""
    counted, found = report.counted, report.figures
    total = counted.total
    critical = counted.severities.get("critical", 0) / total if total else 0.0
    shown: list[tuple[str, str, bool]] = [
        ("alerts", str(total), False),
        ("a_day", f"{found.a_day:.1f}", found.a_day > isa.MOST_A_DAY),
        ("an_interval", f"{found.an_interval:.2f}", found.an_interval > 2 * isa.ACCEPTABLE_AN_INTERVAL),
        ("most_in_interval", f"{found.most_in_interval:g}", found.most_in_interval > STARTS_ABOVE),
        ("flood_share", percent(found.flood_share), found.flood_share > isa.MOST_FLOOD_SHARE),
        ("top_share", percent(found.top_share), False),
        ("critical_share", percent(critical), critical > isa.MOST_CRITICAL_SHARE),
        ("stale", str(counted.stale), counted.stale > 0),
        ("chattering", str(counted.chattering), counted.chattering > 0),
    ]
    return "".join(_figure(name, value, over, words) for name, value, over in shown)


def _figure(name: str, value: str, over: bool, words: Texts) -> str:
    said = f" · {escape(words['reports.over'])}" if over else ""
    return (
        f'<div class="figure{" over" if over else ""}" data-figure="{name}"><span>{escape(words[f"reports.{name}"])}'
        f"</span><b>{escape(value)}</b><span>{escape(words[f'reports.{name}.limit'])}{said}</span></div>"
    )


def days_html(report: Report, words: Texts) -> str:
    """Alerts of each day."""
    rows = [[f"{day:%Y-%m-%d}", str(count)] for day, count in report.figures.days.items()]
    return _details(table_html(words["reports.days"], _heads(words, "day", "count"), rows, (1,)), words)


def severities_html(report: Report, words: Texts) -> str:
    """Alerts of each severity, and their share."""
    total = max(report.counted.total, 1)
    found = report.counted.severities
    rows = [[severity_html(it, words), str(found.get(it, 0)), percent(found.get(it, 0) / total)] for it in SEVERITIES]
    return table_html(words["reports.severities"], _heads(words, "severity", "count", "share"), rows, (1, 2))


def sources_html(report: Report, named: Named, words: Texts) -> str:
    """The most frequent sources."""
    total = max(report.counted.total, 1)
    rows = [
        [_rule_link(source, escape(source_text(source, named, words))), str(count), percent(count / total)]
        for source, count in report.counted.sources
    ]
    return table_html(words["reports.sources"], _heads(words, "source", "count", "share"), rows, (1, 2))


def responses_html(report: Report, words: Texts) -> str:
    """How long it takes until somebody answers, and until an alert is closed."""
    rows = []
    for severity in SEVERITIES:
        row = [severity_html(severity, words)]
        for times in (report.counted.to_acknowledge, report.counted.to_close):
            it = times.get(severity)
            row += (
                [
                    str(it.count),
                    duration_text(it.median_ns / SECOND_NS, words),
                    duration_text(it.p90_ns / SECOND_NS, words),
                ]
                if it
                else ["0", "–", "–"]
            )
        rows.append(row)
    heads = _heads(words, "severity", "answered", "answer_median", "answer_p90", "closed", "close_median", "close_p90")
    return table_html(words["reports.responses"], heads, rows, range(1, 7))


def availability_html(report: Report, named: Named, words: Texts) -> str:
    """The devices that worked least."""
    rows = [
        [
            escape(f"{named.sites.name(it.device.site)} · {named.place(*it.device)}"),
            percent(it.share), duration_text(it.down_ns / SECOND_NS, words), str(it.outages),
        ]
        for it in report.availability[:MOST_DEVICES]
    ]  # fmt: skip
    heads = _heads(words, "device", "available", "down", "outages")
    return table_html(words["reports.availability"], heads, rows, (1, 2, 3))


def retention_html(report: Report, sites: SiteClock, words: Texts) -> str:
    """How long things are kept, and since when they are there."""
    rows = [
        [
            escape(words[f"reports.kept.{it.what}"]), str(it.floor_days), str(it.ceiling_days),
            time_html(sites, "", it.oldest_ns),
        ]
        for it in report.retention
    ]  # fmt: skip
    heads = _heads(words, "what", "floor", "ceiling", "oldest")
    return table_html(words["reports.retention"], heads, rows, (1, 2))


def quality_html(found: Sequence[Quality], caption: str, named: Named, words: Texts) -> str:
    """Shares of false alarms."""
    if not found:
        return f'<p class="none">{escape(words["reports.quality_none"])}</p>'
    rows = []
    for it in found:
        low, high = it.interval or (None, None)
        span = f"{percent(low)} – {percent(high)}" if low is not None else "–"
        text = escape(source_text(it.source, named, words))
        rows.append(
            [
                _rule_link(it.source, text) if it.source.kind.startswith(CHANGEABLE) else text,
                str(it.false_alarm), str(it.real), str(it.test + it.maintenance), str(it.unjudged), percent(it.share),
                span,
            ]
        )  # fmt: skip
    heads = _heads(words, "source", "false", "real", "test", "unjudged", "false_share", "interval")
    return table_html(caption, heads, rows, range(1, 7))


def rule_html(report: RuleReport, words: Texts) -> str:
    """What changes of a rule would have done."""
    if not report.source.kind.startswith(CHANGEABLE):
        return f'<p class="none">{escape(words["reports.no_settings"])}</p>'
    key = "reports.replayed" if report.complete else "reports.replayed_newest"
    parts = [f'<p class="soft">{escape(words[key].format(count=report.events))}</p>']
    if not report.proposals:
        parts.append(f'<p class="none">{escape(words["reports.no_proposals"])}</p>')
    for it in report.proposals:
        gone = it.effect.gone_by_outcome
        effect = words["reports.effect"].format(
            false=gone.get("false_alarm", 0), real=gone.get("real", 0), unjudged=gone.get("", 0),
            other=gone.get("test", 0) + gone.get("maintenance", 0), all=it.effect.alerts, unknown=it.effect.unknown,
        )  # fmt: skip
        parts.append(
            f"<h3>{escape(change_text(it.change, words))}</h3><p>{escape(effect)}</p>"
            f'<pre class="yaml" tabindex="0">{escape(yaml_of(report.source, it.change, report.picture_px))}</pre>'
        )
    parts.append(f'<p class="soft">{escape(words["reports.limits"])}</p>')
    return "".join(parts)


def change_text(change: Suggestion, words: Texts) -> str:
    """A change in words."""
    if isinstance(change, Inertia):
        return words["reports.change.inertia"].format(looks=change.looks)
    if isinstance(change, Asleep):
        return words["reports.change.asleep"].format(begin=f"{change.begin:%H:%M}", end=f"{change.end:%H:%M}")
    if isinstance(change, Mask):
        return words["reports.change.mask"].format(
            left=f"{change.left:g}", right=f"{change.right:g}", top=f"{change.top:g}", bottom=f"{change.bottom:g}"
        )
    return words["reports.change.height"].format(height=f"{change.height_px:g}")


def _rule_link(source: Source, text: str) -> str:
    query = escape(urlencode(source._asdict()))
    return f'<a href="/reports?{query}#rule" data-testid="rule-link">{text}</a>'


def _heads(words: Texts, *names: str) -> list[str]:
    return [words[f"reports.head.{name}"] for name in names]


def _details(table: str, words: Texts) -> str:
    return f"<details><summary>{escape(words['reports.as_table'])}</summary>{table}</details>"
