from __future__ import annotations

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import postgres_kit
import pytest
from oidc_provider_mock import User, run_server_in_thread
from postgres_kit import Server

from aggregator.domain.store_port import Store, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.settings.postgres import Postgres
from aggregator.storage import STORES
from common.clock import FakeClock
from protocol.identifiers import uuid7

from agg_support import START_NS, Web, running_web  # isort: skip
from loop_guard import guarded_loop  # isort: skip


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One whole aggregator for the session: NiceGUI's state is global, so there can be one only."""
    people = [User(sub=sub, claims={"preferred_username": name}) for sub, name in (("s-1", "zhao"), ("s-2", "li"))]
    with run_server_in_thread(user_claims=people) as provider:
        issuer = f"http://localhost:{provider.server_port}"
        with guarded_loop() as guard:
            with running_web(tmp_path_factory.mktemp("web"), issuer) as made:
                yield made
            assert guard.found == set(), "calls that block the event loop"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now_ns=START_NS)


@pytest.fixture
def new_id(clock: FakeClock) -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: uuid7(clock.wall_ns(), next(numbers).to_bytes(10, "big"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """One real PostgreSQL for all tests; each takes a database of its own.

    It need not outlive this machine's power, so it does not flush; a killed process loses nothing by that.
    """
    with postgres_kit.running("fsync=off", "full_page_writes=off") as server:
        yield server


@pytest.fixture(scope="session")
def postgres_databases(postgres_server: Server) -> Callable[[], Postgres]:
    """Makes new empty databases. They end with the server: to drop each would take a checkpoint of all of them."""
    return postgres_server.new_database


@pytest.fixture(params=sorted(STORES))
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Every store there is: makes new empty ones."""
    with contextlib.ExitStack() as stack:

        def make() -> Store:
            postgres = request.getfixturevalue("postgres_databases")() if request.param == "postgres" else Postgres()
            folder = Path(tempfile.mkdtemp(dir=tmp_path))
            made = STORES[request.param](folder, postgres)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    """One of every kind there is."""
    return make_store()


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    opened = store.writer()
    yield opened
    opened.close()


@pytest.fixture
def processor(writer: Writer, clock: FakeClock, new_id: Callable[[], str]) -> BatchProcessor:
    return BatchProcessor(writer, clock, new_id)
