"""Takes the command `release`, makes the copy on a thread of its own, brings it, and forgets it.

A command is answered at once: refused with the reason, or taken. The aggregator asks again now and then; a copy that is
being made is not begun anew, and one that failed is refused with what went wrong.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import OrderedDict
from pathlib import Path

from common import logging_setup
from common.errors import FootageRefused, PaifangError
from common.threads import Worker
from edge.jobs.releases.release_builder import Maker
from edge.jobs.releases.release_request import ReleaseRequest, order_of
from edge.messaging.upload_client import UploadClient
from protocol.commands import Command
from protocol.signing.chunked_aead import USE

WAITING, REMEMBERED = 4, 200
_BUSY = ""
"""What stands for a copy that is being made, or was brought: nothing went wrong."""


class ReleaseWorker:
    """Makes and brings clear copies.

    Args:
        maker: Makes them.
        uplink: Brings them.
        site_key: Opens what is sealed for the site.
        folder: For sealed copies on their way; what lies there from before is removed: its key is gone.

    Attributes:
        brought: How many, since the start.
        failed: How many not.
    """

    def __init__(self, maker: Maker, uplink: UploadClient, site_key: bytes, folder: Path) -> None:
        self._maker, self._uplink, self._site_key, self._folder = maker, uplink, site_key, folder
        self._known: OrderedDict[str, str] = OrderedDict()
        self._queue: queue.Queue[ReleaseRequest | None] = queue.Queue(WAITING)
        self._stop = threading.Event()
        self._thread = Worker(self._run, "release")
        self._log = logging_setup.get("release")
        self.brought = self.failed = 0

    def start(self) -> None:
        """Start working."""
        for left in self._folder.glob("*.sealed"):
            left.unlink(missing_ok=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what was not brought will be asked for again."""
        self._stop.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join()

    def take(self, command: Command) -> None:
        """Accept a request, or refuse it with the reason.

        Raises:
            FootageRefused: It is not allowed, or it failed before.
            FootageError: There is no such footage.
            ContractError: Its ticket is not this site's.
        """
        order = order_of(command, self._site_key)
        if order.job in self._known:
            if problem := self._known[order.job]:
                raise FootageRefused(problem)
            return
        self._maker.player.check(order.camera, order.from_ns, order.to_ns)
        with contextlib.suppress(queue.Full):  # then it is asked for again
            self._queue.put_nowait(order)
            self._note(order.job, _BUSY)

    def _note(self, job: str, problem: str) -> None:
        self._known[job] = problem
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _run(self) -> None:
        while (order := self._queue.get()) is not None and not self._stop.is_set():
            path = self._folder / f"{order.job}.sealed"
            try:
                self._maker.make(order, path, self._stop)
                self._uplink.upload(USE, order.job, order.secrets.ticket, path, self._stop)
            except PaifangError as error:
                self._failed(order.job, str(error))
            except Exception as error:  # one copy must not end the thread that makes the others
                self._log.exception("a clear copy failed")
                self._failed(order.job, type(error).__name__)
            else:
                self.brought += 1
                self._log.info("clear copy brought", release=order.job, camera=order.camera)
            finally:
                _gone(path)

    def _failed(self, job: str, problem: str) -> None:
        if self._stop.is_set():
            return  # it will be asked for again
        self.failed += 1
        self._note(job, problem or "failed")
        self._log.warning("clear copy failed", release=job, problem=problem)


def _gone(path: Path) -> None:
    """Remove a sealed copy; its beginning, with the salt that its key needs, is overwritten first."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        file.write(bytes(4096))
        file.flush()
    path.unlink(missing_ok=True)
