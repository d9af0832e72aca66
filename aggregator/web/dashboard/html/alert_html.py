"""Alerts, cameras and boxes as HTML. Pure; everything that comes from outside is escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape

from aggregator.domain.alerts.rules import SEVERITY_OF_OBJECT, TWO_WHEELER
from aggregator.domain.alerts.types import Alert
from aggregator.domain.read_models import Box, Camera
from aggregator.web.dashboard.i18n.texts import Texts
from protocol.identifiers import to_rfc3339

_NO_PICTURE_SVG = (
    '<svg viewBox="0 0 24 24" width="26" height="26" fill="none" stroke="currentColor" stroke-width="1.6" '
    'aria-hidden="true"><path d="M3 7h4l2-2h6l2 2h4v12H3z"/><circle cx="12" cy="13" r="3.4"/>'
    '<path d="M4 3l17 18"/></svg>'
)


def clock_text(moment: datetime, now: datetime) -> str:
    """The time of day, with the date where it is not today's."""
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S}"


def state_of(alert: Alert) -> str:
    """`open`, `acknowledged` or `resolved`: what a card says and looks like."""
    if alert.status == "closed":
        return "resolved"
    return "open" if alert.acknowledgement == "unacknowledged" else "acknowledged"


def title(alert: Alert, words: Texts) -> str:
    """What happened, in words."""
    special = TWO_WHEELER if (alert.kind, alert.object) in SEVERITY_OF_OBJECT else ""
    return words.get(f"kind.{alert.kind}.{special}", words.get(f"kind.{alert.kind}", alert.kind))


def picture_html(alert: Alert, words: Texts, camera: str) -> str:
    """The blurred picture, or a neutral place where there is none."""
    if alert.picture_event is None:
        return f"<div>{_NO_PICTURE_SVG}{escape(words['no_picture'])}</div>"
    source = f"/api/pictures/{escape(alert.picture_event)}"
    text = escape(words["picture"].format(kind=title(alert, words), camera=camera), quote=True)
    return (
        f'<a href="{source}" target="_blank" rel="noopener">'
        f'<img src="{source}" alt="{text}" data-testid="alert-picture" decoding="async"></a>'
    )


def clip_html(alert: Alert, words: Texts, camera: str) -> str:
    """The redacted clip; it is loaded, and the access logged, when it is played."""
    poster = f' poster="/api/pictures/{escape(alert.picture_event)}"' if alert.picture_event else ""
    text = escape(words["clip"].format(kind=title(alert, words), camera=camera), quote=True)
    return (
        f'<video src="/api/clips/{escape(alert.id)}"{poster} preload="none" controls muted playsinline '
        f'aria-label="{text}" data-testid="alert-clip"></video>'
    )


def body_html(alert: Alert, words: Texts, *, site: str, camera: str, first: str, last: str) -> str:
    """Severity and state in words, what, where, when.

    Args:
        alert: What is shown.
        words: The language.
        site: The site's name.
        camera: The camera's name.
        first: When it was first seen, on the site's clock.
        last: When it was last seen, on the site's clock.
    """
    details = [words.get(f"object.{alert.object}", alert.object), alert.subject]
    detail = " · ".join(escape(text) for text in details if text)
    count = since = ""
    if alert.count > 1:
        text = escape(words.counted("count", alert.count))
        count = f'<span class="tag" data-testid="alert-count">{text}</span>'
        since = f" · {escape(words['since'].format(time=first))}"
    state = state_of(alert)
    by = alert.closed_by if state == "resolved" else alert.acknowledged_by
    who = f" {escape(words['by'].format(name=words.get(f'kind.{by}', by)))}" if by else ""
    return (
        f'<div class="tags"><span class="tag severity" data-testid="alert-severity">'
        f"{escape(words[f'severity.{alert.severity}'])}</span>"
        f'<span class="tag" data-testid="alert-state">{escape(words[f"state.{state}"])}{who}</span>'
        f"{count}</div>"
        f'<div class="what" data-testid="alert-kind">{escape(title(alert, words))} <small>{detail}</small></div>'
        f'<div class="where"><b>{escape(site)}</b> · {escape(camera)}</div>'
        f'<div class="when"><time datetime="{to_rfc3339(alert.last_ns)}">{escape(last)}</time>{since}</div>'
    )


def cameras_html(cameras: list[Camera], words: Texts) -> str:
    """One row a camera: name, state in words, frame rate."""
    if not cameras:
        return f'<div class="none">{escape(words["cameras.none"])}</div>'
    tones = {"up": "", "starting": "idle", "unknown": "idle"}
    return "".join(
        f'<div class="facts" data-testid="camera-row"><span class="name">{escape(it.name or it.id)}</span>'
        f'<span class="state {tones.get(it.state, "bad")}">{escape(words[f"camera.state.{it.state}"])}</span>'
        f'<span class="more">{escape(it.site)} · {escape(it.box)} · {it.fps:.0f} fps</span></div>'
        for it in cameras
    )


def boxes_html(boxes: list[Box], words: Texts) -> str:
    """One row a box: online or not, what waits, what is missing, its version."""
    if not boxes:
        return f'<div class="none">{escape(words["boxes.none"])}</div>'
    return "".join(_box_html(it, words) for it in boxes)


def _box_html(box: Box, words: Texts) -> str:
    missing = sum(last - first + 1 for first, last in box.gaps)
    facts = [words["box.waiting"].format(count=box.outbox_waiting)]
    facts += [words["box.missing"].format(count=missing)] if missing else []
    facts += [words["box.lost"].format(count=box.lost)] if box.lost else []
    facts += [box.version] if box.version else []
    state, tone = ("box.online", "") if box.online else ("box.offline", "bad")
    return (
        f'<div class="facts" data-testid="box-row"><span class="name">{escape(box.site)} · {escape(box.box)}</span>'
        f'<span class="state {tone}">{escape(words[state])}</span>'
        f'<span class="more">{escape(" · ".join(facts))}</span></div>'
    )
