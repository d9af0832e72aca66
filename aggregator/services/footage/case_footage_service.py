"""What a case does with a marked range of footage: redacted clips. Holds are in `hold_service.py`.

Each act is in the audit log, with its case, before it is carried out or shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aggregator.domain.accounts.authorization import Permission, Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.clip import MOST_OF_A_CASE, CaseClip, Clip, check_range, request_for_range
from aggregator.domain.investigation.case import Case
from aggregator.domain.store_port.clips import ClipReader, ClipWriter
from aggregator.domain.store_port.events import FleetReader
from aggregator.services.footage.box_of_camera import box_of_camera
from aggregator.services.footage.clip_progress import clip_progress
from aggregator.services.search_service import SearchService, covers
from common.clock import Clock
from common.errors import CaseError
from protocol.identifiers import is_uuid7, to_rfc3339


class ClipSources(ClipReader, FleetReader, Protocol):
    """Reads clips, and how far boxes are with them."""


@dataclass(frozen=True)
class Marked:
    """A marked range.

    Attributes:
        case: The case's id.
        camera: The camera's id.
        box: Of the camera; empty where only one box has a camera of that name.
        span: Begin and end, UTC nanoseconds.
    """

    case: str
    camera: str
    box: str
    span: tuple[int, int]


@dataclass(frozen=True)
class FootageStore:
    """Where clips and the audit log are kept.

    Attributes:
        reader: Clips.
        write: Runs a job on the writer's thread.
        record: Writes an entry to the audit log.
    """

    reader: ClipSources
    write: Callable[[Callable[[ClipWriter], Any]], Awaitable[Any]]
    record: Callable[[AuditEntry], Awaitable[None]]


@dataclass(frozen=True)
class CaseFootageService:
    """Clips of marked ranges, after a check of permissions.

    Args:
        store: Where clips are kept.
        searches: Cases.
        clock: The present time.
        new_id: Makes a UUIDv7.
        keep_days: Days that a clip is kept.
    """

    store: FootageStore
    searches: SearchService
    clock: Clock
    new_id: Callable[[], str]
    keep_days: int

    async def ask_clip(self, caller: Principal, marked: Marked) -> CaseClip:
        """Have the redacted clip of a range made.

        Raises:
            CaseError: There is no such case, it has ended, does not cover the range, or has too many clips.
            ContractError: The range is wrong; names the field.
            ReleaseError: There is no such camera.
            Forbidden: The caller may not search there.
            StoreError: It could not be written.
        """
        case, box = await self.covered(caller, marked, "search")
        now_ns, where = self.clock.wall_ns(), (case.site, box, marked.camera)
        clip = request_for_range(self.new_id(), where, marked.span, now_ns=now_ns, keep_days=self.keep_days)
        if len(await asyncio.to_thread(self.store.reader.case_clips, case.id, MOST_OF_A_CASE)) >= MOST_OF_A_CASE:
            text = f"case {case.id} has {MOST_OF_A_CASE} clips already; wait until some are erased"
            raise CaseError(text, sentence="error.case.clips", case=case.id, count=MOST_OF_A_CASE)
        wanted = CaseClip(clip=clip, case_id=case.id, asked_by=caller.name)
        entry = self._entry(caller, wanted, {"asked": "yes"})
        await self.store.write(lambda store: store.request_case_clip(wanted, entry))
        return wanted

    async def clips(self, caller: Principal, case_id: str) -> list[CaseClip]:
        """The clips of a case within the caller's permissions, newest first; no clip is shown by that.

        Raises:
            CaseError: There is no such case at their sites.
        """
        case = await self.searches.case(caller, case_id)
        found = await asyncio.to_thread(self.store.reader.case_clips, case.id, MOST_OF_A_CASE)
        within = caller.within("search")
        return [it for it in found if within.holds(it.clip.site, it.clip.camera)]

    async def show(self, caller: Principal, case_id: str, clip_id: str) -> CaseClip | None:
        """A clip of a case, after the access is in the audit log if it is there; None where there is none.

        Raises:
            CaseError: There is no such case, or it has ended.
            StoreError: It could not be recorded: nothing is shown.
        """
        case = await self.searches.open_case_of(caller, case_id)
        found = await asyncio.to_thread(self.store.reader.case_clip, clip_id) if is_uuid7(clip_id) else None
        if found is None or found.case_id != case.id:
            return None
        if not caller.may("search", found.clip.site, found.clip.camera):
            return None
        if found.clip.state == "stored":
            await self.store.record(self._entry(caller, found, {}))
        return found

    async def progress(self, clip: Clip) -> int | None:
        """How much of a clip its box has done, per cent; None where that is not known."""
        return await clip_progress(self.store.reader, clip)

    async def covered(self, caller: Principal, marked: Marked, permission: Permission) -> tuple[Case, str]:
        """The case, if it is open and covers the whole range, and the camera's box.

        Raises:
            CaseError: There is no such case, it has ended, or does not cover the range.
            ContractError: The range is wrong; names the field.
            ReleaseError: There is no such camera.
            Forbidden: The caller does not have the permission there.
        """
        case = await self.searches.open_case_of(caller, marked.case)
        check_range(marked.span, self.clock.wall_ns())
        cameras = await asyncio.to_thread(self.store.reader.cameras)
        box = box_of_camera(cameras, case.site, marked.camera, marked.box)
        if not all(covers(case, case.site, marked.camera, it) for it in (marked.span[0], marked.span[1] - 1)):
            text = f"case {case.id} does not cover this camera at this time"
            raise CaseError(text, sentence="error.case.covers", case=case.id)
        caller.need(permission, case.site, marked.camera)
        return case, box

    def _entry(self, caller: Principal, it: CaseClip, detail: dict[str, str]) -> AuditEntry:
        clip = it.clip
        return AuditEntry(
            time_ns=self.clock.wall_ns(), who=caller.name, what="clip", site=clip.site, case=it.case_id,
            target=f"{clip.box}/{clip.camera}",
            detail=detail | {"clip": clip.id, "from": to_rfc3339(clip.from_ns), "to": to_rfc3339(clip.to_ns)},
        )  # fmt: skip
