"""Procedures, hand-overs and the notes of shifts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.shift.handover import Handover, ShiftNote
from aggregator.domain.shift.procedure import Procedure, Tick
from aggregator.domain.shift.scopes import ScopeFilter


class ProcedureReader(Protocol):
    """Reads procedures."""

    def procedure_versions(self, kind: str | None = None, site: str | None = None) -> list[Procedure]:
        """All versions: of a kind or of all, of a site (with those for all sites) or of all."""

    def newest_procedures(self) -> list[Procedure]:
        """The newest version of each kind and site, by these."""

    def procedure_ticks(self, alerts: Iterable[str]) -> list[Tick]:
        """The ticks of alerts, by step."""


class ProcedureWriter(Protocol):
    """Writes procedures."""

    def add_procedure(self, procedure: Procedure, entry: AuditEntry) -> bool:
        """Add a version; False where it is not the next one: somebody else has made that."""

    def put_tick(self, tick: Tick, history: HistoryEntry, entry: AuditEntry) -> bool:
        """Tick a step off; False where it is."""

    def remove_tick(self, alert: str, step: int, history: HistoryEntry, entry: AuditEntry) -> bool:
        """Take a tick back; False where there is none."""


class HandoverReader(Protocol):
    """Reads hand-overs and notes."""

    def handover(self, handover_id: str) -> Handover | None:
        """One document."""

    def handovers(self, within: ScopeFilter, limit: int, before: tuple[int, str] | None = None) -> list[Handover]:
        """Documents, newest first; `before` is (`left_ns`, `id`) of the last one of the page before."""

    def last_taken(self, scope: str) -> Handover | None:
        """The newest document of this scope that both have signed."""

    def shift_notes(self, within: ScopeFilter, since_ns: int, limit: int) -> list[ShiftNote]:
        """The newest notes written since a time, oldest first."""


class HandoverWriter(Protocol):
    """Writes hand-overs and notes."""

    def put_handover(self, handover: Handover, entry: AuditEntry) -> None:
        """Add a document; one of its scope that still waits is replaced."""

    def take_handover(self, handover: Handover, entry: AuditEntry) -> bool:
        """Write the second signature; False where the document does not wait for it any more."""

    def add_shift_note(self, note: ShiftNote, entry: AuditEntry) -> None:
        """Add a note."""
