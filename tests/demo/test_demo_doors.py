from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import get_args

from edge_kit import wait_until
from port_kit import free_port

from common.clock import SystemClock
from demo.door_scenario import ORDER, SCENES, Panel, play
from edge.access.doors.credential_policy import CredentialPolicy
from edge.access.doors.factory import BoxContext, Doors
from edge.access.pseudonyms import DailyPseudonyms
from edge.settings.doors import DoorSettings, SimulatedDoor, Word
from protocol.envelope import UnsequencedEvent


def test_scenes_press_buttons_that_there_are() -> None:
    assert set(ORDER) == set(SCENES)
    assert {event for scene in SCENES.values() for _, event, _ in scene} <= set(get_args(Word))


def test_a_panel_presses_a_real_door_s_buttons(tmp_path: Path) -> None:
    told: list[UnsequencedEvent] = []
    panel = Panel(free_port(), "lobby")
    doors = Doors(
        [DoorSettings(id="lobby", control=SimulatedDoor(port=panel.port))], BoxContext(tmp_path),
        CredentialPolicy(DailyPseudonyms(tmp_path, SystemClock(), os.urandom), None),
        clock=SystemClock(), send=told.extend, random=lambda: 0.5,
    )  # fmt: skip
    assert not panel.press("exit"), "nobody is there yet"
    doors.start()
    try:
        wait_until(lambda: panel.press("exit"))
        assert not panel.press("levitated")
        panel.play("refused", threading.Event())
        wait_until(lambda: "door.denied" in [draft.kind for draft in told])
        stop = threading.Event()
        player = threading.Thread(target=play, args=([panel], stop, 0.05))
        player.start()
        wait_until(lambda: "door.granted" in [draft.kind for draft in told])
        stop.set()
        player.join()
    finally:
        doors.stop()
