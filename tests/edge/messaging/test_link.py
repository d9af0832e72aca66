"""The box's connection to real brokers: mosquitto with passwords, TLS and MQTT 5; broker absent, killed, refusing."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from edge_kit import draft, open_outbox, wait_until
from port_kit import free_port

from common.clock import SystemClock
from common.errors import BrokerError, SettingsError
from common.running.backoff import Backoff
from edge.access.site_lists.site_list_store import ListStore
from edge.messaging.command_handler import CommandDispatcher
from edge.messaging.mqtt_client import MqttClient
from edge.messaging.outbox_publisher import OutboxPublisher
from edge.messaging.witness import Witness
from edge.settings.node import BrokerSettings
from protocol import site_lists
from protocol.receipts import BoxStatus, Receipt, encode
from protocol.signing import checkpoints
from protocol.signing.trust_anchor import Trust
from protocol.topics import BoxTopics

TOPICS = BoxTopics("site", "box")
TRUST = Trust("site", "00" * 32, "11" * 32)
MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class Mosquitto:
    """A real broker on loopback."""

    def __init__(self, folder: Path, lines: str = "allow_anonymous true", port: int = 0) -> None:
        self.port, self._folder = port or free_port(), folder
        self.config = folder / "mosquitto.conf"
        self.tell(lines)
        self._child: subprocess.Popen[bytes] | None = None

    def tell(self, lines: str) -> None:
        """Write its configuration; it must be able to read files that only we may."""
        self.config.write_text(f"user {getpass.getuser()}\nlistener {self.port} 127.0.0.1\n{lines}\n")

    def start(self) -> None:
        """Start it and wait until it listens."""
        out = (self._folder / "mosquitto.log").open("ab")
        with out:
            self._child = subprocess.Popen([MOSQUITTO, "-c", str(self.config)], stdout=out, stderr=out)
        wait_until(self._listens, what="mosquitto")

    def kill(self) -> None:
        """kill -9."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path


@pytest.fixture
def broker(folder: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(folder)
    yield made
    made.kill()


def link_to(port: int, folder: Path, **facts: object) -> MqttClient:
    settings = BrokerSettings(port=port, **facts)  # type: ignore[arg-type]
    will = (TOPICS.status, encode(BoxStatus(online=False)))
    return MqttClient(settings, folder, "paifang-test", will, Backoff(lambda: 0.0, 0.2, 1.0))


def close(link: MqttClient) -> None:
    link.stop(TOPICS.status, encode(BoxStatus(online=False)))


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_events_reach_a_real_broker_and_come_back(broker: Mosquitto, folder: Path, protocol: str) -> None:
    broker.start()
    link = link_to(broker.port, folder, protocol=protocol)
    heard: list[bytes] = []
    link.subscribe(TOPICS.receipts, heard.append)
    acknowledged: list[int] = []
    link.on_puback(acknowledged.append)
    link.start()
    wait_until(lambda: link.connected)
    mid = link.publish(TOPICS.receipts, b"hello")
    wait_until(lambda: heard == [b"hello"] and mid in acknowledged)
    close(link)


def test_a_broker_that_is_not_there_is_waited_for(broker: Mosquitto, folder: Path) -> None:
    link = link_to(broker.port, folder)
    link.start()
    time.sleep(0.5)
    assert not link.connected
    with pytest.raises(BrokerError, match="not connected"):
        link.publish("t", b"x")
    broker.start()
    wait_until(lambda: link.connected)
    close(link)


def test_a_refused_login_is_never_reported_as_connected(broker: Mosquitto, folder: Path) -> None:
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "box", "right"], check=True, capture_output=True)
    passwords.chmod(0o644)
    broker.tell(f"allow_anonymous false\npassword_file {passwords}")
    broker.start()
    (folder / "secret").write_text("wrong\n")
    states: list[bool] = []
    link = link_to(broker.port, folder, username="box", password_file="secret")
    link.on_state(states.append)
    link.start()
    wait_until(lambda: link.refused is not None)
    assert (link.connected, True in states, link.connects) == (False, False, 0)
    assert "wrong" not in str(link.refused)
    close(link)
    (folder / "secret").write_text("right\n")
    retry = link_to(broker.port, folder, username="box", password_file="secret")
    retry.start()
    wait_until(lambda: retry.connected)
    close(retry)


def test_a_killed_broker_loses_nothing(broker: Mosquitto, folder: Path) -> None:
    broker.start()
    outbox = open_outbox(folder / "o.db")
    link = link_to(broker.port, folder)
    publisher = OutboxPublisher(outbox, link, TOPICS, SystemClock())
    received: list[bytes] = []
    other = link_to(broker.port, folder)
    other._client._client_id = b"listener"
    other.subscribe(TOPICS.events, received.append)
    link.start()
    other.start()
    publisher.start()
    wait_until(lambda: link.connected and other.connected)
    outbox.put([draft(1), draft(2)])
    wait_until(lambda: len(received) == 2)
    broker.kill()
    wait_until(lambda: not link.connected)
    outbox.put([draft(3)])
    assert outbox.store.waiting == 3
    broker.start()
    wait_until(lambda: link.connected and other.connected)
    outbox.put([draft(4)])
    other.publish(TOPICS.receipts, encode(Receipt(epoch=outbox.epoch, ranges=[(1, 1), (4, 4)])))
    wait_until(lambda: len(set(received)) == 4, what="every event at the listener")
    wait_until(lambda: outbox.store.waiting == 2)
    publisher.stop()
    close(link)
    close(other)
    outbox.close()


def test_the_will_is_left_when_the_box_vanishes_and_not_when_it_stops(broker: Mosquitto, folder: Path) -> None:
    broker.start()
    link, other = link_to(broker.port, folder), link_to(broker.port, folder)
    other._client._client_id = b"listener"
    heard: list[bytes] = []
    other.subscribe(TOPICS.status, heard.append)
    link.start()
    other.start()
    wait_until(lambda: link.connected and other.connected)
    link._client.socket().shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]
    wait_until(lambda: heard == [encode(BoxStatus(online=False))])
    wait_until(lambda: link.connected)
    link.stop(TOPICS.status, b"bye")
    wait_until(lambda: heard[-1] == b"bye")
    close(other)


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_connects_to_who_is_trusted_only(broker: Mosquitto, folder: Path, trusted: bool) -> None:
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    for who in ("server", "other"):
        new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name]
        openssl(folder, *new, "-keyout", f"{who}.key", "-out", f"{who}.pem")
        (folder / f"{who}.key").chmod(0o644)
    broker.tell(f"allow_anonymous true\ncertfile {folder}/server.pem\nkeyfile {folder}/server.key")
    broker.start()
    link = link_to(broker.port, folder, tls=True, ca_file="server.pem" if trusted else "other.pem")
    link.start()
    if trusted:
        wait_until(lambda: link.connected)
    else:
        time.sleep(1.0)
    assert link.connected == trusted
    close(link)


def test_files_that_cannot_be_used_are_named(folder: Path) -> None:
    with pytest.raises(SettingsError, match="none"):
        link_to(1, folder, username="box", password_file="none")
    (folder / "bad.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match="cannot be used"):
        link_to(1, folder, tls=True, ca_file="bad.pem")


def test_no_listener_ends_the_connection(broker: Mosquitto, folder: Path) -> None:
    broker.start()
    link = link_to(broker.port, folder)
    heard: list[bytes] = []

    def fail(_: object) -> None:
        raise RecursionError

    link.subscribe(TOPICS.command("clip"), fail)
    link.subscribe(TOPICS.receipts, heard.append)
    link.on_puback(fail)
    link.on_state(fail)
    link.start()
    wait_until(lambda: link.connected)
    link.publish(TOPICS.command("clip"), b"x")
    wait_until(lambda: link.failures >= 3)
    link.publish(TOPICS.receipts, b"still there")
    wait_until(lambda: heard == [b"still there"])
    assert (link.connects, link.restarts) == (1, 0)
    close(link)


def test_nested_json_on_every_topic_of_the_box_ends_nothing(broker: Mosquitto, folder: Path) -> None:
    broker.start()
    link, witness = link_to(broker.port, folder), Witness(folder, TRUST)
    lists = ListStore(folder, "site", TRUST)
    remote = CommandDispatcher(link, TOPICS, TRUST, SystemClock(), {})
    link.subscribe(site_lists.topic("site"), lists.take)
    link.subscribe(checkpoints.topic("site"), witness.take)
    link.start()
    wait_until(lambda: link.connected)
    for topic in (site_lists.topic("site"), checkpoints.topic("site"), TOPICS.command("open-gate")):
        link.publish(topic, b"[" * 5_000)
    wait_until(lambda: (lists.refused, witness.refused, remote.refused) == (1, 1, 1))
    assert (link.failures, link.restarts, link.connected) == (0, 0, True)
    close(link)


def test_retained_commands_are_dropped_and_counted(broker: Mosquitto, folder: Path) -> None:
    broker.start()
    link, will = link_to(broker.port, folder), (TOPICS.status, encode(BoxStatus(online=False)))
    sender = MqttClient(BrokerSettings(port=broker.port), folder, "another", will, Backoff(lambda: 0.0, 0.2, 1.0))
    heard: list[bytes] = []
    stored: list[int] = []
    sender.on_puback(stored.append)
    for topic in (TOPICS.command("open-gate"), site_lists.topic("site")):
        link.subscribe(topic, heard.append)
    sender.start()
    wait_until(lambda: sender.connected)
    sender.publish(TOPICS.command("open-gate"), b"retained", retain=True)
    sender.publish(site_lists.topic("site"), b"a list is retained", retain=True)
    wait_until(lambda: len(stored) == 2)
    link.start()
    wait_until(lambda: link.retained == 1)
    wait_until(lambda: heard == [b"a list is retained"])
    sender.publish(TOPICS.command("open-gate"), b"live")
    wait_until(lambda: heard == [b"a list is retained", b"live"])
    close(link)
    close(sender)


def test_a_thread_of_the_client_that_has_ended_is_started_again(
    broker: Mosquitto, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.start()
    link = link_to(broker.port, folder)
    heard: list[bytes] = []
    link.subscribe(TOPICS.receipts, heard.append)
    link.start()
    wait_until(lambda: link.connected)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    link._client.loop_stop()  # as after an exception inside the library
    link.restart_if_stopped()
    assert link.restarts == 1
    wait_until(lambda: link.connected)
    link.publish(TOPICS.receipts, b"back")
    wait_until(lambda: heard == [b"back"])
    link.restart_if_stopped()
    assert link.restarts == 1
    close(link)
