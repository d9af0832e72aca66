"""Takes the command `clip`, makes the blurred clip on a thread of its own, brings it, and forgets it.

A command is answered at once: refused with the reason, or taken. The aggregator asks again now and then; a clip that is
being made is not begun anew, and one that failed is refused with what went wrong.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from common import logging_setup
from common.clock import SECOND_NS
from common.errors import FootageRefused, PaifangError
from common.threads import Worker
from edge.messaging.upload_client import UploadClient
from edge.recorder.footage.playback import Player
from edge.redaction.two_pass_redactor import ExportRedactor, Told
from edge.redaction.video_reader import film_of_pieces
from protocol.commands import Command
from protocol.identifiers import is_uuid7, to_rfc3339
from protocol.signing.upload_tokens import unseal

USE = "clip"
LONGEST_S = 60
WAITING, REMEMBERED = 16, 500
NICE = 10
"""Clips can wait: what watches cameras goes first. Threads that this one starts take after it."""
_BUSY = ""


class ClipWorker:
    """Makes and brings clips, one at a time.

    Args:
        player: Plays footage.
        redactor: Opens what covers films; called at the first clip.
        uplink: Brings them.
        site_key: Opens what is sealed for the site.
        folder: For clips on their way; what lies there from before is removed.
        doors: Door → the camera that sees it, or nothing.

    Attributes:
        brought: How many, since the start.
        failed: How many not.
    """

    def __init__(
        self,
        player: Player,
        redactor: Callable[[], ExportRedactor],
        uplink: UploadClient,
        site_key: bytes,
        folder: Path,
        *,
        doors: Mapping[str, str],
    ) -> None:
        self._player, self._open, self._uplink = player, redactor, uplink
        self._site_key, self._folder, self._doors = site_key, folder, doors
        self._redactor: ExportRedactor | None = None
        self._known: OrderedDict[str, str] = OrderedDict()
        self._queue: queue.Queue[tuple[Command, str] | None] = queue.Queue(WAITING)
        self._stop = threading.Event()
        self._thread = Worker(self._run, "clips")
        self._log = logging_setup.get("clips")
        self.brought = self.failed = 0

    def start(self) -> None:
        """Start working."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob("*.mp4*"):
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
            FootageRefused: It is too long, it failed before, or no camera sees the door.
            FootageError: There is no such footage.
            ContractError: Its ticket is not this site's.
        """
        job = command.job
        if not is_uuid7(job) or command.to_ns - command.from_ns > LONGEST_S * SECOND_NS:
            raise FootageRefused(f"a clip names its job and is at most {LONGEST_S} s long")
        ticket = unseal(self._site_key, job, command.ticket)
        if job in self._known:
            if problem := self._known[job]:
                raise FootageRefused(problem)
            return
        self._player.check(self._camera(command.target), command.from_ns, command.to_ns)
        with contextlib.suppress(queue.Full):  # then it is asked for again
            self._queue.put_nowait((command, ticket))
            self._note(job, _BUSY)

    def _note(self, job: str, problem: str) -> None:
        self._known[job] = problem
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while (request := self._queue.get()) is not None and not self._stop.is_set():
            command, ticket = request
            path = self._folder / f"{command.job}.mp4"
            try:
                self._make(command, path)
                self._uplink.upload(USE, command.job, ticket, path, self._stop)
            except PaifangError as error:
                self._failed(command.job, str(error))
            except Exception as error:  # one clip must not end the thread that makes the others
                self._log.exception("a clip failed")
                self._failed(command.job, type(error).__name__)
            else:
                self.brought += 1
                self._log.info("clip brought", job=command.job, camera=command.target)
            finally:
                path.unlink(missing_ok=True)

    def _make(self, command: Command, path: Path) -> None:
        """The covered film, from the moment that was asked for; sound is left out. It says what it shows."""
        if self._redactor is None:
            self._redactor = self._open()
        camera, span = self._camera(command.target), (command.from_ns, command.to_ns)
        left_out = lambda _segment, problem: self._log.warning("left out of a clip", problem=problem)  # noqa: E731
        begins_ns, ends_ns = self._player.held(camera, *span)
        skip_ns = max(0, span[0] - begins_ns)
        about = f"{camera} from {to_rfc3339(begins_ns + skip_ns)} to {to_rfc3339(ends_ns)}"
        self._redactor.redact(
            film_of_pieces(lambda: self._player.play(camera, *span, left_out), camera),
            path,
            told=Told(Fraction(skip_ns, SECOND_NS), about),
        )

    def _camera(self, target: str) -> str:
        camera = self._doors.get(target, target)
        if not camera:
            raise FootageRefused(f"no camera sees the door '{target}'")
        return camera

    def _failed(self, job: str, problem: str) -> None:
        self.failed += 1
        self._note(job, problem or "failed")
        self._log.warning("clip failed", job=job, problem=problem)
