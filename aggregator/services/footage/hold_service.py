"""Legal holds: placed and ended at boxes, under a case, by who may hold footage there.

Each request is in the audit log and among the holds before its box is asked. Ending one takes no second person, because
placing takes none: the footage is then kept as long as any other. The hold stays in the list, with who ended it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.investigation import hold as moves
from aggregator.domain.investigation.hold import Change, Hold
from aggregator.domain.store_port.holds import HoldReader, HoldWriter
from aggregator.messaging.command_client import CommandClient, refused
from aggregator.services.footage.case_footage_service import CaseFootageService, Marked
from common.clock import DAY_NS
from common.errors import CaseError, CommandError, ContractError
from protocol.commands import Command, Reply
from protocol.identifiers import is_uuid7
from protocol.topics import BoxTopics

LONGEST_HELD_NS, LONGEST_HOLD_NS = 31 * DAY_NS, 366 * DAY_NS
"""Of the range that is held, and of the time until a hold ends; boxes refuse more."""
UNKNOWN = "hold.unknown"
"""The box has no such hold."""


@dataclass(frozen=True)
class HoldService:
    """Holds, after a check of permissions.

    Args:
        reader: Holds.
        write: Runs a job on the writer's thread.
        footage: Cases and what they cover.
        client: Asks boxes.
    """

    reader: HoldReader
    write: Callable[[Callable[[HoldWriter], Any]], Awaitable[Any]]
    footage: CaseFootageService
    client: CommandClient

    async def place(self, caller: Principal, marked: Marked, until_ns: int, reason: str) -> Hold:
        """Place a legal hold on a range.

        Raises:
            CaseError: There is no such case, it has ended, or does not cover the range.
            CommandError: The reason is missing, the box does not answer, or it refuses.
            ContractError: The range or the end is wrong; names the field.
            ReleaseError: There is no such camera.
            Forbidden: The caller may not.
            StoreError: It could not be written; then nothing was sent.
        """
        case, box = await self.footage.covered(caller, marked, "footage.hold")
        if marked.span[1] - marked.span[0] > LONGEST_HELD_NS:
            raise ContractError("to: hold 31 days at most at once", sentence="error.hold.long", field="to")
        if not 0 < until_ns - self.now_ns <= LONGEST_HOLD_NS:
            text = "until: must be later than now, by a year at most"
            raise ContractError(text, sentence="error.hold.until", field="until")
        command = self.client.new(
            "hold", marked.camera, caller.name, reason,
            from_ns=marked.span[0], to_ns=marked.span[1], until_ns=until_ns, case=case.id,
        )  # fmt: skip
        hold = Hold(
            id=command.id, case_id=case.id, site=case.site, box=box, camera=marked.camera, from_ns=marked.span[0],
            to_ns=marked.span[1], until_ns=until_ns, reason=command.reason, placed_by=caller.name,
            placed_ns=command.time_ns,
        )  # fmt: skip
        entry = moves.placing(hold)
        await self.write(lambda store: store.add_hold(hold, entry))
        return await self._ask(hold, command)

    async def end(self, caller: Principal, hold_id: str, reason: str) -> Hold:
        """End a hold before its time; also of a case that has ended, and one that another person placed.

        Raises:
            CaseError: There is no such hold in the cases of the caller's sites, or it has ended.
            CommandError: The reason is missing, the box does not answer, or it refuses.
            Forbidden: The caller may not.
            StoreError: It could not be written; then nothing was sent.
        """
        before = await asyncio.to_thread(self.reader.hold, hold_id) if is_uuid7(hold_id) else None
        if before is None or not caller.may("case.work", before.site):
            raise CaseError("there is no such hold at your sites", sentence="error.hold.none")
        caller.need("footage.hold", before.site, before.camera)
        command = self.client.new(
            "end-hold", before.camera, caller.name, reason, case=before.case_id, hold=before.id
        )  # fmt: skip
        change = moves.end(before, caller.name, command.reason, self.now_ns, command.id)
        await self._write(change)
        return await self._ask(change.after, command, unconfirmed=before.state != "placed")

    async def of_case(self, caller: Principal, case_id: str, limit: int, before: str | None = None) -> list[Hold]:
        """The holds of a case within the caller's permissions, newest first, ended ones too.

        Raises:
            CaseError: There is no such case at their sites.
        """
        case = await self.footage.searches.case(caller, case_id)
        caller.need("footage.hold", case.site)
        return await asyncio.to_thread(self.reader.holds, case.id, limit, before)

    async def _ask(self, hold: Hold, command: Command, *, unconfirmed: bool = False) -> Hold:
        """Ask the box. Where it does not answer, the hold says so, and the box may have done it nevertheless."""
        reply = await self._answer(hold, command)
        if reply.done or (unconfirmed and reply.code == UNKNOWN):
            return await self._write(moves.confirm(hold))
        error = refused(reply)
        await self._write(moves.refuse(hold, command.by, reply.problem, self.now_ns, reply.code))
        raise error

    async def _answer(self, hold: Hold, command: Command) -> Reply:
        try:
            return await self.client.ask(BoxTopics(hold.site, hold.box), command)
        except CommandError as error:
            if command.name == "end-hold":
                text = f"{error}, or of a version that cannot end holds"
                seconds = error.values.get("seconds", "")
                raise CommandError(text, sentence="error.hold.silent", seconds=seconds) from error
            raise

    async def _write(self, change: Change) -> Hold:
        if not await self.write(lambda store: store.change_hold(change)):
            raise CaseError("it was changed by another user meanwhile; reload it", sentence="error.release.changed")
        return change.after

    @property
    def now_ns(self) -> int:
        """The present, UTC nanoseconds."""
        return self.client.clock.wall_ns()
