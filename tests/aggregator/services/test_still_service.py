"""Stills: one question to a box at a time, none without the right, each access in the audit log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from agg_support import JPEG, START_NS, run_apart

from aggregator.audit.view_deduplicator import ViewDeduplicator
from aggregator.domain.accounts.authorization import Principal, RoleAssignment
from aggregator.domain.audit.audit_anomalies import SHOWN
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import Camera
from aggregator.services.monitoring.still_service import KEEP_S, MOST, CameraKey, StillService
from common.clock import FakeClock
from common.errors import CommandError, Forbidden, StoreError
from protocol.commands import Command, Reply
from protocol.envelope import MAX_PICTURE_BYTES
from protocol.topics import BoxTopics

CAMERA: CameraKey = ("village", "gate-1", "cam-1")
MONITOR = Principal("li", (RoleAssignment("monitor", "village"),))


@dataclass
class Box:
    """Answers commands."""

    reply: Reply | CommandError = field(default_factory=lambda: Reply(id="", done=True, picture=JPEG, picture_ns=7))
    asked: list[Command] = field(default_factory=list)

    async def ask(self, topics: BoxTopics, command: Command) -> Reply:
        self.asked.append(command)
        await asyncio.sleep(0)
        if isinstance(self.reply, CommandError):
            raise self.reply
        return self.reply


class Cameras:
    def __init__(self, count: int) -> None:
        self.count = count

    def cameras(self) -> list[Camera]:
        return [
            Camera(site="village", box="gate-1", id=f"cam-{it}", name="", state="up", fps=1, watch="all", seen_ns=0)
            for it in range(self.count)
        ]


@dataclass
class Stills:
    """The service with its fakes."""

    box: Box = field(default_factory=Box)
    clock: FakeClock = field(default_factory=lambda: FakeClock(now_ns=START_NS))
    entries: list[AuditEntry] = field(default_factory=list)
    store_problem: StoreError | None = None
    cameras: int = 3

    def __post_init__(self) -> None:
        async def record(entry: AuditEntry) -> None:
            if self.store_problem is not None:
                raise self.store_problem
            self.entries.append(entry)

        box, cameras = cast("Any", self.box), cast("Any", Cameras(self.cameras))
        self.service = StillService(box, cameras, record, ViewDeduplicator(), self.clock, lambda: "id")

    def show(self, caller: Principal = MONITOR, camera: CameraKey = CAMERA, *, by_page: bool = True) -> bytes:
        return run_apart(self.service.newest(caller, camera, by_page=by_page)).jpeg


def test_all_who_see_a_camera_share_one_still_for_half_a_minute() -> None:
    stills = Stills()

    async def together() -> list[int]:
        found = [stills.service.newest(MONITOR, CAMERA, by_page=True) for _ in range(5)]
        return [it.time_ns for it in await asyncio.gather(*found)]

    assert run_apart(together()) == [7] * 5
    assert stills.show() == JPEG
    assert [(it.name, it.target, it.by) for it in stills.box.asked] == [("still", "cam-1", "li")]
    stills.clock.advance(KEEP_S)
    stills.show()
    assert len(stills.box.asked) == 2


def test_an_hour_of_a_camera_on_the_wall_is_one_entry_and_a_deliberate_access_another() -> None:
    stills = Stills()
    for _ in range(4):
        stills.show()
        stills.clock.advance(60)
    stills.show(by_page=False)
    assert [(it.who, it.what, it.target, SHOWN in it.detail) for it in stills.entries] == [
        ("li", "view", "gate-1/cam-1", True), ("li", "view", "gate-1/cam-1", False),
    ]  # fmt: skip
    stills.clock.advance(3600)
    stills.show()
    assert len(stills.entries) == 3


def test_nobody_without_the_right_has_a_box_asked() -> None:
    stills = Stills()
    for role, scope in (("monitor", "harbour"), ("responder", "village"), ("monitor", "village/halls")):
        caller = Principal("wu", (RoleAssignment(role, scope),))  # type: ignore[arg-type]
        with pytest.raises(Forbidden):
            stills.show(caller)
    with pytest.raises(CommandError, match="no such camera"):
        stills.show(camera=("village", "gate-1", "cam-9"))
    assert (stills.box.asked, stills.entries) == ([], [])


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (CommandError("the box did not answer within 10 s"), "did not answer"),
        (Reply(id="", done=False, problem="camera 'cam-1' gives no picture"), "refused: camera 'cam-1'"),
        (Reply(id="", done=True), "sent no picture"),
        (Reply(id="", done=True, picture=b"<svg/>"), "sent no picture"),
        (Reply(id="", done=True, picture=b"\xff\xd8\xff" + bytes(MAX_PICTURE_BYTES)), "sent no picture"),
    ],
)
def test_a_box_that_gives_none_is_not_asked_again_at_once(reply: Reply | CommandError, problem: str) -> None:
    stills = Stills(Box(reply))
    for _ in range(3):
        with pytest.raises(CommandError, match=problem):
            stills.show()
    assert (len(stills.box.asked), stills.entries) == (1, [])


def test_what_cannot_be_logged_is_not_shown() -> None:
    stills = Stills(store_problem=StoreError("disk full"))
    with pytest.raises(StoreError):
        stills.show()


def test_the_stills_that_are_kept_are_bounded() -> None:
    stills = Stills(cameras=MOST + 5)
    for number in range(MOST + 5):
        stills.show(camera=("village", "gate-1", f"cam-{number}"))
    assert len(stills.service._kept) == MOST
