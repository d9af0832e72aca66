"""MQTT out: order, what a broker does not acknowledge, quotas, pauses, and a process that ends within an attempt."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agg_support import START_NS
from feed_site_kit import FeedDesk

from aggregator.domain.feeds.consumer import changed
from aggregator.domain.feeds.feed_entry import ConsumerUse
from aggregator.domain.feeds.mqtt_output import (
    MOST_IN_FLIGHT,
    MOST_OUTPUTS,
    FeedAccount,
    MqttMessage,
    MqttOutput,
    with_home_assistant,
)
from aggregator.domain.read_models import Batch, StatusSeen
from aggregator.domain.store_port import Store, Writer
from aggregator.jobs.job_runner import JobRunner
from aggregator.jobs.mqtt_jobs import LOST, USED_UP, MqttJobs
from aggregator.jobs.mqtt_states import MqttStates
from aggregator.services.feeds.mqtt_service import accounts
from aggregator.storage.keyring import KeyRing
from common.clock import HOUR_NS, SECOND_NS, FakeClock
from common.errors import BrokerError
from protocol.receipts import BoxStatus, CameraStatus, DoorStatus

from storage.test_feed_store import act  # isort: skip

HOUR = START_NS // HOUR_NS


class FakePublisher:
    """Takes batches, or fails as it is told to: after the broker got them, as a lost acknowledgement does."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self.got: list[MqttMessage] = []
        self.batches: list[int] = []
        self.closed = 0

    def deliver(self, messages: Sequence[MqttMessage]) -> None:
        self.got += messages
        self.batches.append(len(messages))
        if self.failures:
            raise self.failures.pop(0)

    def close(self) -> None:
        self.closed += 1

    @property
    def sequences(self) -> list[int]:
        return [int(msgspec.json.decode(it.payload)["sequence"]) for it in self.got]


class Desk(FeedDesk):
    """With an output of the consumer, and the jobs that publish."""

    def __init__(self, store: Store, writer: Writer, clock: FakeClock) -> None:
        super().__init__(store, writer, clock)
        self.broker = FakePublisher()
        self.connected: list[str] = []
        made = MqttOutput(consumer=self.consumer.id, position=0, made_by="li", made_ns=START_NS)
        assert writer.add_mqtt_output(made, MOST_OUTPUTS, act("MQTT turned on"))
        self.start()

    def start(self) -> None:
        """As a new process does."""
        states = MqttStates(self.reader, {}, self.clock)
        self.jobs = MqttJobs(self.reader, self.queue, self.connect, {}, self.clock, states)
        self.runner = JobRunner((self.jobs,), self.clock)

    def connect(self, consumer: str) -> FakePublisher:
        self.connected.append(consumer)
        return self.broker

    def turn(self, after_s: float = 0.0) -> None:
        self.turns(1, after_s)

    @property
    def output(self) -> MqttOutput:
        found = self.reader.mqtt_output(self.consumer.id)
        assert found is not None
        return found

    @property
    def used(self) -> int:
        return self.reader.consumer_uses(HOUR).get(self.consumer.id, ConsumerUse()).events

    def decide(self, action: Any) -> None:
        before = self.reader.consumer(self.consumer.id)
        assert before is not None
        assert self.writer.change_consumer(before, changed(before, action, "li", START_NS), act(action))


@pytest.fixture
def desk(store: Store, writer: Writer, clock: FakeClock) -> Desk:
    return Desk(store, writer, clock)


def test_everything_for_the_consumer_is_published_in_order_in_its_tree(desk: Desk) -> None:
    desk.events(2, site="harbour")
    desk.events(3, start=10)
    desk.turn()
    assert desk.broker.sequences == [3, 4, 5]
    assert desk.broker.got[0].topic == f"paifang/feed/v1/{desk.consumer.id}/village/events/cam-1/door/granted"
    assert (desk.output.position, desk.output.delivered_ns, desk.used) == (5, START_NS, 3)
    desk.events(1, start=20)
    desk.turn()
    assert desk.broker.sequences == [3, 4, 5, 6]
    assert desk.connected == [desk.consumer.id], "the connection is kept"


def test_what_was_not_acknowledged_is_published_again_under_the_same_ids_and_counted_once(desk: Desk) -> None:
    desk.events(3)
    desk.broker.failures = [BrokerError("connection lost")]
    desk.turn()
    assert (desk.output.position, desk.output.problem, desk.used) == (0, "connection lost", 0)
    desk.turn(after_s=1.9)
    assert desk.broker.sequences == [1, 2, 3], "not before the pause"
    desk.turn(after_s=0.1)
    assert desk.broker.sequences == [1, 2, 3, 1, 2, 3]
    assert desk.broker.got[:3] == desk.broker.got[3:]
    assert (desk.output.position, desk.output.problem, desk.used, len(desk.connected)) == (3, "", 3, 2)


def test_a_process_that_ends_before_the_position_is_stored_loses_nothing(desk: Desk) -> None:
    desk.events(3)
    desk.broker.failures = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        desk.turn()
    assert desk.output.position == 0
    desk.start()
    desk.turn()
    assert desk.broker.sequences == [1, 2, 3, 1, 2, 3]
    assert desk.output.position == 3


def test_batches_are_bounded_and_follow_each_other(desk: Desk) -> None:
    before = desk.consumer
    more = msgspec.structs.replace(before, events_per_hour=10_000)
    assert desk.writer.change_consumer(before, more, act())
    desk.events(2 * MOST_IN_FLIGHT + 1)
    desk.turn()
    assert desk.broker.batches == [MOST_IN_FLIGHT, MOST_IN_FLIGHT, 1]
    assert desk.broker.sequences == list(range(1, 2 * MOST_IN_FLIGHT + 2))


def test_the_quota_of_an_hour_holds_and_the_next_hour_goes_on(desk: Desk) -> None:
    desk.events(120)
    desk.turn()
    desk.turn()
    assert (len(desk.broker.got), desk.output.problem, desk.output.position) == (100, USED_UP, 100)
    desk.turn(after_s=(HOUR_NS - START_NS % HOUR_NS) / SECOND_NS)
    assert desk.broker.sequences == list(range(1, 121))


def test_a_paused_consumer_gets_nothing_and_its_connection_ends(desk: Desk) -> None:
    desk.events(1)
    desk.turn()
    desk.decide("paused")
    desk.events(1, start=10)
    desk.turn()
    assert (desk.broker.sequences, desk.broker.closed) == ([1], 1)
    desk.decide("resumed")
    desk.turn()
    assert desk.broker.sequences == [1, 2]


def test_entries_that_were_erased_are_said_to_be_lost(desk: Desk) -> None:
    desk.events(3)
    assert desk.writer.purge("feed", START_NS + 1, 2, act()) == 2
    desk.turn()
    assert desk.broker.sequences == [3]
    desk.broker.failures = [BrokerError("away")]
    desk.events(2, start=10)
    desk.turn()
    assert desk.writer.purge("feed", START_NS + 1, 10, act()) == 3
    desk.turn(after_s=5)
    assert (desk.output.problem, desk.output.position) == (LOST, 5)


def test_accounts_of_the_broker_follow_consumers_and_passwords(desk: Desk, tmp_path: Path) -> None:
    keys = KeyRing(tmp_path, secrets.token_bytes)

    def now() -> list[FeedAccount]:
        return accounts(desk.reader, keys, desk.clock)

    (first,) = now()
    assert first.password is not None
    assert first.password.reveal() != first.publisher_password.reveal()
    assert first.password.reveal() not in repr(first)
    renewed = msgspec.structs.replace(desk.output, password_serial=2, version=2)
    assert desk.writer.change_mqtt_output(desk.output, renewed, act())
    assert not desk.writer.change_mqtt_output(msgspec.structs.replace(renewed, version=1), renewed)
    (second,) = now()
    assert second.password is not None
    assert second.password != first.password
    desk.decide("paused")
    assert [it.password for it in now()] == [None], "what waits is kept"
    desk.decide("resumed")
    assert now() == [second]
    desk.clock.advance(31 * 86_400)
    assert now() == []
    assert desk.writer.drop_mqtt_output(desk.consumer.id, act("MQTT turned off"))
    assert not desk.writer.drop_mqtt_output(desk.consumer.id, act("MQTT turned off"))
    assert not desk.writer.add_mqtt_output(second_output(desk), 0, act())


def second_output(desk: Desk) -> MqttOutput:
    return MqttOutput(consumer=desk.consumer.id, position=0, made_by="li", made_ns=START_NS)


def states(desk: Desk) -> dict[str, Any]:
    """Retained topic below the tree → body, as the broker has it after the messages so far."""
    kept: dict[str, Any] = {}
    for it in desk.broker.got:
        if it.retain:
            kept[it.topic.partition(f"{desk.consumer.id}/")[2]] = it.payload and msgspec.json.decode(it.payload)
    return {topic: body for topic, body in kept.items() if body}


def report(desk: Desk, state: Any) -> None:
    status = BoxStatus(online=True, cameras=[CameraStatus(id="cam-1", state=state)], doors=[DoorStatus(id="hall")])
    desk.writer.apply(Batch(statuses=[StatusSeen("village", "gate-1", status, START_NS)]))


def test_states_for_home_assistant_are_published_when_they_change_and_taken_back(desk: Desk) -> None:
    report(desk, "up")
    desk.turn()
    assert desk.broker.got == [], "it is off"
    assert desk.writer.change_mqtt_output(desk.output, with_home_assistant(desk.output, "on"))
    desk.turn()
    first = len(desk.broker.got)
    assert states(desk)["village/devices/camera/cam-1"] == {"online": True}
    assert states(desk)["village/devices/door/hall"] == {"online": True, "open": None, "locked": None}
    desk.turn(after_s=5)  # the connection was new, so that all of it came twice at most
    desk.turn(after_s=5)
    desk.turn(after_s=5)
    assert len(desk.broker.got) == first
    report(desk, "lost")
    desk.turn(after_s=5)
    assert len(desk.broker.got) == first + 1
    assert states(desk)["village/devices/camera/cam-1"] == {"online": False}
    desk.broker.failures = [BrokerError("away")]
    report(desk, "up")
    desk.turn(after_s=5)
    desk.turn(after_s=5)
    assert states(desk)["village/devices/camera/cam-1"] == {"online": True}
    assert desk.writer.change_mqtt_output(desk.output, with_home_assistant(desk.output, "ending"))
    desk.turn(after_s=5)
    assert (states(desk), desk.output.home_assistant, desk.used) == ({}, "off", 0)
