"""The box's durable queue: an event is safe once `put` returns, and forgotten only by the aggregator's receipt.

One thread owns the only connection (SQLite, WAL, `synchronous=FULL`) and commits whatever has gathered in one
transaction, so a commit's fsync is shared by all who wait (group commit). Sequence numbers are given inside the
transaction, so they have no holes except those that `outbox.lost` reports.

Crash procedure: nothing to repair. SQLite rolls an unfinished transaction back; its callers never got an answer.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from common import logging_setup
from common.clock import Clock
from common.errors import OutboxError
from edge.messaging.outbox_store import EventIdentity, OutboxStore, PendingEvent
from protocol.envelope import UnsequencedEvent
from protocol.ranges import Range

GROUP = 2_000
"""Most events in one transaction."""


@dataclass(frozen=True)
class _Put:
    events: tuple[UnsequencedEvent, ...]
    done: Future[None]


@dataclass(frozen=True)
class _Forget:
    ranges: tuple[Range, ...]
    done: Future[None]


@dataclass(frozen=True)
class _Read:
    after: int
    limit: int
    lost: bool
    done: Future[list[PendingEvent]]


class Outbox:
    """The queue. Thread-safe. `close()` commits what has been put.

    Args:
        path: The database's file.
        identity: Site, box and source of randomness.
        clock: Wall clock of the ids.
        max_bytes: Bound of the waiting events' bytes.

    Raises:
        OutboxError: The file cannot be opened or is not an outbox.
    """

    def __init__(self, path: Path, identity: EventIdentity, clock: Clock, max_bytes: int) -> None:
        self._jobs: queue.SimpleQueue[_Put | _Forget | _Read | None] = queue.SimpleQueue()
        self._listeners: list[Callable[[], None]] = []
        self._ready: Future[None] = Future()
        self._closed = False
        self._store: OutboxStore | None = None
        self._thread = threading.Thread(
            target=self._run, args=(path, identity, clock, max_bytes), name="outbox", daemon=True
        )
        self._thread.start()
        self._ready.result()

    @property
    def store(self) -> OutboxStore:
        """Counters of the queue; read-only for everybody but the writer."""
        assert self._store is not None
        return self._store

    @property
    def is_running(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    @property
    def epoch(self) -> str:
        """The name of this outbox: a new file has a new one."""
        return self.store.epoch

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` (from the writer's thread) after every commit of new events."""
        self._listeners.append(listener)

    def put(self, events: Iterable[UnsequencedEvent]) -> None:
        """Commit events and return when they are on disk.

        Raises:
            OutboxError: They could not be written.
        """
        self.submit(events).result()

    def submit(self, events: Iterable[UnsequencedEvent]) -> Future[None]:
        """Hand events over; the future ends when they are on disk."""
        done: Future[None] = Future()
        self._enqueue(_Put(tuple(events), done))
        return done

    def forget(self, ranges: Iterable[Range]) -> None:
        """Drop events that the aggregator has committed."""
        done: Future[None] = Future()
        self._enqueue(_Forget(tuple(ranges), done))
        done.result()

    def read(self, after: int, limit: int) -> list[PendingEvent]:
        """Waiting events in order of sequence, those above `after`."""
        return self._rows(after, limit, lost=False)

    def read_lost(self, limit: int) -> list[PendingEvent]:
        """Waiting `outbox.lost` events, in order."""
        return self._rows(0, limit, lost=True)

    def _rows(self, after: int, limit: int, *, lost: bool) -> list[PendingEvent]:
        done: Future[list[PendingEvent]] = Future()
        self._enqueue(_Read(after, limit, lost, done))
        return done.result()

    def close(self) -> None:
        """Commit what has been put and stop."""
        if not self._closed:
            self._closed = True
            self._jobs.put(None)
        self._thread.join()

    def _enqueue(self, job: _Put | _Forget | _Read) -> None:
        if self._closed:
            raise OutboxError("the outbox is closed")
        self._jobs.put(job)

    def _run(self, path: Path, identity: EventIdentity, clock: Clock, max_bytes: int) -> None:
        try:
            store = OutboxStore(path, identity, clock, max_bytes)
        except (sqlite3.Error, OSError) as error:
            self._ready.set_exception(OutboxError(f"{path}: {error}"))
            return
        self._store = store
        self._ready.set_result(None)
        while self._commit_batch(store):
            pass
        store.close()

    def _commit_batch(self, store: OutboxStore) -> bool:
        """Execute the queued jobs in one transaction; False to stop."""
        jobs: list[_Put | _Forget | _Read] = []
        job = self._jobs.get()
        size = 0
        while job is not None:
            jobs.append(job)
            size += len(job.events) if isinstance(job, _Put) else 1
            if size >= GROUP or self._jobs.empty():
                break
            job = self._jobs.get()
        self._commit(store, jobs)
        return job is not None

    def _commit(self, store: OutboxStore, jobs: list[_Put | _Forget | _Read]) -> None:
        events = [event for job in jobs if isinstance(job, _Put) for event in job.events]
        ranges = [span for job in jobs if isinstance(job, _Forget) for span in job.ranges]
        problem: OutboxError | None = None
        try:
            if events or ranges:
                store.commit(events, ranges)
        except Exception as error:  # sqlite3.Error, and a event that cannot be written: the thread must go on
            problem = OutboxError(f"cannot write: {error}")
        for job in jobs:
            if isinstance(job, _Read):
                _execute_read(store, job)
            elif problem is not None:
                job.done.set_exception(problem)
            else:
                job.done.set_result(None)
        if events and problem is None:
            for listener in self._listeners:
                try:
                    listener()
                except Exception:
                    logging_setup.get("outbox").exception("listener failed")


def _execute_read(store: OutboxStore, job: _Read) -> None:
    try:
        job.done.set_result(store.read_lost(job.limit) if job.lost else store.read(job.after, job.limit))
    except Exception as error:
        job.done.set_exception(OutboxError(f"cannot read: {error}"))
