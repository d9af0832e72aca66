"""Hand-overs of shifts: what is open, signed by the person who leaves and by the one who takes over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from aggregator.domain.accounts.authorization import Areas, Permission, Principal, Scope
from aggregator.domain.alerts.types import Alert
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.quiet.matching import Universe
from aggregator.domain.read_models import AlertQuery, Box, Camera, Place
from aggregator.domain.shift import handover as document
from aggregator.domain.shift.handover import AlertLine, BrokenDevice, Content, Handover, ShiftNote
from aggregator.domain.shift.scopes import (
    ScopeFilter,
    checked_scope,
    covers,
    filter_of,
    places_of,
    scopes_of,
    site_of,
)
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.alerts import AlertReader
from aggregator.domain.store_port.events import FleetReader
from aggregator.domain.store_port.quiet import QuietReader
from aggregator.domain.store_port.shift import HandoverReader, HandoverWriter
from aggregator.services.monitoring.place_directory import names_of
from aggregator.services.shift.handover_quiet import quiet_lines
from common.clock import Clock
from common.errors import Forbidden, HandoverError
from protocol.receipts import DoorStatus

_CAMERA_FAULTS = frozenset({"camera.lost", "camera.covered", "camera.frozen", "camera.moved", "camera.defocused"})
_FAULTS = _CAMERA_FAULTS | {"door.offline", "box.lost"}
"""Kinds of alerts that began when a device failed."""
WORKING = frozenset({"up", "starting"})
"""States of a camera that are no fault."""
_SEE: Permission = "alerts.see"


class Reader(AlertReader, FleetReader, HandoverReader, QuietReader, Protocol):
    """What the service reads."""


@dataclass(frozen=True)
class HandoverService:
    """Makes, signs and lists hand-overs, after a check of permissions.

    Args:
        reader: Of the store.
        queue: Of the store's writer.
        areas: The areas of each place.
        clock: Of signatures.
        new_id: Gives ids.
        universe: What there is at each site.
    """

    reader: Reader
    queue: WriteJobs[HandoverWriter]
    areas: Areas
    clock: Clock
    new_id: Callable[[], str]
    universe: Callable[[], Universe]

    def scopes(self, caller: Principal) -> list[str]:
        """Where the caller may hand over, the widest first."""
        return [it for it in scopes_of(caller, "handover.sign") if covers(caller, _SEE, it)]

    async def current(self, caller: Principal, scope: str) -> Content:
        """What would be handed over now.

        Raises:
            Forbidden: It is not theirs.
            HandoverError: There is no such scope.
        """
        self._need(caller, scope)
        return await asyncio.to_thread(self._content, scope)

    async def make(self, caller: Principal, scope: str) -> Handover:
        """Freeze what is there now, signed by the caller, who leaves.

        Raises:
            Forbidden: It is not theirs.
            HandoverError: There is no such scope.
        """
        content = await self.current(caller, scope)
        made = document.freeze(content, self.new_id(), caller.name)
        entry = self._entry(caller, "handover.made", made)
        await self.queue.write(lambda store: store.put_handover(made, entry))
        return made

    async def take(self, caller: Principal, handover_id: str, digest: str) -> Handover | None:
        """Sign a document as the one who takes over; None: no such document.

        Raises:
            HandoverError: It cannot be signed by the caller, or not any more.
        """
        found = await self.one(caller, handover_id)
        if found is None:
            return None
        taken = document.take(found, caller.name, digest, self.clock.wall_ns())
        entry = self._entry(caller, "handover.taken", taken)
        if not await self.queue.write(lambda store: store.take_handover(taken, entry)):
            raise HandoverError("it was signed or replaced in the meantime; load it again")
        return taken

    async def one(self, caller: Principal, handover_id: str) -> Handover | None:
        """A document; None: there is none within the caller's scope."""
        found = await asyncio.to_thread(self.reader.handover, handover_id)
        if found is None or not self._may(caller, found.scope):
            return None
        return found

    async def newest(self, caller: Principal, limit: int, before: tuple[int, str] | None = None) -> list[Handover]:
        """Documents within the caller's scope, newest first."""
        return await asyncio.to_thread(self.reader.handovers, self._filter(caller), limit, before)

    async def note(self, caller: Principal, scope: str, text: str) -> ShiftNote:
        """Write a note that the next hand-over of the scope holds.

        Raises:
            Forbidden: It is not theirs.
            HandoverError: The note or the scope cannot be.
        """
        self._need(caller, scope)
        now_ns = self.clock.wall_ns()
        made = ShiftNote(
            id=self.new_id(), scope=scope, by=caller.name, time_ns=now_ns, text=document.checked_note(text)
        )
        entry = AuditEntry(
            time_ns=now_ns, who=caller.name, what="shift.noted", site=_site(scope), target=made.id,
            detail={"scope": scope},
        )  # fmt: skip
        await self.queue.write(lambda store: store.add_shift_note(made, entry))
        return made

    def _may(self, caller: Principal, scope: str) -> bool:
        return covers(caller, "handover.sign", scope) and covers(caller, _SEE, scope)

    def _need(self, caller: Principal, scope: str) -> None:
        if not self._may(caller, checked_scope(scope)):
            raise Forbidden(f"handover.sign at {scope} is not among your roles")

    def _filter(self, caller: Principal) -> ScopeFilter:
        return filter_of(caller, "handover.sign") if self.scopes(caller) else ScopeFilter()

    def _entry(self, caller: Principal, what: Action, made: Handover) -> AuditEntry:
        return AuditEntry(
            time_ns=self.clock.wall_ns(), who=caller.name, what=what, site=_site(made.scope), target=made.id,
            detail={"scope": made.scope, "digest": made.digest},
        )  # fmt: skip

    def _content(self, scope: str) -> Content:
        reader, within, now_ns = self.reader, places_of(scope, self.areas), self.clock.wall_ns()
        last = reader.last_taken(scope)
        since_ns = last.left_ns if last else None
        shown = AlertQuery(
            order="urgency", status="open", suppressed="exclude", limit=document.MOST_ALERTS, within=within
        )
        hidden = AlertQuery(
            order="urgency", status="open", suppressed="only", limit=document.MOST_ALERTS, within=within
        )
        names = names_of(reader)
        return Content(
            scope=scope,
            since_ns=since_ns,
            at_ns=now_ns,
            counts={str(it): count for it, count in reader.alert_counts(shown).items()},
            alerts=document.cut([_line(it, names) for it in reader.alerts(shown)]),
            hidden_count=reader.alert_count(hidden),
            hidden=document.cut([_line(it, names) for it in reader.alerts(hidden)]),
            devices=tuple(self._broken(within))[: document.MOST_DEVICES],
            quiet=quiet_lines(reader, self.universe(), within, names, now_ns),
            notes=tuple(reader.shift_notes(_notes_of(scope), since_ns or 0, document.MOST_NOTES)),
        )

    def _broken(self, within: Scope) -> list[BrokenDevice]:
        faults = AlertQuery(status="open", kinds=frozenset(_FAULTS), limit=document.MOST_DEVICES, within=within)
        since: dict[tuple[str, str, str], int] = {}
        for alert in self.reader.alerts(faults):
            key = (alert.site, alert.box, alert.place)
            since[key] = min(since.get(key, alert.first_ns), alert.first_ns)
        boxes = [it for it in self.reader.boxes() if within.touches(it.site)]
        away = {(it.site, it.box) for it in boxes if not it.online}
        return [
            *_boxes(boxes, within, since),
            *_cameras(self.reader.cameras(), within, away, since),
            *_doors(self.reader.places(), within, away, since),
        ]


Since = dict[tuple[str, str, str], int]
Names = dict[tuple[str, str, str], str]


def _boxes(boxes: Iterable[Box], within: Scope, since: Since) -> list[BrokenDevice]:
    return [
        BrokenDevice(
            device="box", site=it.site, box=it.box, place="", name=it.box, state="offline",
            since_ns=since.get((it.site, it.box, it.box), it.status_ns or None),
        )
        for it in boxes
        if not it.online and within.holds(it.site)
    ]  # fmt: skip


def _cameras(cameras: Iterable[Camera], within: Scope, away: set[tuple[str, str]], since: Since) -> list[BrokenDevice]:
    """Those of a box that is away are not named: the box is."""
    return [
        BrokenDevice(
            device="camera", site=it.site, box=it.box, place=it.id, name=it.name or it.id, state=it.state,
            since_ns=since.get((it.site, it.box, it.id)),
        )
        for it in cameras
        if it.state not in WORKING and within.holds(it.site, it.id) and (it.site, it.box) not in away
    ]  # fmt: skip


def _doors(places: Iterable[Place], within: Scope, away: set[tuple[str, str]], since: Since) -> list[BrokenDevice]:
    found = []
    for it in places:
        door = it.status
        if not isinstance(door, DoorStatus) or door.state != "offline" or (it.site, it.box) in away:
            continue
        if within.holds(it.site, door.id):
            found.append(
                BrokenDevice(
                    device="door", site=it.site, box=it.box, place=door.id, name=door.name or door.id,
                    state=door.state, since_ns=since.get((it.site, it.box, door.id)),
                )
            )  # fmt: skip
    return found


def _line(alert: Alert, names: Names) -> AlertLine:
    return AlertLine(
        name=names.get((alert.site, alert.box, alert.place), ""),
        id=alert.id, site=alert.site, box=alert.box, place=alert.place, kind=alert.kind, subject=alert.subject,
        object=alert.object, severity=alert.severity, acknowledgement=alert.acknowledgement, assignee=alert.assignee,
        count=alert.count, first_ns=alert.first_ns, last_ns=alert.last_ns, note=alert.note,
        acknowledged_by=alert.acknowledged_by, suppression=alert.suppression,
        by=alert.suppressed_by, until_ns=alert.suppressed_until_ns,
    )  # fmt: skip


def _notes_of(scope: str) -> ScopeFilter:
    if scope == "*":
        return ScopeFilter(everywhere=True)
    return ScopeFilter(scopes=frozenset({scope})) if "/" in scope else ScopeFilter(sites=frozenset({scope}))


def _site(scope: str) -> str:
    site = site_of(scope)
    return "" if site == "*" else site
