from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aggregator.ledger import Ledger
from aggregator.stores import STORES, Store, Writer
from common.clock import FakeClock
from events.identifiers import uuid7

from agg_support import START_NS, Web, running_web  # isort: skip


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One whole aggregator for the session: NiceGUI's state is global, so there can be one only."""
    with running_web(tmp_path_factory.mktemp("web")) as made:
        yield made


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """Debian's Chromium instead of Playwright's own; it must not call home."""
    return {
        "executable_path": "/usr/bin/chromium",
        "args": ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
    }


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now_ns=START_NS)


@pytest.fixture
def new_id(clock: FakeClock) -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: uuid7(clock.wall_ns(), next(numbers).to_bytes(10, "big"))


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Every store there is."""
    return STORES[request.param](tmp_path)


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    opened = store.writer()
    yield opened
    opened.close()


@pytest.fixture
def ledger(writer: Writer, clock: FakeClock, new_id: Callable[[], str]) -> Ledger:
    return Ledger(writer, clock, new_id)
