"""Escalation and notifications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.escalation.notification import Notification, State, Target
from aggregator.domain.escalation.records import AlertFacts, EscalationDocument, StepEffect, TakenStep, Timer


class EscalationReader(Protocol):
    """Reads timers and configurations."""

    def escalation_documents(self) -> list[EscalationDocument]:
        """The configurations that were saved."""

    def untimed_alerts(self, sites: Iterable[str], limit: int) -> list[AlertFacts]:
        """Alerts of these sites that wait for an acknowledgement and have no timer, the oldest first."""

    def due_timers(self, now_ns: int, limit: int) -> list[tuple[Timer, AlertFacts]]:
        """Timers that are due, with their alerts; the longest overdue first."""

    def alert_facts(self, alert_id: str) -> AlertFacts | None:
        """The fields of an alert."""

    def digest_facts(self, notification_id: str) -> list[AlertFacts]:
        """The alerts that a digest names, `MOST_OF_A_DIGEST` at most, as far as they are still stored."""

    def taken_steps(self, alert_id: str) -> list[TakenStep]:
        """An alert's steps, the oldest first."""


class NotificationReader(Protocol):
    """Reads targets and the queue."""

    def notification_targets(self, users: Iterable[str], now_ns: int) -> list[Target]:
        """The targets of these users, but browsers whose session has ended."""

    def notification_target(self, target_id: str) -> Target | None:
        """One target."""

    def due_notifications(self, now_ns: int, limit: int, without: Iterable[str] = ()) -> list[Notification]:
        """Entries whose next attempt is due, but for these targets."""

    def notification(self, notification_id: str) -> Notification | None:
        """One entry."""

    def notifications(
        self, states: Iterable[State], within: Scope, before: tuple[int, str] | None, limit: int
    ) -> list[Notification]:
        """Entries in these states, the newest end first, of alerts that lie within."""


class EscalationWriter(Protocol):
    """Writes timers and configurations."""

    def put_escalation(self, document: EscalationDocument, entry: AuditEntry) -> bool:
        """Save a configuration whose version is one more than the one there; False: it is not."""

    def start_timers(self, timers: Iterable[Timer], versions: Mapping[str, int]) -> None:
        """Start timers of alerts that still wait and have none.

        Args:
            timers: The timers.
            versions: Of the saved configurations that they were made from (0: of the settings file). Where a site has
                another one by now, its alerts are looked at again: they may have a chain.
        """

    def take_steps(self, effects: Iterable[StepEffect]) -> int:
        """Carry steps out, all in one transaction; how many. One whose timer or alert has changed has no effect."""


class NotificationWriter(Protocol):
    """Writes targets and the queue."""

    def put_target(self, target: Target, most: int, entry: AuditEntry) -> bool:
        """Add a target; False where the user has it already, or has as many as there may be."""

    def set_target_language(self, user: str, target_id: str, language: str, entry: AuditEntry) -> bool:
        """Change the language of a target's messages; False: the user has no such target."""

    def delete_target(self, user: str, target_id: str, entry: AuditEntry | None) -> bool:
        """Remove a target and cancel what waits for it; False: there is none."""

    def enqueue(self, notification: Notification) -> bool:
        """Add an entry; False where its effect is there already."""

    def lease_notifications(self, due: Iterable[Notification], until_ns: int) -> set[str]:
        """Take entries for an attempt, unless another process has; their ids."""

    def end_attempt(
        self, before: Notification, after: Notification, gone: bool, entries: Iterable[HistoryEntry]
    ) -> None:
        """Write what came of an attempt, the target's state and the history with it; remove a target that is gone."""

    def cancel_notification(self, notification_id: str, now_ns: int) -> None:
        """An entry that waits is not to be sent any more."""

    def replay_notification(self, before: Notification, after: Notification, entry: AuditEntry) -> bool:
        """Put an entry back into the queue; False where it has changed meanwhile."""

    def link_used(self, notification_id: str) -> bool:
        """Whether the link of an entry was used, or there is no such entry."""

    def use_link(self, notification_id: str, now_ns: int) -> bool:
        """Use up the link of an entry; False where it was used."""

    def purge_notifications(self, before_ns: int, limit: int) -> int:
        """Erase entries and steps that ended before a time, and timers of erased alerts; how many."""
