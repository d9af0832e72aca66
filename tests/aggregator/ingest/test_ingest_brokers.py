"""The same stream through both brokers: the embedded nats-server and Debian's mosquitto."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from agg_support import JPEG, Sender, event, mosquitto, wait_until
from paho.mqtt.enums import CallbackAPIVersion
from port_kit import free_port

from aggregator import app
from aggregator.domain.read_models import AlertQuery
from aggregator.messaging.broker_config import BrokerCredentials, accounts
from aggregator.settings.aggregator import CLIENT_ID, EmbeddedBroker, ExternalBroker, Settings
from aggregator.storage.keyring import KeyRing
from common.clock import SECOND_NS, SystemClock
from protocol import receipts
from protocol.envelope import MAX_MESSAGE_BYTES, encode
from protocol.event_types import OutboxLost


@dataclass
class Rig:
    parts: app.Parts
    port: int
    account: BrokerCredentials | None
    settings: Settings


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[Rig]:
    settings = Settings(data=str(folder / "data"), broker=EmbeddedBroker(port=free_port()))
    with app.running(settings) as parts:
        assert isinstance(settings.broker, EmbeddedBroker)
        users = accounts(folder / "data", settings.broker, app.new_token)
        yield Rig(parts, settings.broker.port, users["box"], settings)


@contextlib.contextmanager
def external(folder: Path) -> Iterator[Rig]:
    port = free_port()
    settings = Settings(data=str(folder / "data"), broker=ExternalBroker(host="127.0.0.1", port=port))
    with mosquitto(folder / "mosquitto", port), app.running(settings) as parts:
        yield Rig(parts, port, None, settings)


BROKERS = {"nats": embedded, "mosquitto": external}


@pytest.fixture(params=BROKERS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    with BROKERS[request.param](tmp_path) as made:
        wait_until(lambda: made.parts.core.health.broker)
        yield made


@pytest.fixture
def sender(rig: Rig) -> Iterator[Sender]:
    made = Sender(rig.port, rig.account)
    yield made
    made.close()


def now_ns() -> int:
    return SystemClock().wall_ns()


def test_duplicates_disorder_and_poison(rig: Rig, sender: Sender) -> None:
    time_ns = now_ns()
    good = [event(it, time_ns=time_ns, picture=JPEG if it == 9 else None) for it in range(1, 301)]
    sender.send(*good[150:])
    sender.raw(b"{nonsense")
    sender.raw(encode(event(302))[:-1] + b',"padding":"' + b"x" * MAX_MESSAGE_BYTES + b'"}')
    sender.raw(encode(event(303, time_ns=time_ns + 3600 * SECOND_NS)))
    sender.raw(encode(event(304)).replace(b".v1", b".v2"))
    for it in good[:20]:
        sender.raw(encode(it))
    sender.send(*good[:150])
    sender.wait()
    reader = rig.parts.core.reader
    wait_until(lambda: reader.quarantine_count() == 4)
    assert reader.event_count() == 300
    (alert,) = reader.alerts(AlertQuery())
    assert (alert.count, alert.picture_event) == (300, event(9).id)
    assert reader.picture(event(9).id) == JPEG
    reasons = " ".join(it.reason for it in reader.quarantine(10))
    for part in ("malformed", "at most", "in the future", "not a known event type"):
        assert part in reasons


def test_the_last_receipt_always_comes_and_lost_numbers_close_the_gap(rig: Rig, sender: Sender) -> None:
    time_ns = now_ns()
    sender.send(event(1, time_ns=time_ns), event(5, OutboxLost(count=3, sequences=((2, 4),)), time_ns=time_ns))
    sender.wait()
    wait_until(lambda: sender.receipts[-1][1] == [(1, 5)])
    late = Sender(rig.port, rig.account)  # the receipt is retained: who comes later gets it too
    wait_until(lambda: bool(late.receipts) and late.receipts[-1] == sender.receipts[-1])
    late.close()


def test_a_status_arrives_retained(rig: Rig, sender: Sender) -> None:
    status = receipts.BoxStatus(online=True, cameras=[receipts.CameraStatus(id="cam-1", state="lost")])
    sender.raw(receipts.encode(status), sender.topics.status)
    wait_until(lambda: [it.state for it in rig.parts.core.reader.cameras()] == ["lost"])


def test_metrics_tell_what_happened(rig: Rig, sender: Sender) -> None:
    sender.send(*(event(it, time_ns=now_ns()) for it in (1, 2, 4)))
    sender.wait()
    wait_until(lambda: b"paifang_ingest_gaps 1.0" in rig.parts.core.metrics.text())
    text = rig.parts.core.metrics.text().decode()
    for line in ("ingest_committed_total 3.0", "broker_connected 1.0", 'alerts_total{effect="opened"} 1.0'):
        assert f"paifang_{line}" in text


def test_a_broker_that_comes_late_and_goes_again(tmp_path: Path) -> None:
    port = free_port()
    settings = Settings(data=str(tmp_path / "data"), broker=ExternalBroker(host="127.0.0.1", port=port))
    with app.running(settings) as parts:
        health = parts.core.health
        wait_until(lambda: bool(health.problem))
        assert not health.broker
        for folder in ("one", "two"):
            with mosquitto(tmp_path / folder, port):
                wait_until(lambda: health.broker)
                assert health.report()["ok"]
            wait_until(lambda: not health.broker)
            assert not health.report()["ok"]


def test_a_refused_log_in_is_never_reported_as_connected(tmp_path: Path) -> None:
    with embedded(tmp_path / "good") as rig:
        wrong = tmp_path / "password"
        wrong.write_text("not the password\n")
        broker = ExternalBroker(
            host="127.0.0.1", port=rig.port, username="aggregator", password_file=str(wrong), client_id="other"
        )
        seen: set[bool] = set()
        with app.running(Settings(data=str(tmp_path / "other"), broker=broker)) as parts:
            health, metrics = parts.core.health, parts.core.metrics

            def refused_twice() -> bool:
                seen.add(health.broker)
                return bool(metrics.reconnects._value.get() >= 2)

            wait_until(refused_twice)
            assert seen == {False}
            assert "refused the log-in" in health.problem
            assert "not the password" not in health.problem
            assert b"paifang_broker_connected 0.0" in metrics.text()


def test_a_refused_subscription_is_never_reported_as_connected(tmp_path: Path) -> None:
    with embedded(tmp_path / "good") as rig:
        assert rig.account is not None
        password = tmp_path / "password"
        password.write_text(rig.account.password.reveal())
        broker = ExternalBroker(
            host="127.0.0.1", port=rig.port, username="box", password_file=str(password), client_id="other"
        )
        with app.running(Settings(data=str(tmp_path / "other"), broker=broker)) as parts:
            wait_until(lambda: "refused the subscription" in parts.core.health.problem)
            assert not parts.core.health.broker


def test_whoever_knows_the_name_of_the_aggregator_cannot_end_its_connection(rig: Rig, sender: Sender) -> None:
    intruder = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=CLIENT_ID, protocol=mqtt.MQTTv311)
    if rig.account is not None:
        intruder.username_pw_set(rig.account.username, rig.account.password.reveal())
    reconnects = rig.parts.core.metrics.reconnects._value.get()
    intruder.connect("127.0.0.1", rig.port)
    intruder.loop_start()
    wait_until(intruder.is_connected)
    sender.send(*(event(it, time_ns=now_ns()) for it in (1, 2, 3)))
    sender.wait()
    assert rig.parts.core.health.broker
    assert rig.parts.core.metrics.reconnects._value.get() == reconnects
    intruder.disconnect()
    intruder.loop_stop()


def test_the_client_id_is_the_same_after_a_restart_and_another_elsewhere(tmp_path: Path) -> None:
    def made(folder: Path) -> str:
        folder.mkdir(exist_ok=True)
        return KeyRing(folder, os.urandom).client_id(CLIENT_ID)

    assert made(tmp_path / "a") == made(tmp_path / "a") != made(tmp_path / "b")
    assert made(tmp_path / "a").startswith(f"{CLIENT_ID}-")
