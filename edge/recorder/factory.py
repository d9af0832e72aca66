"""The recorder, put together from its settings; `edge/app.py` and the command's words use it."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from common import logging_setup
from common.clock import Clock
from common.errors import FootageError
from common.threads import Worker
from edge.recorder.disk import RealDisk
from edge.recorder.footage.playback import Player
from edge.recorder.index import Index
from edge.recorder.recorder import Recorder
from edge.recorder.retention.keys import FileWrapper, Keys
from edge.recorder.retention.legal_holds import Holds
from edge.recorder.retention.retention import Policy
from edge.recorder.retention.retention_worker import RetentionWorker
from edge.recorder.segments.writer import Writer
from edge.recorder.startup_recovery import open_index
from edge.settings.recorder import RecorderSettings
from edge.sources.base import AudioListener
from protocol.envelope import UnsequencedEvent


class FootageStore:
    """A box's footage, opened: for the recorder, and for the words of `paifang footage`.

    Args:
        told: The recorder's settings.
        base: Folder that they are relative to.
        data: The box's data folder, relative to it: index and keys.

    Raises:
        FootageError: Index or key cannot be used.
    """

    def __init__(self, told: RecorderSettings, base: Path, data: str) -> None:
        self.disk = RealDisk(base / told.folder)
        wrapper = FileWrapper(base / told.key_file if told.key_file else base / data / "footage.key")
        log = logging_setup.get("recorder")
        path = base / data / "footage.sqlite3"
        self.index: Index = open_index(path, lambda text: log.error("the index is damaged and made anew", problem=text))
        self.keys = Keys(self.disk, wrapper)
        self.holds = Holds(self.disk)
        self.player = Player(self.disk, self.keys.find, self.index)

    def tools(
        self,
        told: RecorderSettings,
        cameras: Sequence[str],
        clock: Clock,
        send: Callable[[UnsequencedEvent], None],
        box: str,
        *,
        put: Callable[[UnsequencedEvent], None] | None = None,
    ) -> tuple[Writer, RetentionWorker]:
        """The writer, not started, and the sweeper beside it."""
        writer = Writer(self.disk, self.keys, self.index, clock, os.urandom, send, box)
        sweeper = RetentionWorker(
            disk=self.disk,
            keys=self.keys,
            index=self.index,
            holds=self.holds,
            writer=writer,
            policies=policies(told, cameras),
            reserve_bytes=told.reserve_mb * 1_000_000,
            clock=clock,
            send=send,
            box=box,
            put=put,
        )
        return writer, sweeper


class RecorderService:
    """The running recorder: tap, writer's thread, sweeper's thread.

    Args:
        told: The recorder's settings.
        cameras: Ids in the order of the settings.
        base: Folder that the settings are relative to.
        data: The box's data folder.
        clock: Wall and monotonic.
        send: Takes drafts.
        box: The box's id.
        put: Takes a draft and returns once it is safe; None: `send`.

    Raises:
        FootageError: See `Store`.
    """

    def __init__(
        self,
        told: RecorderSettings,
        cameras: Sequence[str],
        base: Path,
        data: str,
        *,
        clock: Clock,
        send: Callable[[UnsequencedEvent], None],
        box: str,
        put: Callable[[UnsequencedEvent], None] | None = None,
    ) -> None:
        self.store = FootageStore(told, base, data)
        self.writer, self._sweep = self.store.tools(told, cameras, clock, send, box, put=put)
        self.recorder = Recorder(self.writer, clock)
        self._mute = frozenset(told.mute)
        self._stop = threading.Event()
        self._sweeper = Worker(lambda: self._sweep.run(self._stop), "footage-retention", self._stop.wait)

    def ear(self, camera: str) -> AudioListener | None:
        """What hears a camera's sound; None where the settings mute it."""
        return None if camera in self._mute else self.recorder.ear(camera)

    def start(self) -> None:
        """Start both threads."""
        self.recorder.start()
        self._sweeper.start()

    def stop(self) -> None:
        """End both, and finish every segment. Nothing may be fed any more."""
        self._stop.set()
        self._sweeper.join()
        self.recorder.stop()
        with contextlib.suppress(FootageError):  # then they go after the next start
            self._sweep.tell()
        self.store.index.close()


def policies(told: RecorderSettings, cameras: Sequence[str]) -> dict[str, Policy]:
    """Each camera's policy."""
    return {
        camera: Policy(*told.kept(camera)[:2], told.priorities.get(camera, 0), order)
        for order, camera in enumerate(cameras)
    }
