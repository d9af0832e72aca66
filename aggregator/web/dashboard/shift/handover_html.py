"""A hand-over as HTML."""

from __future__ import annotations

from html import escape

from aggregator.domain.shift.handover import SEVERITIES, AlertLine, BrokenDevice, Content, Handover, QuietLine
from aggregator.services.site_clock import SiteClock
from aggregator.web.dashboard.i18n.texts import Texts
from aggregator.web.dashboard.shift.parts import kind_text, scope_text, severity_html, table_html, time_html

_IN_WORDS = frozenset({"kind", "object", "severity"})


def content_html(content: Content, sites: SiteClock, words: Texts) -> str:
    """Everything that is handed over."""
    counts = [
        f"{severity_html(severity, words)} {content.counts[severity]}"
        for severity in SEVERITIES
        if content.counts.get(severity)
    ]
    total = sum(content.counts.values())
    more = total - len(content.alerts)
    left_out = words["shift.more"].format(count=more) if more > 0 else ""
    parts = [
        f"<h3>{escape(words['shift.open'])} ({total})</h3><p>{' &nbsp; '.join(counts)}</p>",
        _alerts(content.alerts, words["shift.open"], sites, words, hidden=False),
        f"<p>{escape(left_out)}</p>" if left_out else "",
        f"<h3>{escape(words['shift.hidden'])} ({content.hidden_count})</h3>",
        _alerts(content.hidden, words["shift.hidden"], sites, words, hidden=True),
        f"<h3>{escape(words['shift.quiet'])} ({len(content.quiet)})</h3>",
        _quiet(content.quiet, sites, words),
        f"<h3>{escape(words['shift.devices'])} ({len(content.devices)})</h3>",
        _devices(content.devices, sites, words),
        f"<h3>{escape(words['shift.notes'])} ({len(content.notes)})</h3>",
        _notes(content, sites, words),
    ]
    return "".join(parts)


def signatures_html(handover: Handover, sites: SiteClock, words: Texts) -> str:
    """Who has signed, and what."""
    site = handover.scope.partition("/")[0]
    left = words["shift.left"].format(who=escape(handover.left_by), time=time_html(sites, site, handover.left_ns))
    if handover.state == "taken":
        taken = words["shift.taken"].format(
            who=escape(handover.taken_by), time=time_html(sites, site, handover.taken_ns)
        )
    else:
        taken = escape(words[f"shift.state.{handover.state}"])
    digest = f'<p class="digest">SHA-256 {escape(handover.digest)}</p>'
    return f"<p>{escape(scope_text(handover.scope, sites, words))}</p><p>{left}</p><p>{taken}</p>{digest}"


def past_row(handover: Handover, sites: SiteClock, words: Texts) -> list[str]:
    """A document in the list."""
    site = handover.scope.partition("/")[0]
    link = f'<a href="/shift?document={escape(handover.id)}" data-testid="open-document">'
    return [
        f"{link}{time_html(sites, site, handover.left_ns)}</a>", escape(scope_text(handover.scope, sites, words)),
        escape(handover.left_by), escape(handover.taken_by or "–"), escape(words[f"shift.state.{handover.state}"]),
    ]  # fmt: skip


def _none(words: Texts) -> str:
    return f'<p class="none">{escape(words["shift.none"])}</p>'


def _alerts(lines: tuple[AlertLine, ...], caption: str, sites: SiteClock, words: Texts, *, hidden: bool) -> str:
    if not lines:
        return _none(words)
    names = ["severity", "what", "where", "since", "who", "note"] + (["until"] if hidden else [])
    rows = [_alert_row(it, sites, words, hidden=hidden) for it in lines]
    return table_html(caption, [words[f"shift.head.{name}"] for name in names], rows)


def _alert_row(it: AlertLine, sites: SiteClock, words: Texts, *, hidden: bool) -> list[str]:
    count = f" ×{it.count}" if it.count > 1 else ""
    what = " · ".join(filter(None, (kind_text(it.kind, words) + count, it.subject)))
    where = " · ".join(filter(None, (sites.name(it.site), it.name or it.place or it.box)))
    known = it.acknowledgement == "acknowledged" and it.acknowledged_by
    seen = "acknowledged_by" if known else it.acknowledgement
    who = words[f"shift.seen.{seen}"].format(who=it.assignee or it.acknowledged_by)
    row = [
        severity_html(it.severity, words), escape(what), escape(where), time_html(sites, it.site, it.first_ns),
        escape(who), escape(it.note),
    ]  # fmt: skip
    if hidden:
        why = escape(words[f"shift.why.{it.suppression}"])
        row.append(f"{why} · {time_html(sites, it.site, it.until_ns)}")
    return row


def _quiet(lines: tuple[QuietLine, ...], sites: SiteClock, words: Texts) -> str:
    if not lines:
        return _none(words)
    rows = [
        [
            escape(words[f"shift.quiet.{it.what}"] + (f" · {words['shift.quiet.weekly']}" if it.weekly else "")),
            escape(_covers(it, sites, words)), time_html(sites, it.sites[0], it.from_ns),
            time_html(sites, it.sites[0], it.until_ns), escape(it.owner), escape(it.reason),
        ]
        for it in lines
    ]  # fmt: skip
    heads = [words[f"shift.head.{name}"] for name in ("quiet", "covers", "from", "quiet_until", "owner", "reason")]
    return table_html(words["shift.quiet"], heads, rows)


def _covers(it: QuietLine, sites: SiteClock, words: Texts) -> str:
    """What it covers, in words: the sites, then each field that has values."""
    parts = [", ".join(sites.name(site) for site in it.sites)]
    for name, values in it.covers.items():
        shown = [words.get(f"{name}.{value}", value) if name in _IN_WORDS else value for value in values]
        parts.append(f"{words[f'silences.match.{name}']}: {', '.join(shown)}")
    return " · ".join(parts)


def _devices(devices: tuple[BrokenDevice, ...], sites: SiteClock, words: Texts) -> str:
    if not devices:
        return _none(words)
    rows = [
        [
            escape(words[f"shift.device.{it.device}"]), escape(it.name), escape(sites.name(it.site)),
            escape(words.get(f"shift.device_state.{it.state}", it.state)), time_html(sites, it.site, it.since_ns),
        ]
        for it in devices
    ]  # fmt: skip
    heads = [words[f"shift.head.{name}"] for name in ("device", "name", "site", "state", "since")]
    return table_html(words["shift.devices"], heads, rows)


def _notes(content: Content, sites: SiteClock, words: Texts) -> str:
    if not content.notes:
        return _none(words)
    rows = [
        [
            time_html(sites, it.scope.partition("/")[0], it.time_ns), escape(it.by),
            f'<span class="note-text">{escape(it.text)}</span>',
        ]
        for it in content.notes
    ]  # fmt: skip
    return table_html(words["shift.notes"], [words[f"shift.head.{name}"] for name in ("time", "who", "note")], rows)
