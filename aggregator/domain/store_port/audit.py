"""The audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import TargetLabel
from protocol.signing.checkpoints import Checkpoint


class AuditReader(Protocol):
    """Reads the audit log."""

    def audit_entries(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Entries with their numbers, from the one after `after`."""

    def target_labels(self, ids: Iterable[str]) -> dict[str, TargetLabel]:
        """What ids of events, alerts and releases are about, of those that are still stored."""

    def audit_log_size(self) -> int:
        """How many entries there are."""

    def newest_audit_entries(self, before: int | None, limit: int) -> list[tuple[int, bytes]]:
        """Entries that were not erased, newest first, from the one before `before`."""

    def audit_leaf_hashes(self, after: int, limit: int) -> list[bytes]:
        """Hashes of entries, from the one after `after`: they stay when an entry is erased."""

    def checkpoints(self) -> list[Checkpoint]:
        """The checkpoints, oldest first."""

    def audit_proofs(self, index: int, old: int, size: int) -> tuple[list[bytes], list[bytes]]:
        """Proof that entry `index` is in the log of `size`, and that the one of `old` is its beginning."""


class AuditWriter(Protocol):
    """Writes the audit log."""

    def append_audit_entries(self, entries: Iterable[AuditEntry]) -> None:
        """Add entries."""

    def sign_checkpoint(self, sign: Callable[[int, bytes], Checkpoint]) -> Checkpoint:
        """Sign the log as it is now and keep that; `sign` makes the checkpoint from size and root."""
