"""The newest redacted still of a camera, for tiles that nobody watches. Belongs to the event loop.

A box is asked only when somebody with the right to live views has the page open, and for one still of a camera at a
time. All who see the camera share it for `KEEP_S`. Stills are kept in memory only, a bounded number of them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from aggregator.audit.view_deduplicator import ViewDeduplicator
from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_anomalies import SHOWN
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port.events import FleetReader
from aggregator.messaging.command_client import CommandClient
from common.clock import HOUR_NS, SECOND_NS, Clock
from common.errors import CommandError, ContractError
from protocol.commands import Command
from protocol.envelope import MAX_PICTURE_BYTES
from protocol.topics import BoxTopics

KEEP_S = 30.0
"""For so long a still is shown again, and a box that gave none is not asked again."""
MOST = 400
"""Cameras whose still is kept: some 20 MB."""
_JPEG = b"\xff\xd8\xff"
CameraKey = tuple[str, str, str]
"""Site, box, camera."""


class Still(NamedTuple):
    """A redacted picture.

    Attributes:
        jpeg: Empty where the box gave none.
        time_ns: When it was taken, UTC nanoseconds of the box.
        asked_ns: When the box had answered, monotonic.
        problem: Why there is none.
    """

    jpeg: bytes
    time_ns: int
    asked_ns: int
    problem: str = ""


@dataclass(frozen=True)
class StillService:
    """Shows stills, after a check of permissions.

    Args:
        remote: Sends commands to boxes.
        reader: Which cameras there are.
        record: Writes an entry to the audit log.
        views: Accesses that are in it already: one entry for a user, a camera and an hour.
        clock: Wall and monotonic.
        new_id: Makes a UUIDv7.
    """

    remote: CommandClient
    reader: FleetReader
    record: Callable[[AuditEntry], Awaitable[None]]
    views: ViewDeduplicator
    clock: Clock
    new_id: Callable[[], str]
    _kept: OrderedDict[CameraKey, Still] = field(default_factory=OrderedDict)
    _asking: dict[CameraKey, asyncio.Task[Still]] = field(default_factory=dict)

    async def newest(self, caller: Principal, camera: CameraKey, *, by_page: bool) -> Still:
        """The newest still, after the access is in the audit log.

        Args:
            caller: Who sees it.
            camera: Of which camera.
            by_page: A page shows it by itself, as a preview.

        Raises:
            Forbidden: They may not.
            CommandError: There is no such camera, or its box gives no still.
            StoreError: The access could not be logged, so nothing may be shown.
        """
        caller.need("live.see", camera[0], camera[2])
        still = self._fresh(camera)
        if still is None:
            known = await asyncio.to_thread(self.reader.cameras)
            if camera not in {(it.site, it.box, it.id) for it in known}:
                raise CommandError("there is no such camera")
            # somebody else's request may have been answered while the cameras were read
            still = self._fresh(camera)
        if still is None:
            still = await asyncio.shield(self._ask_once(camera, caller.name))
        if not still.jpeg:
            raise CommandError(still.problem)
        await self._log(caller, camera, by_page=by_page)
        return still

    async def _log(self, caller: Principal, camera: CameraKey, *, by_page: bool) -> None:
        site, box, name = camera
        now_ns = self.clock.wall_ns()
        seen = f"{site}/{box}/{name} {'shown' if by_page else 'opened'} {now_ns // HOUR_NS}"
        if self.views.known(caller.name, seen):
            return
        detail = {"live": "still"} | ({SHOWN: "page"} if by_page else {})
        await self.record(
            AuditEntry(
                time_ns=now_ns, who=caller.name, what="view", site=site, target=f"{box}/{name}", detail=detail
            )
        )  # fmt: skip
        self.views.add(caller.name, seen)

    def _fresh(self, camera: CameraKey) -> Still | None:
        kept = self._kept.get(camera)
        fresh = kept is not None and self.clock.monotonic_ns() - kept.asked_ns < KEEP_S * SECOND_NS
        return kept if fresh else None

    def _ask_once(self, camera: CameraKey, by: str) -> asyncio.Task[Still]:
        """The request that is on its way, or a new one."""
        task = self._asking.get(camera)
        if task is None:
            task = self._asking[camera] = asyncio.create_task(self._ask(camera, by))
            task.add_done_callback(lambda _: self._asking.pop(camera, None))
        return task

    async def _ask(self, camera: CameraKey, by: str) -> Still:
        site, box, name = camera
        command = Command(
            id=self.new_id(), name="still", target=name, by=by, reason="wall of cameras", time_ns=self.clock.wall_ns()
        )
        jpeg, time_ns, problem = b"", 0, ""
        try:
            reply = await self.remote.ask(BoxTopics(site, box), command)
        except (CommandError, ContractError) as error:
            problem = str(error)
        else:
            if reply.done and _is_picture(reply.picture):
                jpeg, time_ns = reply.picture or b"", reply.picture_ns
            else:
                problem = f"the box refused: {reply.problem or 'it sent no picture'}"
        still = Still(jpeg, time_ns, self.clock.monotonic_ns(), problem)
        self._kept[camera] = still
        self._kept.move_to_end(camera)
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        return still


def _is_picture(picture: bytes | None) -> bool:
    """Whether a box has sent a JPEG of a size that its snapshots have."""
    return picture is not None and picture.startswith(_JPEG) and len(picture) <= MAX_PICTURE_BYTES
