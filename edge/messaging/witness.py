"""The box as a witness: it keeps the aggregator's checkpoints, so that the record cannot be rewritten unseen.

A line each in `checkpoints.jsonl`. One that contradicts what is kept (fewer entries later, another root for the same
number) is refused, counted and logged: somebody has changed the record, or brought an old copy back.
"""

from __future__ import annotations

import threading
from pathlib import Path

from common import logging_setup
from common.errors import RecordError
from common.secret import fsync_folder
from protocol.signing import checkpoints
from protocol.signing.checkpoints import Checkpoint
from protocol.signing.trust_anchor import Trust

FILE = "checkpoints.jsonl"


class Witness:
    """Keeps checkpoints.

    Args:
        folder: The box's data folder.
        trust: Keys that verify checkpoints; None: none is stored.
    """

    def __init__(self, folder: Path, trust: Trust | None) -> None:
        self._path, self._trust = folder / FILE, trust
        self._lock = threading.Lock()
        self._last = self._read()
        self._log = logging_setup.get("witness")
        self.refused = 0

    @property
    def size(self) -> int:
        """Size of the audit log in the last checkpoint."""
        return self._last.size if self._last is not None else 0

    def take(self, message: bytes) -> None:
        """A checkpoint from the broker."""
        if self._trust is None:
            return
        try:
            made = checkpoints.decode(message)
            checkpoints.check(made, self._trust.aggregator)
            with self._lock:
                self._keep(made)
        except RecordError as error:
            self.refused += 1
            self._log.error("checkpoint refused", error=str(error), kept=self.size)
        except OSError as error:
            self._log.error("checkpoint not stored", error=str(error))

    def _keep(self, made: Checkpoint) -> None:
        last = self._last
        if last is not None and made == last:
            return
        if last is not None and (made.size < last.size or (made.size == last.size and made.root != last.root)):
            raise RecordError(f"the record had {last.size} entries; now it is said to have {made.size}, or others")
        with self._path.open("ab") as out:
            out.write(checkpoints.encode(made) + b"\n")
        fsync_folder(self._path.parent)
        self._last = made

    def _read(self) -> Checkpoint | None:
        if not self._path.exists():
            return None
        for line in reversed(self._path.read_bytes().splitlines()):
            try:
                return checkpoints.decode(line)
            except RecordError:
                continue  # torn by a power cut; the one before it stands
        return None
