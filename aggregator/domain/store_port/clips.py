"""Clips."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.clip import CaseClip, Clip


class ClipReader(Protocol):
    """Reads clips."""

    def clip(self, clip_id: str) -> Clip | None:
        """A clip, by its alert or event."""

    def due_clips(self, now_ns: int, limit: int) -> list[Clip]:
        """Open ones whose box is to be asked."""

    def expired_clips(self, now_ns: int, limit: int) -> list[Clip]:
        """Those whose retention is over."""

    def case_clips(self, case_id: str, limit: int) -> list[CaseClip]:
        """The clips of marked ranges that belong to a case, newest first."""

    def case_clip(self, clip_id: str) -> CaseClip | None:
        """The clip of a marked range."""

    def stored_clips(self, ids: Iterable[str]) -> set[str]:
        """Which of these alerts have a clip."""


class ClipWriter(Protocol):
    """Writes clips."""

    def request_clip(self, clip: Clip, entry: AuditEntry) -> bool:
        """Have a clip made; False where it is there or on its way."""

    def request_case_clip(self, wanted: CaseClip, entry: AuditEntry) -> None:
        """Have the clip of a marked range made."""

    def change_clip(self, before: Clip, after: Clip) -> bool:
        """Change a clip that is still what it was; False where it is not."""

    def delete_clip(self, clip_id: str, entry: AuditEntry | None) -> None:
        """Forget a clip."""
