"""Commands to boxes, after a check of permissions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aggregator.domain.accounts.authorization import Permission, Principal
from aggregator.domain.store_port.cases import CaseReader
from aggregator.messaging.command_client import CommandClient
from common.clock import Clock
from protocol.commands import CommandName, Reply
from protocol.topics import BoxTopics

COMMAND_PERMISSIONS: dict[CommandName, Permission] = {
    "open-gate": "gate.open",
    "unlock-door": "gate.open",
    "footage-spans": "footage.look",
    "footage-still": "footage.look",
}
"""The permission that each command needs."""


@dataclass(frozen=True)
class BoxCommandService:
    """Gives commands.

    Args:
        client: Sends them.
        reader: Cases.
        clock: The present.
    """

    client: CommandClient
    reader: CaseReader
    clock: Clock

    async def send(
        self, caller: Principal, topics: BoxTopics, name: CommandName, target: str, *, reason: str,
        span: tuple[int, int] = (0, 0),
    ) -> Reply:  # fmt: skip
        """As `CommandClient.command`, after a check of permissions.

        Raises:
            Forbidden: The caller may not.
            CommandError: The reason is missing, the box does not answer, or it refuses.
            StoreError: It could not be logged; then nothing was sent.
        """
        caller.need(COMMAND_PERMISSIONS[name], topics.site, target)
        case = await self.case_of(topics.site, target, reason) if COMMAND_PERMISSIONS[name] == "footage.look" else ""
        return await self.client.command(topics, name, target, caller.name, reason=reason, span=span, case=case)

    async def case_of(self, site: str, place: str, reason: str) -> str:
        """The open case that a reason names, for the audit entry's own field; empty where it names none."""
        case = await asyncio.to_thread(self.reader.case, reason.strip()[:64])
        if case is None or case.site != site or not case.open_at(self.clock.wall_ns()):
            return ""
        return case.id if not case.places or f"{site}/{place}" in case.places else ""
