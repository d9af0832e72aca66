"""Entries of the audit log as sentences with names, site time beside UTC. Pure; everything from outside is escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo

from aggregator.audit.names import AuditNames
from aggregator.domain.audit.audit_anomalies import SHOWN, Anomaly
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.web.dashboard.forms.box_text import box_text, erasure_text
from aggregator.web.dashboard.i18n.texts import Texts
from common.clock import SECOND_NS
from common.errors import ContractError
from protocol.identifiers import from_rfc3339

_HIDDEN = ("event", "command", "hold", "problem", SHOWN)
"""Details that only programs need."""


def time_text(time_ns: int, zone: ZoneInfo) -> str:
    """The site's time with its zone, and UTC beside it where that is another."""
    moment = datetime.fromtimestamp(time_ns // SECOND_NS, UTC)
    local = moment.astimezone(zone)
    text = f"{local:%Y-%m-%d %H:%M:%S %Z}"
    return text if local.utcoffset() == moment.utcoffset() else f"{text} · {moment:%H:%M:%S} UTC"


def sentence(act: AuditEntry, names: AuditNames, words: Texts) -> str:
    """Who did what to what, in words; not escaped."""
    key = f"audit.{act.what}"
    if act.what == "view":
        key = (
            "audit.view.record"
            if act.target == "record"
            else f"audit.view.{'shown' if SHOWN in act.detail else 'opened'}"
        )
    who = words["audit.system"] if act.who == "system" else act.who
    about = target_text(act, names, words)
    if key not in words:
        return words["audit.other"].format(who=who, what=act.what, target=about)
    return words[key].format(who=who, target=about).strip()


def target_text(act: AuditEntry, names: AuditNames, words: Texts) -> str:
    """What an entry is about, by name; an id only where nothing is known of it any more."""
    label = names.labels.get(act.target) or names.labels.get(act.detail.get("event", ""))
    if label is not None:
        place = names.place(label.site, label.place)
        kind = words.get(f"kind.{label.kind}", label.kind) if label.kind else ""
        return words["audit.target.named"].format(kind=kind, place=place) if kind else place
    if "/" in act.target:
        return names.place(act.site, act.target)
    if act.what.startswith("list.") or act.what == "plate.viewed":
        return words["audit.target.entry"] if act.target else words["audit.target.list"]
    if len(act.target) == 36:
        return words["audit.target.erased"].format(id=act.target[-8:])
    if act.what.startswith("case."):
        return act.target or act.case
    return act.target or words.get(f"audit.target.{act.what}", "")


def _told_by_box(act: AuditEntry, name: str, value: str, words: Texts) -> str:
    """What a box said of a hold or an erasure, in the user's language; empty where it is something else."""
    if name == "change":
        return words.get(f"hold.change.{value}", value)
    return erasure_text(value, words) if name == "cause" and act.what == "erased" else ""


def detail_text(act: AuditEntry, words: Texts, zone: ZoneInfo) -> str:
    """Reason, case and what else is recorded; times in the site's zone."""
    parts = [words["audit.case"].format(case=act.case)] if act.case and act.case != act.target else []
    reason = box_text(act.reason, act.detail.get("problem", ""), words)
    parts += [words["audit.reason"].format(reason=reason)] if reason else []
    for name, value in act.detail.items():
        if name not in _HIDDEN:
            shown = _told_by_box(act, name, value, words) or _value_text(name, value, zone)
            parts.append(f"{words.get(f'audit.detail.{name}', name)}: {shown}")
    return " · ".join(parts)


def _value_text(name: str, value: str, zone: ZoneInfo) -> str:
    if name.endswith("_ns") and value.isdecimal():
        return time_text(int(value), zone)
    try:
        return time_text(from_rfc3339(value), zone)
    except ContractError:  # no time
        return value


def row_html(row: tuple[int, AuditEntry], names: AuditNames, words: Texts, *, zone: ZoneInfo, site: str) -> str:
    """An entry's cells.

    Args:
        row: The entry with its number.
        names: Of what it is about.
        words: The user's texts.
        zone: Of the entry's site.
        site: Its name.
    """
    number, act = row
    cells = (
        str(number),
        time_text(act.time_ns, zone),
        sentence(act, names, words),
        site,
        detail_text(act, words, zone),
    )
    return "".join(f"<span>{escape(cell)}</span>" for cell in cells)


def finding_html(finding: Anomaly, words: Texts, zone: ZoneInfo) -> str:
    """A finding in words."""
    text = words.counted(f"sign.{finding.sign}", finding.count, who=finding.who, about=finding.about)
    return f"<b>{escape(text)}</b> <span>{time_text(finding.from_ns, zone)} – {time_text(finding.to_ns, zone)}</span>"
