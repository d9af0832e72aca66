"""Publishing at mosquitto with the access list of the documents, their clients, and the embedded broker's file."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from agg_support import answers, mosquitto, wait_until
from descriptor_kit import LOW, low_descriptors_taken
from mqtt_kit import FeedClient, can_log_in, feed_client
from port_kit import free_port

from aggregator.app.broker import feed_connector
from aggregator.domain.feeds.mqtt_output import FeedAccount, MqttMessage
from aggregator.messaging.broker_config import BrokerCredentials, configuration
from aggregator.messaging.embedded_broker import EmbeddedServer
from aggregator.messaging.feed_link import FeedLink
from aggregator.messaging.mqtt_client import BrokerEndpoint, MqttClient
from aggregator.settings.aggregator import EmbeddedBroker, ExternalBroker, Settings
from aggregator.storage.keyring import KeyRing
from common.errors import BrokerError, StoreError
from common.running.backoff import Backoff
from common.secret import Secret

PAGE = (Path(__file__).parents[3] / "docs" / "integrate" / "mqtt.md").read_text(encoding="utf-8")
ONE, OTHER = "01890000-0000-7000-8000-000000000001", "01890000-0000-7000-8000-000000000002"
BODY = b'{"time": "t", "type": "paifang.door.forced.v1", "source": "/s/b/p", "data": {"door": "d"}}'


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """mosquitto with the access list of the documents; it asks for no passwords here."""
    (acl,) = re.findall(r"```\n(user aggregator.*?)```", PAGE, re.DOTALL)
    folder, port = tmp_path_factory.mktemp("mosquitto"), free_port()
    (folder / "acl").write_text(acl)
    (folder / "acl").chmod(0o600)
    with mosquitto(folder, port, f"acl_file {folder / 'acl'}\n"):
        yield port


@pytest.fixture
def connect(port: int, tmp_path: Path) -> Callable[[str], FeedLink]:
    broker = ExternalBroker(host="127.0.0.1", port=port, username="aggregator")
    return feed_connector(Settings(broker=broker), KeyRing(tmp_path, secrets.token_bytes))


@pytest.fixture
def link(connect: Callable[[str], FeedLink]) -> Iterator[FeedLink]:
    made = connect(ONE)
    yield made
    made.close()


def account(consumer: str) -> dict[str, str]:
    return {"username": consumer, "password": "x"}


def test_with_the_documented_access_list_each_consumer_reads_its_own_tree_and_writes_nothing(
    port: int, link: FeedLink
) -> None:
    MqttClient.open(BrokerEndpoint("127.0.0.1", port, "agg", "aggregator")).close()
    own, other = f"paifang/feed/v1/{ONE}/s/events/p/door/forced", f"paifang/feed/v1/{OTHER}/s/events/p/door/forced"
    with feed_client(port, account(ONE)) as it, feed_client(port, account(OTHER), "other") as second:
        for client in (it, second):
            client.subscribe("paifang/#", "#")  # mosquitto grants it, and hands over what the list allows
        for topic in (own, "paifang/v1/s/b/events"):
            with feed_client(port, account(ONE), "writer") as writer:
                writer.client.publish(topic, b"not allowed", qos=1)
                wait_until(lambda it=writer: bool(it.published) or it.ended.is_set())  # type: ignore[misc]
        link.deliver([MqttMessage(own, b"1"), MqttMessage(other, b"2"), MqttMessage(own, b"3")])
        wait_until(lambda: len({payload for _, payload, _ in it.got}) == 2 and len(second.got) > 0)
        assert {(topic, payload) for topic, payload, _ in it.got} == {(own, b"1"), (own, b"3")}
        assert {(topic, payload) for topic, payload, _ in second.got} == {(other, b"2")}


def test_more_than_fits_the_window_is_acknowledged_in_order(port: int, link: FeedLink) -> None:
    topic = f"paifang/feed/v1/{ONE}/s/events/p/line/crossed"
    with feed_client(port, account(ONE), "window") as it:
        it.subscribe(f"paifang/feed/v1/{ONE}/#")
        link.deliver([MqttMessage(topic, b"%d" % number) for number in range(1000)])
        wait_until(lambda: len(it.got) == 1000)
        assert [payload for _, payload, _ in it.got] == [b"%d" % number for number in range(1000)]


def test_it_connects_and_publishes_where_many_files_are_open(port: int, connect: Callable[[str], FeedLink]) -> None:
    """With 1,000 browsers open, a link that was lost never came back: select(2) ends at 1,024 descriptors."""
    with low_descriptors_taken():
        link = connect(OTHER)
    with contextlib.closing(link), feed_client(port, account(OTHER), "many") as it:
        assert link.fileno() >= LOW
        it.subscribe(f"paifang/feed/v1/{OTHER}/#")
        link.deliver([MqttMessage(f"paifang/feed/v1/{OTHER}/s/events/p/line/crossed", BODY)])
        wait_until(lambda: len(it.got) == 1)


def programs() -> list[list[str]]:
    (python,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (shell,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    return [[sys.executable, "-c", python], ["sh", "-c", f"exec {shell}"]]


@pytest.mark.parametrize("command", programs(), ids=["python", "shell"])
def test_the_clients_of_the_documents_print_events(port: int, link: FeedLink, command: list[str]) -> None:
    assert shutil.which("mosquitto_sub"), "the shell client needs Debian's mosquitto-clients"
    name = ONE if command[0] == "sh" else OTHER
    environment = {
        "MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(port), "MQTT_USER": name, "MQTT_PASSWORD": "x",
        "PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    message = MqttMessage(f"paifang/feed/v1/{name}/s/events/p/door/forced", BODY, retain=True)
    try:
        link.deliver([message])  # retained, so that it comes whenever the client is ready
        assert process.stdout is not None
        assert "paifang.door.forced.v1" in process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def test_a_connection_that_the_broker_closes_is_an_error(connect: Callable[[str], FeedLink], link: FeedLink) -> None:
    link.deliver([])
    usurper = connect(ONE)  # the same client id
    with pytest.raises(BrokerError, match=r"closed|lost"):
        link.deliver([MqttMessage(f"paifang/feed/v1/{ONE}/x", b"x")])
    usurper.close()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nobody = silent.getsockname()[1]
    with pytest.raises(BrokerError):
        FeedLink.to(BrokerEndpoint("127.0.0.1", nobody, "x"))


def test_the_embedded_broker_has_an_account_for_each_consumer_and_none_for_one_that_is_paused(tmp_path: Path) -> None:
    users = {name: BrokerCredentials(name, Secret(f"{name} word")) for name in ("box", "aggregator")}
    feeds = [FeedAccount(ONE, Secret("one"), Secret("p1")), FeedAccount(OTHER, None, Secret("p2"))]
    text = configuration(tmp_path, EmbeddedBroker(store_mb=100), users, feeds)
    assert f'user: "{ONE}", password: "one", allowed_connection_types: ["MQTT"]' in text
    assert f'user: "{OTHER}"' not in text
    assert f'user: "publisher-{OTHER}", password: "p2"' in text
    assert text.count("max_connections: 8") == 2
    assert "boxes { jetstream: { max_file: 100MB }" in text


def test_a_broker_that_restarts_while_the_store_is_away_keeps_the_accounts_of_consumers(tmp_path: Path) -> None:
    settings = EmbeddedBroker(port=free_port())
    users = {name: BrokerCredentials(name, Secret(f"{name} word")) for name in ("box", "aggregator")}
    away: list[StoreError] = []

    def feeds() -> list[FeedAccount]:
        if away:
            raise away[0]
        return [FeedAccount(ONE, Secret("one"), Secret("p"))]

    folder = tmp_path / "broker" / "jetstream"
    for name in (f"feed-{OTHER}", "$G"):
        (folder / name).mkdir(parents=True)
    server = EmbeddedServer(settings, tmp_path, users, Backoff(lambda: 0.5, 0.01, 0.02), feeds)
    server.start()
    try:
        assert not (folder / f"feed-{OTHER}").exists(), "it has no account any more"
        assert not (folder / "$G").exists(), "what older versions kept for boxes has moved to their account"
        first = server.pid
        assert first is not None
        away.append(StoreError("away"))
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: server.pid not in (None, first) and answers(settings.port))
        with feed_client(settings.port, {"username": ONE, "password": "one"}) as it:
            assert it.accepted
    finally:
        server.stop()


def test_boxes_stay_connected_while_consumers_come_and_go(tmp_path: Path) -> None:
    settings, lists = EmbeddedBroker(port=free_port()), "paifang/v1/village/lists"
    users = {name: BrokerCredentials(name, Secret("word")) for name in ("box", "aggregator")}
    known: list[FeedAccount] = []
    server = EmbeddedServer(settings, tmp_path, users, Backoff(lambda: 0.5, 0.01, 0.02), lambda: known)
    server.start()

    def client(name: str, session: str) -> AbstractContextManager[FeedClient]:
        return feed_client(settings.port, {"username": name, "password": "word"}, session)

    try:
        with client("box", "gate") as box, client("aggregator", "centre") as centre:
            box.subscribe(lists)
            centre.client.publish(lists, b"first", qos=1, retain=True)
            wait_until(lambda: len(box.got) == 1)
            known.append(FeedAccount(ONE, Secret("word"), Secret("p")))
            server.refresh()
            wait_until(lambda: can_log_in(settings.port, {"username": ONE, "password": "word"}))
            with client(ONE, "consumer") as consumer:
                known.clear()
                server.refresh()
                assert consumer.ended.wait(10)
            centre.client.publish(lists, b"second", qos=1, retain=True)
            wait_until(lambda: len(box.got) == 2)
            assert [it.ended.is_set() for it in (box, centre)] == [False, False]
        with client("box", "later") as later:
            later.subscribe(lists)
            wait_until(lambda: later.got == [(lists, b"second", True)])
    finally:
        server.stop()
