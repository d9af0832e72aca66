"""Builds the recorder from its settings; used by `edge/app.py` and the command line."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from pathlib import Path

from common import logging_setup
from common.clock import Clock
from common.errors import FootageError
from common.running.threads import Worker
from edge.recorder.box_events import BoxEvents
from edge.recorder.disk import RealDisk
from edge.recorder.footage.playback import Player
from edge.recorder.index import Index
from edge.recorder.recorder import Recorder
from edge.recorder.retention.keys import DayKeyStore, FileWrapper
from edge.recorder.retention.legal_holds import Holds
from edge.recorder.retention.retention import Policy
from edge.recorder.retention.retention_worker import RetainedFootage, RetentionRules, RetentionWorker
from edge.recorder.segments.writer import Writer
from edge.recorder.startup_recovery import open_index
from edge.settings.recorder import RecorderSettings
from edge.sources.base import AudioListener


class FootageStore:
    """A box's stored footage, for the recorder and for `paifang footage`.

    Args:
        settings: The recorder's settings.
        base: Folder that they are relative to.
        data: The box's data folder, relative to it: index and keys.

    Raises:
        FootageError: Index or key cannot be used.
    """

    def __init__(self, settings: RecorderSettings, base: Path, data: str) -> None:
        self.disk = RealDisk(base / settings.folder)
        wrapper = FileWrapper(base / settings.key_file if settings.key_file else base / data / "footage.key")
        log = logging_setup.get("recorder")
        path = base / data / "footage.sqlite3"
        self.index: Index = open_index(
            path, lambda text: log.error("the index is damaged and is rebuilt", problem=text)
        )
        self.keys = DayKeyStore(self.disk, wrapper)
        self.holds = Holds(self.disk)
        self.player = Player(self.disk, self.keys.find, self.index)

    def create_workers(
        self,
        settings: RecorderSettings,
        cameras: Sequence[str],
        clock: Clock,
        events: BoxEvents,
    ) -> tuple[Writer, RetentionWorker]:
        """The writer (not started) and the retention worker."""
        writer = Writer(self.disk, self.keys, self.index, clock, os.urandom, events.send, events.box)
        retention = RetentionWorker(
            RetainedFootage(self.disk, self.keys, self.index, self.holds),
            writer,
            RetentionRules(policies(settings, cameras), settings.reserve_mb * 1_000_000),
            clock,
            events,
        )
        return writer, retention


class RecorderService:
    """The running recorder: packet tap, writer thread, retention thread.

    Args:
        settings: The recorder's settings.
        cameras: Ids in the order of the settings.
        base: Folder that the settings are relative to.
        data: The box's data folder.
        clock: Wall and monotonic.
        events: Sends events.

    Raises:
        FootageError: See `FootageStore`.
    """

    def __init__(
        self,
        settings: RecorderSettings,
        cameras: Sequence[str],
        base: Path,
        data: str,
        *,
        clock: Clock,
        events: BoxEvents,
    ) -> None:
        self.store = FootageStore(settings, base, data)
        self.writer, self._retention = self.store.create_workers(settings, cameras, clock, events)
        self.recorder = Recorder(self.writer, clock)
        self._muted_cameras = frozenset(settings.mute)
        self._stop = threading.Event()
        self._retention_thread = Worker(lambda: self._retention.run(self._stop), "footage-retention", self._stop.wait)

    def audio_listener(self, camera: str) -> AudioListener | None:
        """Records a camera's audio; None where the settings mute it."""
        return None if camera in self._muted_cameras else self.recorder.audio_listener(camera)

    def start(self) -> None:
        """Start both threads."""
        self.recorder.start()
        self._retention_thread.start()

    def stop(self) -> None:
        """Stop both threads and finish every segment. No packet may be added afterwards."""
        self._stop.set()
        self._retention_thread.join()
        self.recorder.stop()
        with contextlib.suppress(FootageError):  # the entries are sent after the next start
            self._retention.send_events()
        self.store.index.close()


def policies(settings: RecorderSettings, cameras: Sequence[str]) -> dict[str, Policy]:
    """Each camera's policy."""
    return {
        camera: Policy(*settings.retention_of(camera)[:2], settings.priorities.get(camera, 0), order)
        for order, camera in enumerate(cameras)
    }
