"""Gates and doors as HTML. Pure; everything that comes from outside is escaped."""

from __future__ import annotations

from datetime import datetime
from html import escape

from aggregator.domain.read_models import Passage, Place
from aggregator.web.dashboard.i18n.texts import Texts
from common.clock import SECOND_NS
from protocol.identifiers import from_rfc3339, to_rfc3339
from protocol.receipts import DoorStatus

_BAD = frozenset({"forced", "held", "offline"})
_TONES = {"vehicle.barred": "bad", "door.forced": "bad", "door.duress": "bad", "door.tailgated": "bad"}


def key_of(place: Place) -> tuple[str, str, str]:
    """Site, box, and the place that its events name."""
    status = place.status
    return place.site, place.box, status.id if isinstance(status, DoorStatus) else status.camera


def target_of(place: Place) -> str:
    """What commands to it name: the gate, or the door."""
    status = place.status
    return status.id if isinstance(status, DoorStatus) else status.name


def name_of(place: Place) -> str:
    """How people call it."""
    status = place.status
    return status.name or status.id if isinstance(status, DoorStatus) else status.name


def shot_html(last: list[Passage], words: Texts) -> str:
    """The newest picture of a gate's lane: plates in it are covered."""
    shown = next((it for it in last if it.picture), None)
    if shown is None:
        return f"<div>{escape(words['no_picture'])}</div>"
    source = f"/api/pictures/{escape(shown.id)}"
    text = escape(words.get(f"kind.{shown.kind}", shown.kind), quote=True)
    return f'<img src="{source}" alt="{text}" data-testid="gate-picture" decoding="async">'


def state_html(place: Place, words: Texts, now_ns: int) -> str:
    """Name, state in words, and how long a door has stood open."""
    status = place.status
    if not isinstance(status, DoorStatus):
        state, tone = words["box.online" if place.online else "box.offline"], "" if place.online else "bad"
        more = ""
    else:
        standing = status.state if place.online else "unknown"
        state, tone = words[f"door.state.{standing}"], "bad" if standing in _BAD else ""
        more = _held(status, words, now_ns) if place.online else ""
    return (
        f'<div class="facts"><span class="name">{escape(name_of(place))}</span>'
        f'<span class="state {tone}" data-testid="place-state">{escape(state)}</span>'
        f'<span class="more">{escape(place.site)} · {escape(place.box)}{more}</span></div>'
    )


def _held(status: DoorStatus, words: Texts, now_ns: int) -> str:
    if not status.opened:
        return ""
    seconds = max(0, now_ns - from_rfc3339(status.opened)) // SECOND_NS
    parts = [words["door.since"].format(seconds=seconds)]
    if status.held_limit_s is not None:
        parts.append(words["door.limit"].format(seconds=round(status.held_limit_s)))
    return f' · <span data-testid="held-timer">{escape(" · ".join(parts))}</span>'


def events_html(last: list[tuple[Passage, datetime]], words: Texts) -> str:
    """The newest events: what, decision or reason, when on the site's clock."""
    if not last:
        return f'<div class="none">{escape(words["gate.last"])}</div>'
    return "".join(
        f'<div class="facts" data-testid="passage"><span class="name {_TONES.get(it.kind, "")}">'
        f"{escape(words.get(f'kind.{it.kind}', it.kind))}</span>"
        f'<time class="state idle" datetime="{to_rfc3339(it.time_ns)}">{moment:%H:%M:%S}</time>'
        f'<span class="more">{escape(_detail(it, words))}</span></div>'
        for it, moment in last
    )


def _detail(passage: Passage, words: Texts) -> str:
    data = passage.data
    parts: list[str] = []
    if "opened" in data:
        parts.append(words["gate.opened" if data["opened"] else "gate.closed"])
    if isinstance(confidence := data.get("confidence"), int | float):
        parts.append(f"{100 * confidence:.0f} %")
    parts += [str(data[name]) for name in ("reason", "entry") if data.get(name)]
    if "crossed" in data:
        parts.append(f"{data['crossed']} / {data.get('granted', 0)}")
    return " · ".join(parts)
