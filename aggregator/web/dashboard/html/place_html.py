"""Gates and doors as HTML. Pure; everything that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from aggregator.domain.read_models import Passage, Place
from aggregator.domain.site_lists.local_dates import shown
from aggregator.services.site_lists.passage_service import EntryReason
from aggregator.web.dashboard.forms.box_text import door_text
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


def state_html(place: Place, site: str, words: Texts, now_ns: int) -> str:
    """Name, state in words, the site's name, and how long a door has stood open."""
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
        f'<span class="more">{escape(site)}{more}</span></div>'
    )


def _held(status: DoorStatus, words: Texts, now_ns: int) -> str:
    if not status.opened:
        return ""
    seconds = max(0, now_ns - from_rfc3339(status.opened)) // SECOND_NS
    parts = [words["door.since"].format(seconds=seconds)]
    if status.held_limit_s is not None:
        parts.append(words["door.limit"].format(seconds=round(status.held_limit_s)))
    return f' · <span data-testid="held-timer">{escape(" · ".join(parts))}</span>'


@dataclass(frozen=True)
class Reasons:
    """List entries behind events.

    Attributes:
        entries: Entry → why, of those that are still there.
        plates: Event → the plate of its entry, where this user has asked for it.
        zone: Of the site.
    """

    entries: Mapping[str, EntryReason]
    plates: Mapping[str, str]
    zone: ZoneInfo


NO_REASONS = Reasons({}, {}, ZoneInfo("UTC"))


def events_html(last: list[tuple[Passage, datetime]], words: Texts, reasons: Reasons = NO_REASONS) -> str:
    """The newest events: what, decision or reason, when on the site's clock."""
    if not last:
        return f'<div class="none">{escape(words["gate.last"])}</div>'
    return "".join(
        f'<div class="facts" data-testid="passage"><span class="name {_TONES.get(it.kind, "")}">'
        f"{escape(words.get(f'kind.{it.kind}', it.kind))}</span>"
        f'<time class="state idle" datetime="{to_rfc3339(it.time_ns)}">{moment:%H:%M:%S}</time>'
        f'<span class="more">{escape(_detail(it, words))}{_reason(it, words, reasons)}</span></div>'
        for it, moment in last
    )


def _detail(passage: Passage, words: Texts) -> str:
    data = passage.data
    parts: list[str] = []
    if "opened" in data:
        parts.append(words["gate.opened" if data["opened"] else "gate.closed"])
    if isinstance(confidence := data.get("confidence"), int | float):
        parts.append(f"{100 * confidence:.0f} %")
    if reason := str(data.get("reason") or ""):
        parts.append(door_text(passage.kind, reason, words))
    if "crossed" in data:
        parts.append(f"{data['crossed']} / {data.get('granted', 0)}")
    return " · ".join(parts)


def _reason(passage: Passage, words: Texts, reasons: Reasons) -> str:
    """Why the gate decided so: whom to ask, since when until when; never an id."""
    name = str(passage.data.get("entry") or "")
    if not name:
        return ""
    entry = reasons.entries.get(name)
    if entry is None:
        return f' · <span data-testid="entry-gone">{escape(words["entry.gone"])}</span>'
    parts = [words[f"standing.{entry.standing}"], words["entry.owner"].format(owner=entry.owner)]
    if entry.reason:
        parts.append(words["entry.reason"].format(reason=entry.reason))
    if entry.from_ns is not None:
        parts.append(words["entry.from"].format(time=shown(entry.from_ns, reasons.zone)))
    if entry.until_ns is not None:
        parts.append(words["entry.until"].format(time=shown(entry.until_ns, reasons.zone, end=True)))
    return f'<br><span data-testid="entry-reason">{escape(" · ".join(parts))}</span> {_plate(passage, words, reasons)}'


def _plate(passage: Passage, words: Texts, reasons: Reasons) -> str:
    plate = reasons.plates.get(passage.id)
    if plate is not None:
        return f'<strong data-testid="entry-plate">{escape(plate)}</strong>'
    label = escape(words["entry.plate"])
    marks = f'data-plate="{escape(passage.id)}" data-testid="show-plate"'
    return f'<button type="button" class="small" {marks}>{label}</button>'
