"""The lists of vehicles and credentials of each site."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.read_models import ListChange, ListRow


class SiteListReader(Protocol):
    """Reads lists."""

    def list_rows(self, site: str) -> list[ListRow]:
        """A site's list, newest first."""

    def list_rows_of(self, site: str, ids: Sequence[str]) -> list[ListRow]:
        """Entries of a site's list by id, of those that are there."""

    def list_versions(self) -> dict[str, int]:
        """Site → version of its list, of all sites that have one."""


class SiteListWriter(Protocol):
    """Writes lists."""

    def change_site_list(self, change: ListChange, entry: AuditEntry) -> int:
        """Change a site's list; the new version, 0 when nothing changed."""
