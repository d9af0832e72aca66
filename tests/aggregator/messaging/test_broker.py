from __future__ import annotations

import socket
from pathlib import Path

import pytest
from port_kit import free_port

from aggregator.messaging.broker_config import ACCOUNTS_FILE, MAX_ACK_PENDING, PERMISSIONS, accounts, configuration
from aggregator.messaging.embedded_broker import EmbeddedServer
from aggregator.messaging.mqtt_client import SUBSCRIPTIONS, BrokerEndpoint, MqttClient
from aggregator.settings.aggregator import EmbeddedBroker
from common.errors import BrokerError, BrokerRefused
from common.running.backoff import Backoff
from common.secret import Secret


def test_accounts_are_made_once_and_are_private(tmp_path: Path) -> None:
    tokens = iter(["one", "two", "three", "four"])
    settings = EmbeddedBroker()
    first = accounts(tmp_path, settings, lambda: next(tokens))
    again = accounts(tmp_path, EmbeddedBroker(port=1999), lambda: next(tokens))
    assert first == again
    assert first["box"].password != first["aggregator"].password
    path = tmp_path / ACCOUNTS_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert b'"port":1999' in path.read_bytes()
    assert "one" not in repr(first)


def test_a_broken_accounts_file_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / ACCOUNTS_FILE).write_text("{}")
    with pytest.raises(BrokerError, match="remove it"):
        accounts(tmp_path, EmbeddedBroker(), lambda: "x")


def test_limits_add_up_to_what_the_server_takes() -> None:
    assert MAX_ACK_PENDING * (len(SUBSCRIPTIONS) + 4) <= 65_535


def test_a_box_may_not_issue_receipts_nor_read_events() -> None:
    box = PERMISSIONS["box"]
    assert not any(it.endswith("receipts") for it in box["publish"])
    assert not any(it.endswith("events") for it in box["subscribe"])


def test_odd_paths_cannot_break_the_configuration(tmp_path: Path) -> None:
    users = accounts(tmp_path, EmbeddedBroker(), lambda: 'a"b\\c')
    text = configuration(tmp_path / 'a "quoted" folder', EmbeddedBroker(), users)
    assert '\\"quoted\\"' in text
    assert 'password: "a\\"b\\\\c"' in text


def test_a_taken_port_is_an_error_that_names_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = EmbeddedBroker(port=port)
        users = accounts(tmp_path, settings, lambda: "secret-token")
        server = EmbeddedServer(settings, tmp_path, users, Backoff(lambda: 0.5))
        with pytest.raises(BrokerError, match=f"port {port}"):
            server.start()
        server.stop()
        assert server.pid is None


def test_a_link_is_open_only_when_it_is_accepted(tmp_path: Path) -> None:
    settings = EmbeddedBroker(port=free_port())
    users = accounts(tmp_path, settings, lambda: "the right password")
    target = BrokerEndpoint("127.0.0.1", settings.port, "a", "aggregator", Secret("the right password"))
    with pytest.raises(BrokerError):
        MqttClient.open(target)
    server = EmbeddedServer(settings, tmp_path, users, Backoff(lambda: 0.5))
    server.start()
    try:
        link = MqttClient.open(target)
        assert link.collect(10) == []
        link.close()
        with pytest.raises(BrokerRefused, match="log-in"):
            MqttClient.open(BrokerEndpoint("127.0.0.1", settings.port, "a", "aggregator", Secret("wrong")))
        with pytest.raises(BrokerRefused, match="subscription"):
            MqttClient.open(BrokerEndpoint("127.0.0.1", settings.port, "b", "box", Secret("the right password")))
    finally:
        server.stop()


def test_a_port_that_answers_nothing_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(BrokerError, match="no answer to the log-in"):
        MqttClient.open(BrokerEndpoint("127.0.0.1", silent.getsockname()[1], "a"), timeout_s=0.2)
