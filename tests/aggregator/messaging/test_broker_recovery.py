"""The embedded broker comes back: from kills, and from files that it cannot recover."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from agg_support import wait_until
from port_kit import free_port

from aggregator.messaging.broker_config import BrokerCredentials, accounts
from aggregator.messaging.broker_recovery import RecoveringConnect
from aggregator.messaging.embedded_broker import DAMAGED, STORE, EmbeddedServer
from aggregator.messaging.mqtt_client import BrokerEndpoint, MqttClient
from aggregator.settings.aggregator import EmbeddedBroker
from common.errors import BrokerError, BrokerRefused
from common.running.backoff import Backoff
from common.secret import Secret

KILLS = 50


class Place:
    """Where an embedded broker lives, and how the aggregator logs in."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.settings = folder, EmbeddedBroker(port=free_port())
        self.users: dict[str, BrokerCredentials] = accounts(folder, self.settings, lambda: "password")
        self.server = EmbeddedServer(self.settings, folder, self.users, Backoff(lambda: 0.5, 0.01, 0.02))
        own = self.users["aggregator"]
        self.target = BrokerEndpoint("127.0.0.1", self.settings.port, "aggregator", own.username, own.password)

    def open(self) -> MqttClient:
        return MqttClient.open(self.target, 5.0)

    def opened(self) -> MqttClient:
        """A link, as soon as there is one."""
        links: list[MqttClient] = []

        def tried() -> bool:
            try:
                links.append(self.open())
            except BrokerError:
                return False
            return True

        wait_until(tried)
        return links[0]

    def box(self) -> MqttClient:
        """The same with a box's account, which may not subscribe to events."""
        own = self.users["box"]
        return MqttClient.open(BrokerEndpoint("127.0.0.1", self.settings.port, "box", own.username, own.password), 5.0)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    try:
        yield made
    finally:
        made.server.stop()


@pytest.mark.parametrize(("said", "given"), [(None, b"GOGC=50"), ("80", b"GOGC=80")])
def test_its_heap_grows_by_half_unless_the_operator_says_otherwise(
    place: Place, monkeypatch: pytest.MonkeyPatch, said: str | None, given: bytes
) -> None:
    monkeypatch.delenv("GOGC", raising=False)
    if said is not None:
        monkeypatch.setenv("GOGC", said)
    place.server.start()
    environment = Path(f"/proc/{place.server.pid}/environ").read_bytes().split(b"\0")
    assert [it for it in environment if it.startswith(b"GOGC=")] == [given]


@pytest.mark.timeout(240)
def test_fifty_kills_in_a_row_and_it_is_back_each_time(place: Place) -> None:
    """Killed while a session is made, while it lasts, and at once after it: the instants differ by chance."""
    chance = random.Random(50)
    place.server.start()
    for _ in range(KILLS):
        pid = place.server.pid
        assert pid is not None
        wait_until(lambda: int((place.folder / "broker.pid").read_text()) == pid)  # noqa: B023 - flushed after its start
        killer = threading.Timer(chance.uniform(0, 0.03), os.kill, (pid, signal.SIGKILL))
        killer.start()
        with contextlib.suppress(BrokerError):  # the kill came first
            place.open().close()
        killer.join()
        wait_until(lambda: place.server.pid not in (None, pid))  # noqa: B023
        place.opened().close()
    assert place.server.restarts == KILLS
    assert not (place.folder / DAMAGED).exists()


def test_files_that_cannot_be_recovered_are_set_aside_at_the_start(place: Place) -> None:
    jetstream = place.folder / STORE / "jetstream"
    jetstream.parent.mkdir()
    jetstream.write_text("no folder")
    place.server.start()
    place.opened().close()
    assert (place.folder / DAMAGED / "jetstream").read_text() == "no folder"


def test_files_that_cannot_be_recovered_are_set_aside_after_a_kill(place: Place) -> None:
    place.server.start()
    pid = place.server.pid
    assert pid is not None
    store = place.folder / STORE
    os.kill(pid, signal.SIGSTOP)
    store.rename(place.folder / "away")
    store.write_text("no folder")
    os.kill(pid, signal.SIGKILL)
    place.opened().close()
    assert (place.folder / DAMAGED).read_text() == "no folder"


def test_a_session_that_is_refused_again_and_again_makes_it_start_over(place: Place) -> None:
    place.server.start()
    first = place.server.pid
    connect = RecoveringConnect(place.box, place.server, refusals=3)
    problems = []
    for _ in range(3):
        assert place.server.pid == first
        with pytest.raises(BrokerError) as refused:  # rarely the server is still closing the session before
            connect()
        problems.append(refused.value)
    assert any(isinstance(it, BrokerRefused) and "subscription" in str(it) for it in problems)
    wait_until(lambda: place.server.pid not in (None, first))
    place.opened().close()
    assert (place.folder / DAMAGED).is_dir()


class Down:
    """A server that does not run: the fake beside the protocol."""

    pid: int | None = None
    started_over = 0

    def start_over(self) -> None:
        self.started_over += 1


def test_a_server_that_does_not_run_is_not_started_over() -> None:
    def refused() -> object:
        raise BrokerError("connection refused")

    server = Down()
    connect = RecoveringConnect(refused, server, refusals=2)
    for _ in range(10):
        with pytest.raises(BrokerError):
            connect()
    assert server.started_over == 0


def test_a_link_that_opens_now_and_then_is_no_reason_to_start_over() -> None:
    answers = iter([False, True] * 10)

    def sometimes() -> object:
        if not next(answers):
            raise BrokerError("closed during the log-in")
        return object()

    server = Down()
    server.pid = 7
    connect = RecoveringConnect(sometimes, server, refusals=2)
    for _ in range(10):
        with pytest.raises(BrokerError):
            connect()
        connect()
    assert server.started_over == 0


def test_a_taken_port_sets_no_files_aside(place: Place, tmp_path: Path) -> None:
    place.server.start()
    other = Place(tmp_path / "other")
    (tmp_path / "other" / STORE).mkdir()
    settings = EmbeddedBroker(port=place.settings.port)
    users = {name: BrokerCredentials(it.username, Secret("p")) for name, it in place.users.items()}
    second = EmbeddedServer(settings, other.folder, users, Backoff(lambda: 0.5))
    with pytest.raises(BrokerError, match=f"port {place.settings.port}"):
        second.start()
    assert (other.folder / STORE).is_dir()
