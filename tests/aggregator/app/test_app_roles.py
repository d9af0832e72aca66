"""The composition root builds only the roles that were asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Set
from pathlib import Path

import httpx2
import pytest
from agg_support import PASSWORD, plain_client, wait_until
from port_kit import free_port

from aggregator import app
from aggregator.app import Role
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.settings.aggregator import EmbeddedBroker, Http, Settings
from common.secret import Secret


def made(folder: Path) -> Settings:
    return Settings(data=str(folder / "data"), http=Http(port=free_port()), broker=EmbeddedBroker(port=free_port()))


def test_ingest_alone_serves_no_pages(tmp_path: Path) -> None:
    settings, stop = made(tmp_path), threading.Event()
    roles: Set[Role] = {"ingest"}
    thread = threading.Thread(target=app.run, args=(settings, stop), kwargs={"roles": roles})
    thread.start()
    try:
        wait_until(lambda: _connects(settings.broker))
        with pytest.raises(httpx2.ConnectError), plain_client(f"http://127.0.0.1:{settings.http.port}") as client:
            client.get("/healthz")
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def _connects(broker: object) -> bool:
    assert isinstance(broker, EmbeddedBroker)
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", broker.port)) == 0


def test_a_web_process_works_beside_the_one_that_ingests(tmp_path: Path) -> None:
    settings = made(tmp_path)
    with app.running(settings, {"ingest"}):
        app.add_user(settings, "li", Secret(PASSWORD), [RoleAssignment("supervisor")])
        roles: Set[Role] = {"web"}
        with app.running(settings, roles) as parts:
            token = parts.access.authenticator.log_in("li", Secret(PASSWORD), "127.0.0.1")
            caller = parts.access.authenticator.who(token)
            assert caller is not None
            assert caller.name == "li"
            assert not parts.core.health.broker


def test_a_stopped_aggregator_leaves_one_complete_file(tmp_path: Path) -> None:
    """What is copied after a stop holds everything, without SQLite's log."""
    settings = made(tmp_path)
    with app.running(settings, {"ingest"}) as parts:
        app.add_user(settings, "li", Secret(PASSWORD), [RoleAssignment("supervisor")])
        assert parts.core.reader.user("li")
    files = {it.name for it in Path(settings.data).iterdir()}
    assert "aggregator.db" in files
    assert not {"aggregator.db-wal", "aggregator.db-shm"} & files
    app.add_user(settings, "wang", Secret(PASSWORD), [RoleAssignment("supervisor")])
    assert {it.name for it in Path(settings.data).iterdir()} == files
