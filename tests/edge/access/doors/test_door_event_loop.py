from __future__ import annotations

import itertools
import random
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from edge_kit import open_outbox

from common.clock import SECOND_NS, FakeClock
from common.errors import DoorLost, SettingsError
from common.secret import Secret
from common.settings_loader import loads
from edge.access.doors.credential_policy import CredentialPolicy
from edge.access.doors.door_event_loop import DoorEventLoop
from edge.access.doors.door_signals import CredentialPresented, DoorContact, DoorSignal, Forced
from edge.access.doors.factory import BoxContext, Doors
from edge.access.doors.reorder_buffer import ReorderBuffer
from edge.access.pseudonyms import DailyPseudonyms
from edge.settings.doors import DoorSettings, SimulatedDoor, WebhookDoor
from edge.settings.node import BoxSettings
from edge.video.report import Report
from pipelines.findings import Finding
from pipelines.rules.tailgate import PassageSettings
from protocol.envelope import UnsequencedEvent, decode
from protocol.event_types import LineCrossed

PASSAGE = PassageSettings(line="doorway")
START_NS = 1_795_000_000 * SECOND_NS


class Table:
    """A desk that is asked by hand, with a fake clock; `told` is (seconds, kind)."""

    def __init__(self, folder: Path, kind: str = "simulator", **more: Any) -> None:
        (folder / "k").write_text("00" * 16)
        control = WebhookDoor(key_file="k") if kind == "webhook" else SimulatedDoor(allowed_file="allowed")
        self.clock, self.drafts = FakeClock(START_NS), list[UnsequencedEvent]()
        self.doors = Doors(
            [DoorSettings(id="lobby", control=control, camera="hall", **more)], BoxContext(folder),
            CredentialPolicy(DailyPseudonyms(folder, self.clock, bytes), None),
            clock=self.clock, send=self.drafts.extend, random=lambda: 0.5,
        )  # fmt: skip
        self.event_loop: DoorEventLoop = self.doors.event_loop

    def at(self, seconds: float, *said: DoorSignal, own_s: float | None = None) -> None:
        self.clock.advance(seconds - (self.clock.now_ns - START_NS) / SECOND_NS)
        for what in said:
            self.event_loop.submit("lobby", what, None if own_s is None else START_NS + round(own_s * SECOND_NS))
        self.event_loop.process_batch(self.event_loop._collect(wait=False))

    def cross(self, seconds: float, track: int, **more: Any) -> None:
        fields: dict[str, Any] = {"line": "doorway", "direction": "forward", "object": "person", "track": track, **more}
        finding = Finding(LineCrossed(**fields), None, ("person",), START_NS + round(seconds * SECOND_NS))  # type: ignore[arg-type]
        self.doors.take_report(Report("hall", [finding], np.zeros((2, 2, 3), np.uint8), ()))

    @property
    def told(self) -> list[tuple[float, str]]:
        return [((draft.time_ns - START_NS) / SECOND_NS, draft.kind.removeprefix("door.")) for draft in self.drafts]


GRANTED, DENIED = CredentialPresented("granted", Secret("42")), CredentialPresented("denied", Secret("43"))
OPEN, SHUT = DoorContact(open=True), DoorContact(open=False)


def test_messages_with_their_own_time_are_put_in_order(tmp_path: Path) -> None:
    table = Table(tmp_path, "webhook")
    table.at(10, SHUT, own_s=5)
    table.at(20, OPEN, own_s=19.9)
    table.at(20.2, GRANTED, own_s=19.8)
    table.at(30)
    assert table.told == [(19.8, "granted")], "in the order of arrival the door would have been forced"
    table.at(31, DENIED, own_s=2)
    table.at(40)
    assert table.told[1:] == [(2, "denied")]
    assert table.doors.counts.late == 1


def test_a_time_from_the_future_counts_as_now(tmp_path: Path) -> None:
    table = Table(tmp_path, "webhook")
    table.at(1, GRANTED, own_s=50)
    table.at(2)
    assert table.told == [(1, "granted")]


def test_two_people_on_one_badge(tmp_path: Path) -> None:
    table = Table(tmp_path, passage=PASSAGE)
    table.at(0, SHUT, GRANTED)
    table.at(1, OPEN)
    table.cross(2, 1)
    table.cross(3, 2)
    table.cross(3, 3, direction="backward")
    table.cross(3, 4, object="car")
    table.cross(3, 5, line="street")
    table.at(4, SHUT)
    table.at(5.9)
    assert table.told == [(0, "granted")]
    table.at(6.1)
    assert table.told == [(0, "granted"), (3, "tailgated")]


def test_what_is_told_is_stored_before_the_tailgate_rule_hears_of_it(tmp_path: Path) -> None:
    table = Table(tmp_path, passage=PASSAGE)
    rule = table.event_loop.doors["lobby"].tailgate
    assert rule is not None
    heard: list[int] = []
    hear = rule.add
    rule.add = lambda move: (heard.append(len(table.drafts)), hear(move))[1]  # type: ignore[method-assign,func-returns-value]
    table.at(0, GRANTED)
    assert heard == [1]


def test_a_lock_that_does_not_answer_is_a_denial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(tmp_path)
    from edge.access.doors.credential_policy import Allowlist

    Allowlist(tmp_path / "allowed").add([Secret("42")], duress=False, random=bytes)
    table.at(0, CredentialPresented("shown", Secret("42")))
    assert table.told == [(0, "granted")]

    def broken() -> None:
        raise DoorLost("no answer")

    table.event_loop.doors["lobby"].unlock = broken
    table.at(1, CredentialPresented("shown", Secret("42")), CredentialPresented("shown", Secret("99")))
    assert [getattr(draft.data, "reason", "") for draft in table.drafts[1:]] == ["the lock does not answer", "unknown"]


def test_a_mistake_about_one_message_is_counted_and_silences_nothing(tmp_path: Path) -> None:
    table = Table(tmp_path)
    table.at(0, "nonsense", Forced())  # type: ignore[arg-type]
    table.at(2, DENIED)
    assert [kind for _, kind in table.told] == ["forced", "denied"]


def test_what_waits_is_told_at_the_end(tmp_path: Path) -> None:
    table = Table(tmp_path, "webhook")
    done: list[int] = []
    table.event_loop.submit("lobby", GRANTED, START_NS, lambda: done.append(1))
    table.event_loop.process_batch(table.event_loop._collect(wait=False))
    assert (table.told, done) == ([], [])
    table.event_loop._stop.set()
    table.event_loop.run()
    assert (table.told, done) == ([(0, "granted")], [1])


def test_events_reach_a_real_outbox_from_many_threads_and_none_is_lost(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "o.db")
    table = Table(tmp_path)
    table.event_loop._send = outbox.put
    runner = threading.Thread(target=table.event_loop.run)
    runner.start()

    def speak() -> None:
        for _ in range(500):
            table.event_loop.submit("lobby", DENIED)

    speakers = [threading.Thread(target=speak) for _ in range(4)]
    for thread in speakers:
        thread.start()
    for thread in speakers:
        thread.join()
    table.doors.stop_event_loop()
    runner.join()
    assert [decode(row.body).kind for row in outbox.read(0, 3000)] == ["door.denied"] * 2000
    outbox.close()


def test_reorder_gives_everything_once_and_in_order_within_its_window() -> None:
    chance = random.Random(7)
    for _ in range(50):
        buffer, out = ReorderBuffer[int](100), list[int]()
        sent = [
            (at + chance.randrange(100), at) for at in itertools.accumulate(chance.randrange(1, 80) for _ in range(40))
        ]
        for arrived, at in sorted(sent):
            out += buffer.ready(arrived)
            buffer.push(at, at)
        out += buffer.ready(10**9)
        assert out == sorted(out)
        assert len(out) == 40
        assert buffer.due_ns() is None


BOX = """
site: s
box: b
schedules: {night: [{from: "22:00", to: "06:00"}]}
cameras:
  - id: hall
    url: rtsp://10.0.0.1/x
    lines:
      - {name: doorway, points: [[0.1, 0.5], [0.9, 0.5]]}
      - {name: slow, points: [[0.1, 0.5], [0.9, 0.5]], cooldown_s: 5}
doors:
  - {id: lobby, camera: hall, control: {kind: simulator}, passage: {line: doorway}, held: [{schedule: night}]}
"""


def test_a_box_with_a_door_loads() -> None:
    (door,) = loads(BOX, BoxSettings).doors
    assert (door.control, door.held[0].limit_s) == (SimulatedDoor(), 30)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("id: lobby", "id: hall", "each needs an id of its own"),
        ("line: doorway}", "line: door}", "'door' is no line of its camera; lines: doorway, slow"),
        ("line: doorway}", "line: slow}", "must count every person"),
        ("camera: hall,", "camera: yard,", "camera 'yard' is not one of this box"),
        ("camera: hall,", "", "passage needs camera"),
        ("schedule: night}]", "schedule: noon}]", "'noon' of held is not known; known: night"),
        ("kind: simulator", "kind: simulater", "Invalid value 'simulater'"),
        ("kind: simulator", "kind: simulator, prt: 1", "did you mean 'port'"),
        ("kind: simulator", "kind: mqtt, host: h, topic: 'a/#', words: {x: opened}", "without '\\+' and '#'"),
        ("kind: simulator", "kind: mqtt, host: h, topic: a, words: {x: fly}", "Invalid enum value 'fly'"),
        ("kind: simulator", "kind: osdp, port: p, address: 127, key_file: k", "<= 126"),
    ],
)
def test_a_door_s_settings_are_checked(old: str, new: str, problem: str) -> None:
    assert old in BOX
    with pytest.raises(SettingsError, match=problem):
        loads(BOX.replace(old, new), BoxSettings)


def test_the_status_says_how_every_door_stands(tmp_path: Path) -> None:
    table = Table(tmp_path, name="Lobby door")
    table.at(0, SHUT)
    assert msgspec.to_builtins(table.doors.statuses()[0]) == {
        "id": "lobby", "name": "Lobby door", "state": "closed", "locked": None, "opened": "", "held_limit_s": 30.0,
    }  # fmt: skip
    table.at(1, GRANTED, OPEN)
    table.at(40)
    status = table.doors.statuses()[0]
    assert (status.state, status.opened[:4]) == ("held", "2026")
