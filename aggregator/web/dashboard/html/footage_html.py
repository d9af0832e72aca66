"""A camera's day as a line: what is kept, missing, held, and when something happened. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from aggregator.domain.read_models import TimelineEvent
from aggregator.web.dashboard.forms.box_text import gap_text
from aggregator.web.dashboard.i18n.texts import Texts
from common.clock import MILLISECOND_NS, SECOND_NS
from protocol.commands import RecordedRanges, Span

WIDTH, HEIGHT = 1440.0, 48.0
"""A pixel a minute, for a whole day. It is stretched to the width of the page, so that no text is drawn in it."""
BINS = 240
"""Bars of the density: events are counted by the database, none is left out."""
MOST_MOMENTS = 200
"""Up to so many events in the visible part are shown one by one as well."""
LEAST_NS = 60 * SECOND_NS
"""The line zooms from a day to a minute."""
STEPS_S = (1, 5, 10, 30, 60, 300, 900, 3600, 3 * 3600, 6 * 3600)
MOST_MARKS = 9
EDGE = 0.02
"""A time so near to an end of the line, as a share of it, stands beside its mark, not below the middle of it."""


@dataclass(frozen=True)
class Density:
    """The events of a part of the line.

    Attributes:
        bins: How many there are in each of `BINS` equal parts.
        moments: Each of them, where they are few.
    """

    bins: list[int]
    moments: list[TimelineEvent]


@dataclass(frozen=True)
class Pointers:
    """What is shown and marked.

    Attributes:
        at_ns: The moment that is shown, UTC nanoseconds.
        marked: Begin and end of the marked range, UTC nanoseconds; 0 where that end is not marked.
    """

    at_ns: int
    marked: tuple[int, int] = (0, 0)


def day_range(day: str, zone: ZoneInfo) -> tuple[int, int]:
    """Begin and end of a local day, UTC nanoseconds; 23 or 25 hours where the clocks change.

    Raises:
        ValueError: It is no day such as 2026-11-23.
    """
    begin = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=zone)
    after = datetime.fromordinal(begin.toordinal() + 1).replace(tzinfo=zone)
    return round(begin.timestamp()) * SECOND_NS, round(after.timestamp()) * SECOND_NS


def line_html(
    kept: RecordedRanges, density: Density, view: tuple[int, int], texts: tuple[ZoneInfo, Texts], pointers: Pointers
) -> str:
    """The visible part of the line as SVG: what is kept, missing and held, how much happened when, and the playhead.

    Args:
        kept: What the box has.
        density: The events of the visible part.
        view: Begin and end of the visible part, UTC nanoseconds.
        texts: The site's zone and the user's texts.
        pointers: The moment that is shown, and the marked range.
    """
    zone, words = texts
    parts = [f'<rect class="empty" x="0" y="20" width="{WIDTH}" height="22"/>']
    for name, spans in (("kept", kept.spans), ("gap", kept.gaps), ("hold", kept.holds)):
        inside = [span for span in spans if span.to_ns > view[0] and span.from_ns < view[1]]
        parts += [_bar(span, view, name, zone, words) for span in inside]
    parts += _density(density, view, zone, words)
    parts += _pointers(pointers, view)
    begin_ms, end_ms = (it // MILLISECOND_NS for it in view)
    return (
        f'<svg class="dayline" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(words["footage.line"])}" data-from_ms="{begin_ms}" data-to_ms="{end_ms}" '
        f'data-testid="day-line">{"".join(parts)}</svg>'
        f'<div class="dayline-times" data-testid="day-times">{"".join(_times(view, zone))}</div>'
    )


def _pointers(pointers: Pointers, view: tuple[int, int]) -> list[str]:
    """The marked range, or the one end that is marked, and the playhead."""
    found, (begin, end) = [], pointers.marked
    if (begin or end) and (end or begin) > view[0] and (begin or end) < view[1]:
        left, right = _x(begin or end, view), _x(end or begin, view)
        width = max(2.0, right - left)
        found.append(
            f'<rect class="marked" data-testid="bar-marked" x="{left:.1f}" y="14" width="{width:.1f}" height="34"/>'
        )
    x, within = _x(pointers.at_ns, view), view[0] <= pointers.at_ns <= view[1]
    hidden = "" if within else ' visibility="hidden"'
    found.append(
        f'<line class="playhead" data-testid="playhead" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{HEIGHT}"{hidden}/>'
    )
    return found


def _density(density: Density, view: tuple[int, int], zone: ZoneInfo, words: Texts) -> list[str]:
    """Bars whose height is the number of events, and single events where they are few."""
    most, width = max(density.bins, default=0), (view[1] - view[0]) / max(1, len(density.bins))
    bars = []
    for number, count in enumerate(density.bins):
        if not count:
            continue
        begin_ns = round(view[0] + number * width)
        height = max(3.0, 18.0 * count / most)
        label = escape(f"{_clock(begin_ns, zone)}: {words.counted('footage.events', count)}")
        bars.append(
            f'<rect class="event" data-count="{count}" x="{_x(begin_ns, view):.1f}" y="{18 - height:.1f}" '
            f'width="{max(2.0, WIDTH / len(density.bins) - 0.5):.1f}" height="{height:.1f}">'
            f"<title>{label}</title></rect>"
        )
    for moment in density.moments:
        label = escape(f"{words.get(f'kind.{moment.kind}', moment.kind)} {_clock(moment.time_ns, zone)}")
        x = _x(moment.time_ns, view)
        bars.append(f'<circle class="event one" cx="{x:.1f}" cy="18" r="2.5"><title>{label}</title></circle>')
    return bars


def _times(view: tuple[int, int], zone: ZoneInfo) -> list[str]:
    """Times below the line, at whole steps."""
    span_s = (view[1] - view[0]) // SECOND_NS
    step_s = next((it for it in STEPS_S if span_s / it <= MOST_MARKS), STEPS_S[-1])
    found = []
    for time_ns in range(view[0], view[1] + 1, step_s * SECOND_NS):
        share = _x(time_ns, view) / WIDTH
        edge = "first" if share < EDGE else "last" if share > 1 - EDGE else ""
        text = _clock(time_ns, zone) if step_s < 60 else _clock(time_ns, zone)[:5]
        found.append(f'<span class="{edge}" style="left: {100 * share:.2f}%">{text}</span>')
    return found


def zoomed(view: tuple[int, int], day: tuple[int, int], at: float, factor: float) -> tuple[int, int]:
    """A part of a day, narrower or wider, with the same time at the same share of the line.

    Args:
        view: The visible part, UTC nanoseconds.
        day: What there is.
        at: The share of the line that stays where it is, 0 to 1.
        factor: Of the length; below 1 zooms in.

    >>> zoomed((0, 100), (0, 100), 0.5, 0.5) == (0, 100)  # a minute at least
    True
    """
    at = min(1.0, max(0.0, at))
    length = min(day[1] - day[0], max(LEAST_NS, round((view[1] - view[0]) * factor)))
    middle = view[0] + at * (view[1] - view[0])
    begin = round(middle - at * length)
    begin = max(day[0], min(begin, day[1] - length))
    return begin, min(day[1], begin + length)


def zoomed_around(view: tuple[int, int], day: tuple[int, int], moment_ns: int, factor: float) -> tuple[int, int]:
    """A part of a day, narrower or wider, with a moment in the middle, as far as the day allows.

    At the end of a day the moment is at the end of the line: a zoom that left it there showed nothing after it.
    """
    half = (view[1] - view[0]) // 2
    return zoomed((moment_ns - half, moment_ns + half), day, 0.5, factor)


def range_html(marked: tuple[int, int], zone: ZoneInfo, words: Texts) -> str:
    """A marked range in words; empty where none is marked."""
    begin, end = marked
    if not begin and not end:
        return ""
    times = (_clock(it, zone) if it else "…" for it in marked)
    return escape(words["footage.range"].format(begin=next(times), end=next(times)))


def facts(kept: RecordedRanges, events: int, words: Texts) -> str:
    """The day in words; `events` is how many there are, all counted."""
    hours = sum(span.to_ns - span.from_ns for span in kept.spans) / SECOND_NS / 3600
    return " · ".join(
        (
            words["footage.kept"].format(hours=f"{hours:.1f}"),
            words.counted("footage.missing", len(kept.gaps)),
            words.counted("footage.held", len(kept.holds)),
            words.counted("footage.events", events),
        )
    )


def gap_at(kept: RecordedRanges, time_ns: int) -> Span | None:
    """The gap that a time lies in."""
    return next((span for span in kept.gaps if span.from_ns <= time_ns < span.to_ns), None)


_PLAYER_TEXTS = {"waits": "live.waits", "ended": "live.ended", "shown": "footage.film", "black": "wall.masked"}


def player_html(words: Texts) -> str:
    """Where film is shown (`static/footage/main.js`)."""
    texts = {name: words[it] for name, it in _PLAYER_TEXTS.items()}
    data = " ".join(f'data-{name}="{escape(text, quote=True)}"' for name, text in texts.items())
    return (
        '<div class="still"><video data-testid="live-video" muted playsinline></video></div>'
        f'<div class="where" data-testid="live-told" role="status" {data}></div>'
    )


def _x(time_ns: int, day: tuple[int, int]) -> float:
    share = (time_ns - day[0]) / (day[1] - day[0])
    return min(1.0, max(0.0, share)) * WIDTH


def _bar(span: Span, view: tuple[int, int], name: str, zone: ZoneInfo, words: Texts) -> str:
    left, right = _x(span.from_ns, view), _x(span.to_ns, view)
    y, height = (44, 4) if name == "hold" else (20, 22)
    times = f"{_clock(span.from_ns, zone)} – {_clock(span.to_ns, zone)}"
    about = gap_text(span.about, words) if name == "gap" else span.about
    label = escape(f"{words[f'footage.bar.{name}']} {times} {about}".strip())
    least = 3.0 if name == "gap" else 1.0  # a short gap can be seen on the line of a day
    return (
        f'<rect class="{name}" data-testid="bar-{name}" x="{left:.1f}" y="{y}" '
        f'width="{max(least, right - left):.1f}" height="{height}"><title>{label}</title></rect>'
    )


def _clock(time_ns: int, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, zone):%H:%M:%S}"
