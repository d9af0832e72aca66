"""What investigators do: cases, and questions under them. Everything is in the audit log before it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aggregator.domain.accounts.authorization import Areas, Principal, places_in
from aggregator.domain.audit.audit_anomalies import SHOWN
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.clip import Clip, request_for_event
from aggregator.domain.investigation import case as cases
from aggregator.domain.investigation.case import Case
from aggregator.domain.investigation.search_query import Key, ResultPage, SearchQuery, decode_cursor
from aggregator.domain.investigation.visit_grouping import VisitGrouper
from aggregator.domain.read_models import Origin
from aggregator.domain.store_port.cases import CaseReader, CaseWriter, SearchReader
from aggregator.domain.store_port.clips import ClipReader, ClipWriter
from aggregator.domain.store_port.events import EventReader, FleetReader
from aggregator.services.footage.clip_progress import clip_progress
from common.clock import Clock
from common.errors import CaseError

MOST_VISITS, MOST_PAGES = 24, 20
"""Visits that a page of them ends after, and further pages of hits that are read for it."""


class SearchSources(CaseReader, ClipReader, EventReader, FleetReader, SearchReader, Protocol):
    """Reads cases, and what is searched under them."""


class CaseFileWriter(CaseWriter, ClipWriter, Protocol):
    """Writes cases, and requests clips under them."""


@dataclass(frozen=True)
class SearchService:
    """Cases and searches, after a check of permissions.

    Args:
        reader: Cases and events.
        write: Runs a job on the writer's thread.
        record: Writes an entry to the audit log.
        areas: The areas of each place.
        clock: The present time.
        keep_days: Days that a requested clip is kept.
    """

    reader: SearchSources
    write: Callable[[Callable[[CaseFileWriter], Any]], Awaitable[Any]]
    record: Callable[[AuditEntry], Awaitable[None]]
    areas: Areas
    clock: Clock
    keep_days: int

    async def open_case(self, caller: Principal, fields: dict[str, object]) -> Case:
        """Open a case.

        Raises:
            Forbidden: Not at that site.
            ContractError: A field is missing or wrong.
            CaseError: There is one of that reference.
            StoreError: It could not be written.
        """
        case, act = cases.new(fields, caller.name, self.clock.wall_ns())
        caller.need("case.work", case.site)
        await self.write(lambda store: store.open_case(case, act))
        return case

    async def close_case(self, caller: Principal, case_id: str) -> None:
        """Close a case.

        Raises:
            Forbidden: Not at its site.
            CaseError: There is no such case, or it is closed.
            StoreError: It could not be written.
        """
        case = await self.case(caller, case_id)
        act = cases.closing(case, caller.name, self.clock.wall_ns())
        if not await self.write(lambda store: store.close_case(act)):
            raise CaseError(f"case {case.id} is closed already", sentence="error.case.closed", case=case.id)

    async def case(self, caller: Principal, case_id: str) -> Case:
        """A case that the caller may work on.

        Raises:
            CaseError: There is none of that reference at their sites.
        """
        case = await asyncio.to_thread(self.reader.case, case_id[:64])
        if case is None or not caller.may("case.work", case.site):
            text = f"there is no case '{case_id[:64]}' at your sites; open one first"
            raise CaseError(text, sentence="error.case.none", case=case_id[:64])
        return case

    async def open_case_of(self, caller: Principal, case_id: str) -> Case:
        """As `case`, and it has not ended.

        Raises:
            CaseError: There is none of that reference at their sites, or it has ended.
        """
        case = await self.case(caller, case_id)
        if not case.open_at(self.clock.wall_ns()):
            raise CaseError(f"case {case.id} has ended; open a new one", sentence="error.case.closed", case=case.id)
        return case

    async def cases(
        self, caller: Principal, limit: int, before: tuple[int, str] | None = None, *, only_open: bool = False
    ) -> list[Case]:
        """Cases of the caller's sites, newest first.

        Args:
            caller: Who asks.
            limit: So many at most.
            before: When the last one of the page before was opened, and its id.
            only_open: Without those that were closed or have expired.
        """
        within, now_ns = caller.within("case.work"), self.clock.wall_ns() if only_open else None
        return await asyncio.to_thread(self.reader.cases, within, limit, before, open_at_ns=now_ns)

    async def search(
        self, caller: Principal, case_id: str, question: SearchQuery, cursor: str | None = None
    ) -> ResultPage:
        """One page of an answer, after the question is in the audit log.

        Raises:
            Forbidden: Nothing of it lies within their roles.
            CaseError: It goes beyond the case.
            ContractError: The cursor is another question's.
            StoreError: It could not be recorded or read: nothing is shown.
        """
        after = decode_cursor(question, cursor) if cursor else None
        return await self.search_from(caller, case_id, question, after)

    async def search_from(
        self, caller: Principal, case_id: str, question: SearchQuery, after: Key | None
    ) -> ResultPage:
        """As `search`, where the page before has ended."""
        case = await self.case(caller, case_id)
        act = cases.permit(case, question, caller.name, self.clock.wall_ns())
        for site in question.sites:
            caller.need("search", site)
        for spot in question.places:
            caller.need("search", *spot.split("/", 1))
        await self.record(act)
        return await asyncio.to_thread(self.reader.search, question, after)

    async def visits_from(
        self, caller: Principal, case_id: str, question: SearchQuery, after: Key | None, grouper: VisitGrouper
    ) -> ResultPage:
        """Add hits to `grouper` until there are `MOST_VISITS` more visits, the answer ends, or enough was read.

        Returns:
            The last page that was read: how far it has searched, and where the next one begins.

        Raises:
            As `search`.
        """
        before = len(grouper.visits)
        page = await self.search_from(caller, case_id, question, after)
        grouper.add(page.hits)
        for _ in range(MOST_PAGES):
            if page.after is None or len(grouper.visits) >= before + MOST_VISITS:
                break
            page = await asyncio.to_thread(self.reader.search, question, page.after)
            grouper.add(page.hits)
        return page

    async def picture(self, caller: Principal, case_id: str, event_id: str, *, by_page: bool = False) -> bytes | None:
        """The redacted picture of a result, after the access is logged; None where the case does not cover it.

        Args:
            caller: Who sees it.
            case_id: Under which case.
            event_id: The hit.
            by_page: A page shows it by itself, as a preview.

        Raises:
            CaseError: There is no such case, or it has ended.
            StoreError: It could not be recorded: nothing is shown.
        """
        case, where = await self._hit(caller, case_id, event_id)
        jpeg = await asyncio.to_thread(self.reader.picture, event_id) if where is not None else None
        if jpeg is not None:
            await self.record(self._act(caller, case, "view", event_id, {SHOWN: "page"} if by_page else None))
        return jpeg

    async def ask_clip(self, caller: Principal, case_id: str, event_id: str) -> Clip | None:
        """Have the clip of a hit made by its box; None where the case does not cover it.

        Raises:
            CaseError: There is no such case, or it has ended.
            StoreError: It could not be written.
        """
        case, where = await self._hit(caller, case_id, event_id)
        if where is None:
            return None
        clip = request_for_event(
            event_id, where.site, where.box, where.place,
            time_ns=where.time_ns, now_ns=self.clock.wall_ns(), keep_days=self.keep_days,
        )  # fmt: skip
        act = self._act(caller, case, "clip", event_id, {"asked": "yes"})
        await self.write(lambda store: store.request_clip(clip, act))
        return await asyncio.to_thread(self.reader.clip, event_id)

    async def clip(self, caller: Principal, case_id: str, event_id: str, *, show: bool) -> Clip | None:
        """The clip of a result, after the access is in the audit log; None where there is none within the case.

        Args:
            caller: Who asks.
            case_id: Under which case.
            event_id: The hit.
            show: It will be shown if it is stored; otherwise only its state is returned.

        Raises:
            CaseError: There is no such case, or it has ended.
            StoreError: It could not be recorded: nothing is shown.
        """
        case, where = await self._hit(caller, case_id, event_id)
        clip = await asyncio.to_thread(self.reader.clip, event_id) if where is not None else None
        if show and clip is not None and clip.state == "stored":
            await self.record(self._act(caller, case, "clip", event_id))
        return clip

    async def progress(self, clip: Clip) -> int | None:
        """How much of a clip its box has done, per cent; None where that is not known."""
        return await clip_progress(self.reader, clip)

    async def _hit(self, caller: Principal, case_id: str, event_id: str) -> tuple[Case, Origin | None]:
        """The case, and where the event was seen if the case covers that."""
        case = await self.open_case_of(caller, case_id)
        where = await asyncio.to_thread(self.reader.event_origin, event_id)
        if where is None or not covers(case, where.site, where.place, where.time_ns):
            return case, None
        return case, where if caller.may("search", where.site, where.place) else None

    def _act(
        self, caller: Principal, case: Case, what: Action, event_id: str, detail: dict[str, str] | None = None
    ) -> AuditEntry:
        return AuditEntry(
            time_ns=self.clock.wall_ns(), who=caller.name, what=what, site=case.site, case=case.id, target=event_id,
            detail=detail or {},
        )  # fmt: skip

    def spots_of(self, site: str, area: str) -> tuple[str, ...]:
        """The places of an area, as `site/place`.

        Raises:
            CaseError: The site has no such area.
        """
        found = tuple(f"{site}/{place}" for _, place in sorted(places_in(self.areas, {(site, area)})))
        if not found:
            raise CaseError(f"'{site[:64]}' has no area '{area[:64]}'; areas are named in the settings")
        return found


def covers(case: Case, site: str, place: str, time_ns: int) -> bool:
    """Whether something at a place and time lies within a case."""
    return (
        site == case.site
        and (not case.places or f"{site}/{place}" in case.places)
        and (case.from_ns is None or time_ns >= case.from_ns)
        and (case.until_ns is None or time_ns < case.until_ns)
    )
