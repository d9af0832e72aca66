"""Reads a main stream that is recorded but not analysed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from common import logging_setup
from common.errors import SourceError
from common.running.backoff import Backoff, run_with_retries
from edge.sources.base import Opener
from edge.video.camera_worker import PacketTap


@dataclass
class MainReader:
    """Reads one camera's main stream, while the sub-stream is analysed.

    Args:
        id: The camera's id.
        opener: Opens the main stream.
        tap: The recorder.
        backoff: Delays between tries.
        stop: Ends the loop.

    Attributes:
        packets: Packets read.
        reconnects: Connections lost or refused.
        problem: Why there is no connection; empty while connected.
    """

    id: str
    opener: Opener
    tap: PacketTap
    backoff: Backoff
    stop: threading.Event
    packets: int = field(default=0, init=False)
    reconnects: int = field(default=0, init=False)
    problem: str = field(default="", init=False)

    def run(self) -> None:
        """Until `stop` is set."""
        log = logging_setup.get("recorder").bind(camera=self.id)

        def failed(error: Exception | None) -> None:
            if error is not None and not isinstance(error, SourceError):
                log.error("main stream reader failed", exc_info=error)
            elif error is not None and str(error) != self.problem:
                log.warning("main stream failed", error=str(error))
            self.problem = str(error or "")
            self.reconnects += 1

        run_with_retries(self.run_once, self.backoff, self.stop, failed)

    def run_once(self) -> None:
        """Connect and read until the stream ends.

        Raises:
            SourceError: It ended, broke, or could not be opened.
        """
        stream = self.opener.open()
        try:
            for arrival in stream.packets():
                self.packets += 1
                if arrival.packet.is_keyframe:
                    self.problem = ""
                    self.backoff.reset()
                self.tap.packet(self.id, arrival)
                if self.stop.is_set():
                    return
        finally:
            stream.close()
