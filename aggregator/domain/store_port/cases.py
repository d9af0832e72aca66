"""Cases, and the search that is made under them."""

from __future__ import annotations

from typing import Protocol

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

    def cases(self, site: str | None = None, limit: int = 100) -> list[Case]:
        """The newest cases, of a site or of all."""


class CaseWriter(Protocol):
    """Writes cases."""

    def open_case(self, case: Case, entry: AuditEntry) -> None:
        """Open a case.

        Raises:
            CaseError: There is one of that reference.
        """

    def close_case(self, entry: AuditEntry) -> bool:
        """Close the entry's case; False where it is not open."""
