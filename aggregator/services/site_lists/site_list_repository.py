"""The sites' lists: encrypted and signed, as they are stored and as the boxes are sent them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast
from zoneinfo import ZoneInfo

from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.read_models import ListChange, ListRow
from aggregator.domain.site_lists.conflicts import Conflict, ListConflict, conflict
from aggregator.domain.site_lists.list_entry import (
    MOST_ENTRIES,
    Kind,
    ListEntry,
    ListEntryRequest,
    ListStatus,
    check,
    limits,
)
from aggregator.domain.store_port.site_lists import SiteListReader, SiteListWriter
from aggregator.storage.keyring import KeyRing
from common.clock import Clock
from common.errors import ListError
from protocol import site_lists as wire
from protocol.identifiers import uuid7
from protocol.plate_grammar import MAINLAND, Grammar, choose


@dataclass(frozen=True)
class SiteListRepository:
    """All sites' lists.

    Args:
        reader: Reads them.
        keys: Seal and sign them.
        clock: The present time.
        grammars: Site → names of the grammars of its plates; mainland where a site is not named.
        zone: Site → its time zone.
    """

    reader: SiteListReader
    keys: KeyRing
    clock: Clock
    grammars: Callable[[str], tuple[str, ...]]
    zone: Callable[[str], ZoneInfo]

    def entries(self, site: str) -> list[ListEntry]:
        """A site's entries, newest first.

        Raises:
            StoreError: It cannot be read.
            ListError: It was stored with other keys.
        """
        return [self._shown(row) for row in self.reader.list_rows(site)]

    def grammars_of(self, site: str) -> tuple[Grammar, ...]:
        """What plates can say there."""
        names = self.grammars(site)
        if not names:
            return MAINLAND
        patterns = [name.removeprefix("pattern:") for name in names if name.startswith("pattern:")]
        return choose([name for name in names if not name.startswith("pattern:")], patterns)

    def add(
        self,
        store: SiteListWriter,
        site: str,
        wanted: Iterable[ListEntryRequest],
        by: str,
        *,
        what: Action = "list.added",
        replace: str = "",
    ) -> list[ListEntry]:
        """Add entries, all or none. On the writer's thread, so that nothing changes between the check and the write.

        Args:
            store: The writer.
            site: Whose list it is.
            wanted: The entries.
            by: Who adds them.
            what: The audit entry's action.
            replace: Why entries with the same text give way even where they conflict; empty: they do not.

        Raises:
            ListConflict: An entry with the same text is there with another standing, owner or limit.
            ListError: One of them cannot be, or there would be too many.
            StoreError: The store cannot write now.
        """
        now_ns = self.clock.wall_ns()
        made = self._made(site, wanted, by, now_ns)
        rows = self.reader.list_rows(site)
        if len(made) + len(rows) > MOST_ENTRIES:
            problem = f"a site's list holds at most {MOST_ENTRIES} entries; remove those that have expired"
            raise ListError(problem, sentence="error.list.full", most=MOST_ENTRIES)
        found = self._conflicts(made, rows, now_ns)
        if found and not replace:
            raise ListConflict(found)
        detail = {"entries": str(len(made))}
        if found:
            standings = sorted({f"{it.present.standing}>{it.wanted.standing}" for it in found})
            detail |= {"replaced": " ".join(it.present.id for it in found[:20]), "standings": " ".join(standings)}
        target = made[0].id if len(made) == 1 else ""
        act = AuditEntry(time_ns=now_ns, who=by, what=what, site=site, target=target, reason=replace, detail=detail)
        store.change_site_list(ListChange(site=site, added=tuple(map(self._row, made))), act)
        return made

    def conflicts(self, site: str, wanted: Iterable[ListEntryRequest], by: str) -> list[Conflict]:
        """What an addition would replace, in the order of `wanted`; nothing is changed.

        Raises:
            ListError: One of them cannot be, or what is there was stored with other keys.
            StoreError: The list cannot be read.
        """
        now_ns = self.clock.wall_ns()
        return self._conflicts(self._made(site, wanted, by, now_ns), self.reader.list_rows(site), now_ns)

    def find(self, site: str, ids: Sequence[str]) -> dict[str, ListEntry]:
        """Entries by id, of those that are still there.

        Raises:
            StoreError: They cannot be read.
            ListError: They were stored with other keys.
        """
        return {row.id: self._shown(row) for row in self.reader.list_rows_of(site, ids)}

    def _made(self, site: str, wanted: Iterable[ListEntryRequest], by: str, now_ns: int) -> list[ListEntry]:
        grammars, zone = self.grammars_of(site), self.zone(site)
        return [self._entry(site, check(each, now_ns, grammars, zone), by, now_ns, zone) for each in wanted]

    def _conflicts(self, made: list[ListEntry], rows: list[ListRow], now_ns: int) -> list[Conflict]:
        present = {row.digest: row for row in rows}
        found = []
        for wanted in made:
            row = present.get(self.keys.digest(wanted.site, wanted.kind, wanted.text))
            if row is not None and (it := conflict(self._shown(row), wanted, now_ns)) is not None:
                found.append(it)
        return found

    def remove(self, store: SiteListWriter, site: str, entry: str, by: str) -> bool:
        """Remove an entry; False if there is none of that id. On the writer's thread.

        Raises:
            StoreError: The store cannot write now.
        """
        act = AuditEntry(time_ns=self.clock.wall_ns(), who=by, what="list.removed", site=site, target=entry)
        return store.change_site_list(ListChange(site=site, removed=(entry,)), act) > 0

    def message(self, site: str) -> tuple[str, bytes] | None:
        """Topic and payload for the site's boxes; None where the site has no list.

        Raises:
            StoreError: It cannot be read.
            ListError: It was stored with other keys.
            ContractError: It is too long to send.
        """
        version = self.reader.list_versions().get(site)
        if version is None:
            return None
        entries = self.entries(site)
        lists = wire.SiteLists(
            site=site,
            version=version,
            vehicles=tuple(_vehicle(it) for it in entries if it.kind == "vehicle"),
            credentials=tuple(
                wire.RevokedCredential(id=it.id, credential=it.text, from_ns=it.from_ns, until_ns=it.until_ns)
                for it in entries
                if it.kind == "credential"
            ),
            grammars=self.grammars(site),
        )
        return wire.topic(site), wire.pack(lists, self.keys.signing, self.keys.of_site(site), secrets.token_bytes)

    def messages(self) -> list[tuple[str, bytes]]:
        """Of all sites, for a broker that may have lost what it retained."""
        found = (self.message(site) for site in sorted(self.reader.list_versions()))
        return [message for message in found if message is not None]

    def _entry(self, site: str, wanted: ListEntryRequest, by: str, now_ns: int, zone: ZoneInfo) -> ListEntry:
        begins, ends = limits(wanted, now_ns, zone)
        number = uuid7(now_ns, secrets.token_bytes(10))
        owner, reason = wanted.owner.strip(), wanted.reason.strip()
        return ListEntry(
            number, site, wanted.kind, wanted.standing, wanted.text, owner, reason, begins, ends, by, now_ns
        )

    def _row(self, entry: ListEntry) -> ListRow:
        return ListRow(
            id=entry.id,
            site=entry.site,
            kind=entry.kind,
            standing=entry.standing,
            sealed=self.keys.hidden(entry.site, entry.text),
            digest=self.keys.digest(entry.site, entry.kind, entry.text),
            owner=entry.owner,
            reason=entry.reason,
            from_ns=entry.from_ns,
            until_ns=entry.until_ns,
            by=entry.by,
            made_ns=entry.made_ns,
        )

    def _shown(self, row: ListRow) -> ListEntry:
        text = self.keys.shown(row.site, row.sealed)
        kind, standing = cast("Kind", row.kind), cast("ListStatus", row.standing)
        return ListEntry(
            row.id,
            row.site,
            kind,
            standing,
            text,
            row.owner,
            row.reason,
            row.from_ns,
            row.until_ns,
            row.by,
            row.made_ns,
        )


def _vehicle(entry: ListEntry) -> wire.ListedVehicle:
    standing = cast("wire.Standing", entry.standing)
    return wire.ListedVehicle(
        id=entry.id, plate=entry.text, standing=standing, from_ns=entry.from_ns, until_ns=entry.until_ns
    )
