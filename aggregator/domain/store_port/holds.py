"""Legal holds."""

from __future__ import annotations

from typing import Protocol

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.investigation.hold import Change, Hold


class HoldReader(Protocol):
    """Reads holds."""

    def hold(self, hold_id: str) -> Hold | None:
        """A hold."""

    def holds(self, case_id: str, limit: int, before: str | None = None) -> list[Hold]:
        """The holds of a case, newest first; `before` is the id of the last one of the page before."""


class HoldWriter(Protocol):
    """Writes holds."""

    def add_hold(self, hold: Hold, entry: AuditEntry) -> None:
        """Add a hold that its box is asked for next."""

    def change_hold(self, change: Change) -> bool:
        """Change a hold; False where it is not any more what it was."""
