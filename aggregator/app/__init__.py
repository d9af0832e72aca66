"""Builds the aggregator: the only package of the aggregator that makes concrete objects."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Literal, TypeAlias

from aggregator.app.broker import FeedAccounts, broker_connector, new_token
from aggregator.app.offline import (
    add_user,
    check_scopes,
    has_user,
    make_folder,
    open_store,
    remove_user,
    users,
    write_trust,
)
from aggregator.app.parts import Core, Parts, areas_of, assemble
from aggregator.app.web import build_web
from aggregator.auth.passwords import create_one_time_user
from aggregator.domain.store_port import Writer
from aggregator.messaging.mqtt_client import MqttClient
from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.services.feeds.mqtt_service import accounts
from aggregator.settings.aggregator import Settings
from aggregator.storage.keyring import KeyRing
from aggregator.storage.write_queue import WriteQueue
from aggregator.web import server as web_server
from aggregator.web.server import PeriodicJob
from common import logging_setup
from common.clock import SystemClock
from common.errors import BrokerError, StoreError
from common.running.readiness import wait_readable
from common.running.threads import Worker

__all__ = [
    "ROLES",
    "Parts",
    "Role",
    "add_user",
    "areas_of",
    "build_web",
    "check_scopes",
    "has_user",
    "make_folder",
    "new_token",
    "one_time_password",
    "open_store",
    "remove_user",
    "run",
    "running",
    "users",
    "write_trust",
]

_log = logging_setup.get("app")
JOIN_TIMEOUT_S = 15.0
TURN_S = 0.1
Role: TypeAlias = Literal["ingest", "web", "jobs"]
"""What one process does: `ingest` has the link to the broker and the embedded broker, `web` serves the API and the
dashboard, `jobs` asks boxes for clips and unredacted copies and erases old ones."""
ROLES: frozenset[Role] = frozenset(("ingest", "web", "jobs"))


@contextlib.contextmanager
def running(settings: Settings, roles: Set[Role] = ROLES) -> Iterator[Parts]:
    """Broker and ingest, started in this order and stopped in the other.

    Without the role `ingest` the parts work on the store of an aggregator that may be running, and boxes are sent
    nothing.

    Raises:
        SettingsError: Something the settings name is not there.
        BrokerError: The embedded broker does not start.
        StoreError: The store does not open.
    """
    folder = make_folder(settings)
    store = open_store(settings)
    writer = store.writer(sole="ingest" in roles)
    with contextlib.ExitStack() as stack:
        stack.callback(writer.close)
        stack.callback(store.close)  # first: the writer, when it is the last, leaves one complete file
        clock, keys = SystemClock(), KeyRing(folder, secrets.token_bytes)
        core = Core(settings, clock, keys, store.reader(), WriteQueue(writer), Health(clock), Metrics())
        feeds = FeedAccounts(lambda: accounts(core.reader, keys, clock))
        connect = broker_connector(settings, folder, keys, stack, feeds) if "ingest" in roles else _no_link
        parts = assemble(core, writer, connect, feeds.changed.set)
        stop = threading.Event()
        work = parts.messaging.consumer.run if "ingest" in roles else _writing(core.queue)
        thread = Worker(lambda: work(stop), "ingest" if "ingest" in roles else "writer")

        def end() -> None:
            stop.set()
            core.queue.wake()
            thread.join(JOIN_TIMEOUT_S)
            core.queue.close()

        thread.start()
        stack.callback(end)
        parts.monitoring.escalation.check_at_start()
        yield parts


def _no_link() -> MqttClient:
    raise BrokerError("this process has no link to the broker: it runs without the role ingest")


def _writing(queue: WriteQueue[Writer]) -> Callable[[threading.Event], None]:
    """Serves the writer's queue where no consumer does."""

    def work(stop: threading.Event) -> None:
        while not stop.is_set():
            wait_readable(1.0, queue)
            queue.serve()

    return work


def run(settings: Settings, stop: threading.Event, one_time: str | None = None, roles: Set[Role] = ROLES) -> None:
    """Run an aggregator until `stop` is set.

    Args:
        settings: From `config.load`.
        stop: Set by whoever wants it to end.
        one_time: Name of a user to make whose password, valid for one log-in, is printed on standard output.
        roles: What this process does.

    Raises:
        PaifangError: It cannot start; nothing is left running.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(web_server.listening(settings)) if "web" in roles else None
        parts = stack.enter_context(running(settings, roles))
        if one_time is not None:
            _print_one_time(parts.core, one_time)
        jobs = parts.jobs if "jobs" in roles else ()
        if listener is not None:
            beside: list[PeriodicJob] = [*jobs, parts.feeds.video.runner]  # boxes send their streams to this process
            asyncio.run(web_server.serve(build_web(parts), parts.messaging.changes, beside, listener, stop))
        else:
            asyncio.run(_work(jobs, stop))
        _log.info("stopping")


async def _work(jobs: Iterable[PeriodicJob], stop: threading.Event) -> None:
    """Run jobs until `stop` is set."""
    tasks = [asyncio.create_task(job.run()) for job in jobs]
    while not stop.is_set():
        await asyncio.sleep(TURN_S)
    for task in tasks:
        task.cancel()


def _print_one_time(core: Core, name: str) -> None:
    password = one_time_password(core, name)
    if password is None:
        print(f"{name}: the one-time password that was printed before is still valid", flush=True)  # noqa: T201
    else:
        print(f"one-time password for {name} (valid for one log-in): {password}", flush=True)  # noqa: T201


def one_time_password(core: Core, name: str) -> str | None:
    """Make a one-time user; None: the password of one who has not logged in yet stays valid, since it was handed over.

    Raises:
        LoginError: The name has wrong characters, or is a user who stays.
        StoreError: The store does not answer.
    """
    known = core.reader.user(name)
    if known is not None and known.one_time:
        return None

    def job(store: Writer) -> str:
        return create_one_time_user(store, name, new_token, core.clock.wall_ns())

    try:
        return core.queue.submit(job).result(JOIN_TIMEOUT_S)
    except TimeoutError as error:
        raise StoreError("the store does not answer") from error
