"""Releases: unredacted copies that two people agreed on."""

from __future__ import annotations

from typing import Protocol

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.investigation.release import Change, Release, State


class ReleaseReader(Protocol):
    """Reads releases."""

    def release(self, release_id: str) -> Release | None:
        """A release."""

    def unfinished_releases(self) -> list[Release]:
        """Releases that something may have to be done about, oldest first."""

    def releases(
        self, who: str, within: Scope, limit: int, before: str | None = None, *, state: State | None = None
    ) -> list[Release]:
        """Releases of a requester, or of whole sites, newest first.

        Args:
            who: The requester.
            within: Sites whose releases are seen as well.
            limit: So many at most.
            before: The id of the last one of the page before.
            state: Only those in this state.
        """


class ReleaseWriter(Protocol):
    """Writes releases."""

    def request_release(self, release: Release, entry: AuditEntry) -> None:
        """Add a request for an unredacted copy."""

    def change_release(self, change: Change) -> bool:
        """Change a release; False where it is not any more what it was.

        Raises:
            ContractError: The store does not allow it: who asked cannot decide.
        """
