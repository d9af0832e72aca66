"""Live views and playback, after a check of permissions; each is in the audit log before its first picture."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port.events import FleetReader
from aggregator.services.stream_relay import StreamKey, StreamRelay, Subscriber
from common.clock import Clock
from common.errors import CommandError
from protocol.identifiers import to_rfc3339


@dataclass(frozen=True)
class LiveViewService:
    """Starts live views and playback.

    Args:
        relay: Relays streams.
        reader: Which cameras there are.
        record: Writes an entry to the audit log.
        who: Who a session belongs to, as of now.
        case: The open case of (site, camera) that a reason names, or nothing.
        clock: The present time.
    """

    relay: StreamRelay
    reader: FleetReader
    record: Callable[[AuditEntry], Awaitable[None]]
    who: Callable[[str | None], Principal | None]
    case: Callable[[str, str, str], Awaitable[str]]
    clock: Clock

    async def begin(self, caller: Principal, key: StreamKey) -> Subscriber:
        """Start a view of a camera.

        Raises:
            Forbidden: They may not.
            CommandError: There is no such camera.
            StoreError: It could not be recorded: nothing may be shown.
        """
        caller.need(key.permission, key.site, key.camera)
        known = await asyncio.to_thread(self.reader.cameras)
        if key[:3] not in {(it.site, it.box, it.id) for it in known}:
            raise CommandError("there is no such camera")
        entry = AuditEntry(
            time_ns=self.clock.wall_ns(), who=caller.name, what="view", site=key.site,
            target=f"{key.box}/{key.camera}", detail={"live": "begins"},
        )  # fmt: skip
        if key.to_ns:
            about = {"from": to_rfc3339(key.from_ns), "to": to_rfc3339(key.to_ns)}
            case = await self.case(key.site, key.camera, key.reason)
            entry = msgspec.structs.replace(entry, detail=about, reason=key.reason, case=case)
        await self.record(entry)
        return self.relay.join(key, caller.name)

    async def still(self, token: str | None, key: StreamKey) -> bool:
        """Whether the session lives and its user still may."""
        caller = await asyncio.to_thread(self.who, token)
        return caller is not None and caller.may(key.permission, key.site, key.camera)
