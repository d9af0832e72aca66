"""What every entry of `DOORS` promises, over its real transport."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from door_kits import CARD, DOOR, KITS, controller
from edge_kit import wait_until

from common import logging_setup
from common.clock import SystemClock
from common.errors import DoorRefused
from edge.access.doors.adapters import DOORS
from edge.access.doors.credential_policy import CredentialPolicy
from edge.access.doors.factory import BoxContext, Doors
from edge.access.pseudonyms import DailyPseudonyms
from edge.settings.doors import Control, DoorSettings
from protocol.envelope import UnsequencedEvent
from protocol.event_types import DoorData, DoorDenied, DoorGranted, DoorOffline


class Running:
    """Doors of a box with one door, and what they told."""

    def __init__(self, doors: Doors, told: list[UnsequencedEvent], kit: Any) -> None:
        self.doors, self.told, self.kit = doors, told, kit

    def kinds(self) -> list[str]:
        return [draft.kind for draft in self.told]

    def wait(self, kind: str, times: int = 1) -> DoorData:
        wait_until(lambda: self.kinds().count(kind) >= times, what=f"{kind} ({times}); so far {self.kinds()}")
        data = [draft.data for draft in self.told if draft.kind == kind][times - 1]
        assert isinstance(data, DoorData)
        return data

    def stands(self, state: str) -> None:
        wait_until(lambda: self.doors.statuses()[0].state == state, what=f"the door is {state}")


def made(control: Control, folder: Path, told: list[UnsequencedEvent]) -> Doors:
    settings = DoorSettings(id=DOOR, control=control, reorder_s=0.1, debounce_s=0.02, open_within_s=60.0)
    return Doors(
        [settings], BoxContext(folder), CredentialPolicy(DailyPseudonyms(folder, SystemClock(), bytes), None),
        clock=SystemClock(), send=told.extend, random=lambda: 0.5,
    )  # fmt: skip


@pytest.fixture(params=sorted(DOORS))
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    with controller(request.param, tmp_path) as kit:
        told: list[UnsequencedEvent] = []
        doors = made(kit.control, tmp_path, told)
        doors.start()
        try:
            if request.param != "webhook":  # nobody knows that a webhook is there before it speaks
                wait_until(lambda: told, what="the door is online")
            yield Running(doors, told, kit)
        finally:
            doors.stop()


def test_every_entry_has_its_kit_and_its_settings() -> None:
    kinds = {member.__struct_config__.tag for member in Control.__args__}
    assert set(DOORS) == set(KITS) == kinds


def test_granted_opened_closed(running: Running) -> None:
    running.kit.contact(is_open=False)
    running.stands("closed")
    running.kit.card()
    granted = running.wait("door.granted")
    assert granted.credential is not None
    running.kit.contact(is_open=True)
    running.stands("open")
    running.kit.contact(is_open=False)
    running.stands("closed")
    running.kit.card()
    assert running.wait("door.granted", 2).credential == granted.credential
    assert set(running.kinds()) <= {"door.online", "door.granted"}


def test_the_credential_stands_nowhere(running: Running, capfd: pytest.CaptureFixture[str]) -> None:
    logging_setup.configure("debug")
    running.kit.card()
    running.wait("door.granted")
    running.kit.bad()
    running.kit.card()
    running.wait("door.granted", 2)
    assert CARD not in repr(running.told) + repr(running.doors.event_loop.__dict__) + repr(
        vars(running.doors.adapters[0])
    )
    assert all(CARD.encode() not in msgspec.json.encode(draft.data) for draft in running.told)
    written = capfd.readouterr()
    assert CARD not in written.out + written.err


def test_bad_input_is_refused_and_loses_nothing_else(running: Running) -> None:
    running.kit.contact(is_open=False)
    running.stands("closed")
    running.kit.bad()
    running.kit.card()
    running.wait("door.granted")
    running.stands("closed")

    def refusals() -> list[DoorDenied]:
        return [draft.data for draft in running.told if isinstance(draft.data, DoorDenied)]

    def garbled() -> int:
        return int(vars(running.doors.adapters[0]).get("invalid_frames", 0))

    wait_until(lambda: refusals() or garbled(), what="the refusal")
    assert all(str(data.reason).startswith("refused: ") for data in refusals())
    assert running.doors.counts.refused or garbled()


def test_what_must_not_be_believed_is_told_and_moves_no_door(running: Running) -> None:
    running.kit.contact(is_open=False)
    running.stands("closed")
    running.kit.estrange()
    reasons: Callable[[], list[Any]] = lambda: [  # noqa: E731
        draft.data for draft in running.told if isinstance(draft.data, DoorOffline | DoorDenied)
    ]
    words = ("clock", "secure channel", "event", "answer")
    wait_until(lambda: any(word in str(it.reason) for it in reasons() for word in words), what="the refusal")
    state = running.doors.event_loop.doors[DOOR].state
    assert (state.open, state.forced) == (False, False)
    running.kit.reconcile()
    running.stands("closed")
    before = running.kinds().count("door.granted")
    running.kit.card()
    running.wait("door.granted", before + 1)


def test_a_lost_controller_is_noticed_and_found_again(running: Running) -> None:
    running.kit.card()
    running.wait("door.granted")
    running.kit.cut()
    assert running.wait("door.offline").reason
    running.kit.mend()
    running.wait("door.online", 2)
    running.kit.card()
    running.wait("door.granted", 2)


def test_the_box_unlocks_or_says_that_it_cannot(running: Running) -> None:
    if running.kit.unlocks:
        running.doors.unlock(DOOR)
        assert running.kit.unlocked()
    else:
        with pytest.raises(DoorRefused, match="cannot be unlocked"):
            running.doors.unlock(DOOR)
    with pytest.raises(DoorRefused, match="no door 'attic'"):
        running.doors.unlock("attic")


@pytest.mark.parametrize("kind", sorted(DOORS))
def test_it_stops_and_leaves_no_thread(kind: str, tmp_path: Path) -> None:
    with controller(kind, tmp_path) as kit:
        before = set(threading.enumerate())
        doors = made(kit.control, tmp_path, [])
        doors.start()
        time.sleep(0.3)
        doors.stop()
        left = {thread for thread in set(threading.enumerate()) - before if "process_request" not in thread.name}
        assert left == set()


def test_a_granted_card_s_event_is_what_the_contract_takes() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"door": DOOR, "credential": CARD}, DoorGranted)
