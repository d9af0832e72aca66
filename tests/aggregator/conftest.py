from __future__ import annotations

import contextlib
import functools
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import postgres_kit
import pytest
from oidc_provider_mock import User, run_server_in_thread
from postgres_kit import Server

from aggregator.domain.store_port import Store, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.settings.postgres import LOCAL, Postgres
from aggregator.storage import STORES
from aggregator.storage.engines import sqlite
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


def with_tables(kind: str, folder: Path, postgres: Postgres = LOCAL) -> None:
    """Make the tables of a store, so that copies of it need no migrations."""
    made = STORES[kind](folder, postgres)
    made.writer().close()
    made.close()


@pytest.fixture(scope="session")
def copied_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a store without rows."""
    folder = tmp_path_factory.mktemp("sqlite")
    with_tables("sqlite", folder)
    return folder / sqlite.FILE


class PostgresStores:
    """Databases with tables and without rows, each for one test at a time."""

    def __init__(self, server: Server) -> None:
        self._server, self._free = server, [server.new_database()]
        with_tables("postgres", Path(), self._free[0])
        self._rows = server.rows(self._free[0])

    @contextlib.contextmanager
    def one(self) -> Iterator[Postgres]:
        if not self._free:
            self._free.append(self._server.new_database())
            with_tables("postgres", Path(), self._free[0])
        taken = self._free.pop()
        yield taken
        self._server.emptied(taken, self._rows)
        self._free.append(taken)


@pytest.fixture(scope="session")
def postgres_stores(postgres_server: Server) -> PostgresStores:
    return PostgresStores(postgres_server)


@pytest.fixture(params=sorted(STORES))
def store_kind(request: pytest.FixtureRequest) -> str:
    """Every store there is."""
    return str(request.param)


@pytest.fixture
def make_empty_store(
    request: pytest.FixtureRequest, store_kind: str, tmp_path: Path
) -> Iterator[Callable[[bool], Store]]:
    """Makes new stores: without rows, or as a new installation finds them."""
    with contextlib.ExitStack() as stack:

        def make(tables: bool = False) -> Store:
            folder, postgres = Path(tempfile.mkdtemp(dir=tmp_path)), LOCAL
            if store_kind == "postgres" and tables:
                postgres = stack.enter_context(request.getfixturevalue("postgres_stores").one())
            elif store_kind == "postgres":
                postgres = request.getfixturevalue("postgres_databases")()
            elif tables:
                shutil.copy(request.getfixturevalue("copied_sqlite"), folder)
            made = STORES[store_kind](folder, postgres)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def make_store(make_empty_store: Callable[[bool], Store]) -> Callable[[], Store]:
    """Makes new stores without rows that need no migration."""
    return functools.partial(make_empty_store, True)


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
