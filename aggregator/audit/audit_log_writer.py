"""Writes audit entries: a caller's future is done when its entry is on the disk; entries that wait share a commit."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.audit import AuditWriter
from aggregator.storage.write_queue import WRITE_TIMEOUT_S
from common.errors import StoreError

MOST_AT_ONCE = 1_000


class AuditLogWriter:
    """Writes entries of accesses; changes write their entry in their own transaction.

    Args:
        queue: Of the store's writer.
    """

    def __init__(self, queue: WriteJobs[AuditWriter]) -> None:
        self._queue = queue
        self._lock = threading.Lock()
        self._waiting: list[tuple[AuditEntry, Future[None]]] = []
        self._asked = False

    def put(self, act: AuditEntry) -> Future[None]:
        """Have an act recorded; only then may it be done.

        Raises:
            StoreError: Too many wait, or the store is closing.
        """
        future: Future[None] = Future()
        with self._lock:
            if len(self._waiting) >= 10 * MOST_AT_ONCE:
                raise StoreError("the store is busy; try again")
            self._waiting.append((act, future))
            ask, self._asked = not self._asked, True
        if ask:
            self._ask()
        return future

    async def record(self, entry: AuditEntry) -> None:
        """As `put`, for the event loop: what is accessed may be shown when this returns.

        Raises:
            StoreError: It could not be recorded: nothing may be shown.
        """
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await asyncio.wrap_future(self.put(entry))
        except TimeoutError as error:
            raise StoreError("the store does not answer") from error

    def _ask(self) -> None:
        try:
            self._queue.submit(self._write)
        except StoreError as error:
            with self._lock:
                waiting, self._waiting, self._asked = self._waiting, [], False
            for _, future in waiting:
                future.set_exception(error)

    def _write(self, store: AuditWriter) -> None:
        """On the writer's thread: everything that waits, in one transaction."""
        with self._lock:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            again = self._asked = bool(self._waiting)
        try:
            store.append_audit_entries([act for act, _ in batch])
        except Exception as error:  # any error: the entry must not count as written
            for _, future in batch:
                future.set_exception(error)
        else:
            for _, future in batch:
                future.set_result(None)
        if again:
            self._ask()
