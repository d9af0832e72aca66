"""Signs checkpoints of the audit log at intervals, and publishes them to the boxes and to a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aggregator.domain.store_port.audit import AuditReader, AuditWriter
from common import logging_setup
from common.clock import SECOND_NS, Clock
from protocol.signing import checkpoints
from protocol.signing.checkpoints import Checkpoint

_log = logging_setup.get("record")


@dataclass
class Checkpointer:
    """Makes checkpoints. Belongs to the writer's thread.

    Args:
        reader: The audit log.
        key: Signs checkpoints.
        clock: The present time.
        every_s: At most one in this time, and none while nothing was added.
        publish: Sends a retained message.
        sites: Sites whose boxes get it.
        outside: A file that gets one line for each; best on another machine.
    """

    reader: AuditReader
    key: Ed25519PrivateKey
    clock: Clock
    every_s: float
    publish: Callable[[str, bytes], None]
    sites: Callable[[], Iterable[str]]
    outside: Path | None = None
    _sealed_ns: int | None = None
    _size: int = -1

    def run_if_due(self, store: AuditWriter, *, at_once: bool = False) -> Checkpoint | None:
        """Sign a checkpoint if the interval is over and there are new entries.

        Args:
            store: The audit log.
            at_once: It is time: something was erased, and what is exported must publish so.

        Raises:
            StoreError: The store cannot be read or written now.
        """
        now_ns = self.clock.monotonic_ns()
        if not at_once and self._sealed_ns is not None and now_ns - self._sealed_ns < self.every_s * SECOND_NS:
            return None
        self._sealed_ns = now_ns
        size = self.reader.audit_log_size()
        if size == self._size:
            return None
        made = store.sign_checkpoint(lambda size, root: checkpoints.make(size, root, self.clock.wall_ns(), self.key))
        self._size = made.size
        self._publish_checkpoint(made)
        return made

    def newest(self) -> list[tuple[str, bytes]]:
        """The newest checkpoint for each site: topic and payload, for a broker that lost its retained messages."""
        made = self.reader.checkpoints()
        return [(checkpoints.topic(site), checkpoints.encode(made[-1])) for site in self.sites()] if made else []

    def _publish_checkpoint(self, made: Checkpoint) -> None:
        message = checkpoints.encode(made)
        for site in self.sites():
            self.publish(checkpoints.topic(site), message)
        if self.outside is not None:
            try:
                with self.outside.open("ab") as out:
                    out.write(message + b"\n")
            except OSError as error:
                _log.error("the checkpoint could not be written outside", file=str(self.outside), error=str(error))
