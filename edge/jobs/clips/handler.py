"""The command `clip`: a redacted clip is made with low priority, uploaded, and deleted here.

A clip that is whole is kept for the next attempt to upload it, also over a restart of the box.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

from common import logging_setup
from common.clock import SECOND_NS
from common.errors import FootageRefused, RedactionError
from common.jobs.engine import Attempt
from common.jobs.job import Policy
from edge.messaging.upload_client import UploadClient
from edge.recorder.footage.playback import Player
from edge.redaction.two_pass_redactor import CopyOptions, ExportRedactor
from edge.redaction.video_reader import film_of_pieces
from protocol.commands import Command
from protocol.identifiers import to_rfc3339
from protocol.signing.upload_tokens import unseal

USE = "clip"
LONGEST_S = 60
NICE = 10
"""Clips can wait: analysis of cameras goes first. Threads that this one starts inherit it."""
MADE = 0.5
"""Progress of a job whose clip is made and not uploaded."""
_log = logging_setup.get("clips")


class ClipHandler:
    """An `edge.jobs.command_jobs.JobHandler`.

    Args:
        player: Plays footage.
        redactor: Opens what redacts videos; called at the first clip.
        uplink: Uploads them.
        site_key: Opens what is sealed for the site.
        folder: For clips until they are uploaded.
        doors: Door → the camera that sees it, or nothing.
    """

    policy = Policy()

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

    def clean(self, open_jobs: frozenset[str]) -> None:
        """Remove incomplete clips of an earlier run, and those without an open job."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob("*.mp4*"):
            if left.suffix != ".mp4" or left.stem not in open_jobs:
                left.unlink(missing_ok=True)

    def discard(self, job_id: str) -> None:
        """Remove a clip."""
        with contextlib.suppress(OSError):
            self._path(job_id).unlink()

    def check(self, command: Command) -> None:
        """Refuse what cannot be done.

        Raises:
            FootageRefused: It is too long, or no camera sees the door.
            FootageError: There is no such footage.
            ContractError: Its ticket is not this site's.
        """
        if command.to_ns - command.from_ns > LONGEST_S * SECOND_NS:
            raise FootageRefused(f"a clip is at most {LONGEST_S} s long", sentence="footage.range")
        unseal(self._site_key, command.job, command.ticket)
        self._player.check(self._camera(command.target), command.from_ns, command.to_ns)

    def run(self, command: Command, attempt: Attempt) -> None:
        """Make the clip, if it is not there, and upload it.

        Raises:
            UplinkError: It cannot be uploaded now.
            PaifangError: It cannot be made, or is not wanted any more.
        """
        ticket, path = unseal(self._site_key, command.job, command.ticket), self._path(command.job)
        if not path.exists():
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
            half = path.with_suffix(".mp4.new")
            self._make(command, half, attempt)
            _publish(half, path)
        attempt.progress(MADE)
        self._uplink.upload(
            USE, command.job, ticket, path, attempt.stop, progress=lambda it: attempt.progress(MADE + it * (1 - MADE))
        )

    def _make(self, command: Command, path: Path, attempt: Attempt) -> None:
        """The redacted video from the requested time on, without sound; its comment has camera and times."""

        def progress(frames: int, expected: int) -> None:
            if attempt.stop.is_set():
                raise RedactionError("the clip was stopped", sentence="box.stopping")
            attempt.progress(MADE * min(1.0, frames / max(1, expected)))

        if self._redactor is None:
            self._redactor = self._open()
        camera, span = self._camera(command.target), (command.from_ns, command.to_ns)
        left_out = lambda _segment, problem: _log.warning("left out of a clip", problem=problem)  # noqa: E731
        begins_ns, ends_ns = self._player.held(camera, *span)
        skip_ns = max(0, span[0] - begins_ns)
        about = f"{camera} from {to_rfc3339(begins_ns + skip_ns)} to {to_rfc3339(ends_ns)}"
        self._redactor.redact(
            film_of_pieces(lambda: self._player.play(camera, *span, left_out), camera),
            path,
            progress=progress,
            copy_options=CopyOptions(Fraction(skip_ns, SECOND_NS), about),
        )

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.mp4"

    def _camera(self, target: str) -> str:
        camera = self._doors.get(target, target)
        if not camera:
            raise FootageRefused(f"no camera sees the door '{target}'", sentence="door.no_camera")
        return camera


def _publish(half: Path, path: Path) -> None:
    """Give a clip its name when it is on the medium: what bears that name after a power cut is whole."""
    try:
        with half.open("rb") as file:
            os.fsync(file.fileno())
        half.rename(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise RedactionError(f"the clip cannot be written: {error.strerror}") from error
