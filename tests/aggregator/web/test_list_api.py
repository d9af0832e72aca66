"""Lists and commands through the running aggregator, its real broker, and a box's own parts at the other end."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from agg_support import Web, wait_until

from aggregator.domain.audit import audit_entry
from common.clock import SystemClock
from common.errors import RelayError
from common.running.backoff import Backoff
from edge.access.site_lists.site_list_store import ListStore
from edge.messaging.command_handler import CommandDispatcher
from edge.messaging.mqtt_client import MqttClient
from edge.settings.node import BrokerSettings
from protocol import site_lists
from protocol.commands import Command
from protocol.topics import BoxTopics

PLATE = "京A12345"
LIST = "/api/sites/village/list"
GATE = "/api/sites/village/boxes/gate-9/gates/gate-cam/open"


@contextlib.contextmanager
def box(web: Web, folder: Path) -> Iterator[tuple[ListStore, list[Command]]]:
    """The parts of a box that listen: lists and commands."""
    trust = web.parts.core.keys.trust("village")
    store, opened = ListStore(folder, "village", trust), list[Command]()
    (folder / "password").write_text(web.account.password.reveal())
    told = BrokerSettings(port=web.broker_port, username=web.account.username, password_file="password")
    topics = BoxTopics("village", "gate-9")
    link = MqttClient(told, folder, "list-test", (topics.status, b"{}"), Backoff(random.random))
    link.subscribe(site_lists.topic("village"), store.take)

    def open_gate(command: Command) -> None:
        if command.target != "gate-cam":
            raise RelayError(f"there is no gate '{command.target}'")
        opened.append(command)

    remote = CommandDispatcher(link, topics, trust, SystemClock(), {"open-gate": open_gate})
    remote.start()
    link.start()
    try:
        wait_until(lambda: link.connected)
        yield store, opened
    finally:
        remote.stop()
        link.stop(topics.status, b'{"online": false}')


def test_an_entry_reaches_the_box_and_leaves_it(web: Web, tmp_path: Path) -> None:
    with web.logged_in() as client, box(web, tmp_path) as (store, _):
        answer = client.post(LIST, json={"text": "京a·12345", "standing": "registered", "owner": "house 7"})
        assert answer.status_code == 201
        entry = answer.json()["id"]
        wait_until(lambda: store.find("vehicle", PLATE, 0) is not None)
        found = store.find("vehicle", PLATE, 0)
        assert found is not None
        assert (found.entry, found.standing) == (entry, "registered")
        assert [it["text"] for it in client.get(LIST).json()["entries"]] == [PLATE]
        assert client.delete(f"{LIST}/{entry}").status_code == 200
        wait_until(lambda: store.find("vehicle", PLATE, 0) is None)
        assert client.delete(f"{LIST}/{entry}").status_code == 404


def test_csv_in_and_out(web: Web) -> None:
    table = "text,standing,owner\n京B54321,registered,house 8\n京B5432,registered,house 9\n"
    with web.logged_in() as client:
        answer = client.post(f"{LIST}.csv", content=table.encode())
        assert answer.json()["added"] == 1
        assert [it["line"] for it in answer.json()["problems"]] == [3]
        export = client.get(f"{LIST}.csv")
        assert "京B54321,registered,house 8" in export.text
        assert client.post(f"{LIST}.csv", content=b"\xff").status_code == 422
        (entry,) = client.get(LIST).json()["entries"]
        client.delete(f"{LIST}/{entry['id']}")


@pytest.mark.parametrize(
    ("body", "status"), [({"text": "x"}, 422), ({"text": PLATE, "standing": "barred", "owner": "x"}, 422)]
)
def test_wrong_entries_are_refused(web: Web, body: dict[str, str], status: int) -> None:
    with web.logged_in() as client:
        answer = client.post(LIST, json=body)
        assert answer.status_code == status
        assert PLATE not in answer.text
        assert client.post("/api/sites/a%20b/list", json={}).status_code in (400, 422)


def test_a_gate_is_opened_by_hand_with_a_reason_and_on_the_record(web: Web, tmp_path: Path) -> None:
    with web.logged_in() as client, box(web, tmp_path) as (_, opened):
        assert client.post(GATE, json={"reason": ""}).status_code == 409
        assert client.post(GATE, json={"reason": "fire brigade"}).json() == {"done": True}
        answer = client.post(GATE.replace("gate-cam", "other"), json={"reason": "fire brigade"})
        assert answer.status_code == 409
        assert "there is no gate 'other'" in answer.text
    assert [(it.by, it.reason) for it in opened] == [("li", "fire brigade")]
    recorded = [audit_entry.decode(entry) for _, entry in web.parts.core.reader.audit_entries(0, 10_000)]
    opens = [(it.target, it.reason) for it in recorded if it.what == "gate.opened"]
    assert opens[-2:] == [("gate-9/gate-cam", "fire brigade"), ("gate-9/other", "fire brigade")]
