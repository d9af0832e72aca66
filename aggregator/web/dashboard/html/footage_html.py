"""A camera's day as a line: what is kept, missing, held, and when something happened. Pure."""

from __future__ import annotations

from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from aggregator.domain.read_models import TimelineEvent
from aggregator.web.dashboard.i18n.texts import Texts
from common.clock import SECOND_NS
from protocol.commands import RecordedRanges, Span

WIDTH, HEIGHT = 1440.0, 54.0
"""A pixel a minute."""


def day_range(day: str, zone: ZoneInfo) -> tuple[int, int]:
    """Begin and end of a local day, UTC nanoseconds; 23 or 25 hours where the clocks change.

    Raises:
        ValueError: It is no day such as 2026-11-23.
    """
    begin = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=zone)
    after = datetime.fromordinal(begin.toordinal() + 1).replace(tzinfo=zone)
    return round(begin.timestamp()) * SECOND_NS, round(after.timestamp()) * SECOND_NS


def line_html(
    kept: RecordedRanges, moments: list[TimelineEvent], day: tuple[int, int], zone: ZoneInfo, words: Texts
) -> str:
    """The line as SVG; times are the site's."""
    parts = [f'<rect class="empty" x="0" y="14" width="{WIDTH}" height="22"/>']
    for name, spans in (("kept", kept.spans), ("gap", kept.gaps), ("hold", kept.holds)):
        parts += [_bar(span, day, name, zone) for span in spans]
    for moment in moments:
        x = _x(moment.time_ns, day)
        label = escape(f"{words.get(f'kind.{moment.kind}', moment.kind)} {_clock(moment.time_ns, zone)}")
        parts.append(f'<circle class="event" cx="{x:.1f}" cy="7" r="3"><title>{label}</title></circle>')
    parts += [_mark(hour, day, zone) for hour in range(0, 25, 3)]
    return (
        f'<svg class="dayline" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'data-testid="day-line">{"".join(parts)}</svg>'
    )


def facts(kept: RecordedRanges, moments: list[TimelineEvent], words: Texts) -> str:
    """The day in words."""
    hours = sum(span.to_ns - span.from_ns for span in kept.spans) / SECOND_NS / 3600
    return " · ".join(
        (
            words["footage.kept"].format(hours=f"{hours:.1f}"),
            words.counted("footage.missing", len(kept.gaps)),
            words.counted("footage.held", len(kept.holds)),
            words.counted("footage.events", len(moments)),
        )
    )


def player_html(words: Texts) -> str:
    """Where film is shown (`live_player.js`)."""
    texts = {"waits": words["live.waits"], "ended": words["live.ended"], "shown": words["footage.film"]}
    data = " ".join(f'data-{name}="{escape(text, quote=True)}"' for name, text in texts.items())
    return (
        '<div class="still"><video data-testid="live-video" muted playsinline></video></div>'
        f'<div class="where" data-testid="live-told" role="status" {data}></div>'
    )


def _x(time_ns: int, day: tuple[int, int]) -> float:
    share = (time_ns - day[0]) / (day[1] - day[0])
    return min(1.0, max(0.0, share)) * WIDTH


def _bar(span: Span, day: tuple[int, int], name: str, zone: ZoneInfo) -> str:
    left, right = _x(span.from_ns, day), _x(span.to_ns, day)
    y, height = (38, 4) if name == "hold" else (14, 22)
    label = escape(f"{_clock(span.from_ns, zone)} – {_clock(span.to_ns, zone)} {span.about}".strip())
    return (
        f'<rect class="{name}" x="{left:.1f}" y="{y}" width="{max(1.0, right - left):.1f}" height="{height}">'
        f"<title>{label}</title></rect>"
    )


def _mark(hour: int, day: tuple[int, int], zone: ZoneInfo) -> str:
    time_ns = day[0] + hour * 3600 * SECOND_NS
    x = _x(time_ns, day)
    anchor = "start" if hour == 0 else "end" if hour == 24 else "middle"
    return f'<text x="{x:.1f}" y="52" text-anchor="{anchor}">{_clock(time_ns, zone)[:5]}</text>'


def _clock(time_ns: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, zone):%H:%M:%S}"
