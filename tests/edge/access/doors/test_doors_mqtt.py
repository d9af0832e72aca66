"""What a broker delivers late, again, or to two boxes, over a real broker."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from agg_support import mosquitto
from edge_kit import wait_until
from paho.mqtt.enums import CallbackAPIVersion
from port_kit import free_port

from common.clock import SystemClock
from common.secret import Secret
from edge.access.doors.adapters.mqtt import client_id
from edge.access.doors.adapters.mqtt_backlog import REMEMBERED, Backlog, Repetitions
from edge.access.doors.credential_policy import Allowlist, CredentialPolicy
from edge.access.doors.factory import BoxContext, Doors
from edge.access.pseudonyms import DailyPseudonyms
from edge.settings.doors import DoorSettings, MqttDoor
from protocol.envelope import UnsequencedEvent

CARD = "04A2F1"
SECOND_NS = 10**9


class Plant:
    """A broker, a controller at it, and boxes that are started and stopped."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.unlocked: list[bytes] = []
        self.told: list[UnsequencedEvent] = []
        Allowlist(folder / "allowed").add([Secret(CARD)], duress=False, random=os.urandom)
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        self.client.on_message = lambda _client, _data, message: self.unlocked.append(bytes(message.payload))
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("north/unlock", 1)
        self.client.loop_start()

    def say(self, word: str, *, retain: bool = False, at_s: float | None = None, number: int | None = None) -> None:
        body: dict[str, object] = {"event": word, "credential": CARD, "number": number}
        if at_s is not None:
            body["time"] = at_s
        self.client.publish("north", json.dumps(body), qos=1, retain=retain).wait_for_publish(10)

    @contextlib.contextmanager
    def box(self, name: str = "site/n1") -> Iterator[Doors]:
        control = MqttDoor(
            host="127.0.0.1", port=self.port, topic="north", unlock_topic="north/unlock", allowed_file="allowed",
            words={"card": "shown", "up": "opened", "shut": "closed", "pried": "forced"},
        )  # fmt: skip
        doors = Doors(
            [DoorSettings(id="front", control=control, reorder_s=0.1, debounce_s=0.02)],
            BoxContext(self.folder, name=name),
            CredentialPolicy(DailyPseudonyms(self.folder, SystemClock(), bytes), None),
            clock=SystemClock(), send=self.told.extend, random=lambda: 0.5,
        )  # fmt: skip
        before = self.count("door.online")
        doors.start()
        try:
            wait_until(lambda: self.count("door.online") > before, what="the door is online")
            yield doors
        finally:
            doors.stop()

    def count(self, kind: str) -> int:
        return [draft.kind for draft in self.told].count(kind)

    def taken(self, doors: Doors, messages: int) -> None:
        """So many messages of the door, and what they led to, are through."""
        wait_until(lambda: doors.counts.messages >= messages, what=f"{messages} messages; {doors.counts}")


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    port = free_port()
    with mosquitto(tmp_path / "broker", port):
        made = Plant(tmp_path, port)
        try:
            yield made
        finally:
            made.client.disconnect()
            made.client.loop_stop()


def marked(plant: Plant, doors: Doors, at: int) -> None:
    """A message behind all others has come through: what was before it has been judged."""
    plant.say("shut", number=at)
    wait_until(lambda: doors.event_loop.doors["front"].state.open is False, what="the mark")


def test_a_retained_card_opens_nothing_and_is_told_once(plant: Plant) -> None:
    with plant.box() as doors:
        plant.say("card", retain=True)
        wait_until(lambda: plant.count("door.granted") == 1, what="the card")
        wait_until(lambda: len(plant.unlocked) == 1, what="the unlocking")
    for _ in range(2):
        with plant.box() as doors:
            wait_until(lambda: doors.counts.stale == 1, what="the retained message")
            marked(plant, doors, 1)
    assert len(plant.unlocked) == 1
    assert plant.count("door.granted") == 1


@pytest.mark.parametrize("word", ["pried", "up"])
def test_a_retained_alarm_or_state_changes_nothing(plant: Plant, word: str) -> None:
    plant.say(word, retain=True)
    with plant.box() as doors:
        wait_until(lambda: doors.counts.stale == 1, what="the retained message")
        marked(plant, doors, 1)
        assert {draft.kind for draft in plant.told} == {"door.online"}


def test_a_card_that_waited_at_the_broker_is_told_and_opens_nothing(plant: Plant) -> None:
    with plant.box():
        pass
    plant.say("card")
    with plant.box():
        wait_until(lambda: plant.count("door.denied") == 1, what="the late card")
    assert [getattr(draft.data, "reason", "") for draft in plant.told if draft.kind == "door.denied"] == ["too late"]
    assert plant.unlocked == []


def test_a_card_of_long_ago_by_its_own_time_opens_nothing(plant: Plant) -> None:
    with plant.box():
        plant.say("card", at_s=time.time() - 300)
        wait_until(lambda: plant.count("door.denied") == 1, what="the late card")
        plant.say("card", at_s=time.time())
        wait_until(lambda: len(plant.unlocked) == 1, what="the unlocking")
    assert plant.count("door.granted") == 1


def test_a_card_of_before_the_start_that_is_sent_again_opens_nothing(plant: Plant) -> None:
    at_s = time.time()
    with plant.box():
        plant.say("card", at_s=at_s)
        wait_until(lambda: plant.count("door.denied") == 1, what="the late card")
        plant.say("card", at_s=time.time())
        wait_until(lambda: plant.unlocked, what="the door opens")
    assert len(plant.unlocked) == 1


def test_a_connection_whose_thread_has_ended_is_lost(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    with plant.box():
        lost = plant.count("door.offline")
        monkeypatch.setattr(mqtt.Client, "loop_start", lambda _client: mqtt.MQTT_ERR_SUCCESS)
        dead = next(it for it in threading.enumerate() if it.name.startswith("paho-mqtt-client-paifang"))
        plant.client.publish("north", b"x" * 20_000, qos=1).wait_for_publish(10)  # it still answers for bad input
        wait_until(lambda: plant.count("door.denied") == 1, what="the refusal")
        assert dead.is_alive()
        dead.name = "ended"
        wait_until(lambda: plant.count("door.offline") > lost, what="the door is offline")


def test_a_message_that_is_sent_twice_counts_once(plant: Plant) -> None:
    with plant.box() as doors:
        at_s = time.time()
        for _ in range(3):
            plant.say("card", at_s=at_s)
        wait_until(lambda: doors.counts.stale == 2, what="the repetitions")
        plant.say("card", at_s=at_s + 0.001)
        wait_until(lambda: plant.count("door.granted") == 2, what="another card")


def test_a_door_that_opens_twice_in_one_second_of_the_controller_is_open(plant: Plant) -> None:
    at_s = round(time.time())
    with plant.box() as doors:
        for word in ("shut", "up", "shut", "up"):
            plant.say(word, at_s=at_s)
        plant.taken(doors, 8)
        wait_until(lambda: doors.event_loop.doors["front"].state.open is True, what="the door is open")


def test_two_boxes_with_a_door_of_one_name_do_not_throw_each_other_out(plant: Plant) -> None:
    with plant.box("site/n1") as one, plant.box("site/n2") as two:
        for number in range(10):
            plant.say("pried" if number % 2 else "shut", number=number)
        for doors in (one, two):
            plant.taken(doors, 20)
        assert plant.count("door.offline") == 0


def test_sessions_are_named_apart_and_stay_the_same() -> None:
    door = MqttDoor(host="h", topic="t", words={"a": "opened"})
    other = MqttDoor(host="h", topic="t", words={"a": "opened"}, username="second")
    names = {client_id("s/a", door), client_id("s/b", door), client_id("s/a", other), client_id("s" * 63 + "/a", door)}
    assert len(names) == 4
    assert all(len(name) == 23 and name.isalnum() for name in names)
    assert client_id("s/a", door) == client_id("s/a", MqttDoor(host="h", topic="another", words={"b": "closed"}))


@pytest.mark.parametrize(
    ("present", "arrivals", "waited"),
    [
        (False, [0.0, 0.1], [False, False]),
        (True, [0.0, 1.9, 2.05, 2.4], [True, True, True, False]),
        (True, [2.1], [False]),
        (True, [0.15 * it for it in range(20)] + [3.1], [True] * 20 + [False]),
    ],
)
def test_a_backlog_ends_with_the_first_pause(present: bool, arrivals: list[float], waited: list[bool]) -> None:
    backlog = Backlog()
    backlog.began(0, present)
    at: Callable[[float], int] = lambda seconds: round(seconds * SECOND_NS)  # noqa: E731
    assert [backlog.waited(at(it)) for it in arrivals] == waited


def test_repetitions_are_remembered_within_bounds() -> None:
    repetitions = Repetitions()
    assert not repetitions.known("a", b"1")
    assert repetitions.known("a", b"1")
    assert not repetitions.known("b", b"1")
    for number in range(REMEMBERED + 1):
        repetitions.known("a", b"%d" % (number + 2))
    assert not repetitions.known("a", b"1")
    assert len(repetitions._known) == REMEMBERED
