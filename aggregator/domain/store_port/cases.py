"""Cases, and the search that is made under them."""

from __future__ import annotations

from typing import Protocol

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.investigation.case import Case
from aggregator.domain.investigation.search_query import Key, ResultPage, SearchQuery


class SearchReader(Protocol):
    """Searches events."""

    def search(self, query: SearchQuery, after: Key | None = None) -> ResultPage:
        """Matching metadata, newest first; `after` is the start of this page, from the page before."""


class CaseReader(Protocol):
    """Reads cases."""

    def case(self, case_id: str) -> Case | None:
        """A case."""

    def cases(
        self, within: Scope, limit: int, before: tuple[int, str] | None = None, *, open_at_ns: int | None = None
    ) -> list[Case]:
        """Cases of whole sites, newest first.

        Args:
            within: What may be seen; its single places do not count.
            limit: So many at most.
            before: When the last one of the page before was opened, and its id.
            open_at_ns: Only those that are open at this time.
        """


class CaseWriter(Protocol):
    """Writes cases."""

    def open_case(self, case: Case, entry: AuditEntry) -> None:
        """Open a case.

        Raises:
            CaseError: There is one of that reference.
        """

    def close_case(self, entry: AuditEntry) -> bool:
        """Close the entry's case; False where it is not open."""
