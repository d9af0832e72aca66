"""The auditor's view of the record: a page of acts that fit, and what stands out lately."""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_anomalies import Anomaly, findings
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port.audit import AuditReader
from common.clock import DAY_NS

PAGE = 100
MOST_READ = 50_000
"""Entries that one query reads at most."""
STEP = 1_000
DAYS = 7
SLACK_NS = DAY_NS
"""Entries may be out of order by as much: a box's audit entries come when it is online again."""


@dataclass(frozen=True)
class AuditFilter:
    """Which acts; an empty field asks for nothing. `who` and `case` may be a beginning, the others compare exactly.

    Attributes:
        from_ns: Acts from then on, UTC nanoseconds; None: from the beginning.
        until_ns: Acts before then; None: up to now.
    """

    who: str = ""
    what: str = ""
    site: str = ""
    case: str = ""
    from_ns: int | None = None
    until_ns: int | None = None

    def fits(self, act: AuditEntry) -> bool:
        """Whether an act is one of them."""
        return (
            act.who.startswith(self.who)
            and act.case.startswith(self.case)
            and self.what in ("", act.what)
            and self.site in ("", act.site)
            and (self.from_ns is None or act.time_ns >= self.from_ns)
            and (self.until_ns is None or act.time_ns < self.until_ns)
        )


def page(
    reader: AuditReader, wanted: AuditFilter, before: int | None = None
) -> tuple[list[tuple[int, AuditEntry]], int | None]:
    """Acts with their numbers, newest first, and where the next page begins (None: there is nothing more)."""
    found: list[tuple[int, AuditEntry]] = []
    read = 0
    if before is None and wanted.until_ns is not None:
        before = first_after(reader, wanted.until_ns + SLACK_NS)
    while read < MOST_READ:
        rows = reader.newest_audit_entries(before, STEP)
        for number, entry in rows:
            before, act = number, audit_entry.decode(entry)
            if wanted.from_ns is not None and act.time_ns < wanted.from_ns - SLACK_NS:
                return found, None
            if wanted.fits(act):
                found.append((number, act))
                if len(found) == PAGE:
                    return found, before
        if len(rows) < STEP:
            return found, None
        read += len(rows)
    return found, before


def first_after(reader: AuditReader, time_ns: int) -> int:
    """The number of the first entry from a time on, by bisection.

    Entries are in the order of their times, but for some that were late, or written while a clock was set.
    """
    low, high = 1, reader.audit_log_size() + 1
    while low < high:
        middle = (low + high) // 2
        newest = reader.newest_audit_entries(middle + 1, 1)
        if newest and audit_entry.decode(newest[0][1]).time_ns >= time_ns:
            high = middle
        else:
            low = middle + 1
    return low


def dossier(reader: AuditReader, case: str) -> list[tuple[int, AuditEntry]]:
    """Everything that was done under a case, and about its requests, oldest first; reads the whole log page by page."""
    found: list[tuple[int, AuditEntry]] = []
    about, after = {case}, 0
    while rows := reader.audit_entries(after, STEP):
        after = rows[-1][0]
        for number, entry in rows:
            if not entry:
                continue  # erased, past its retention
            act = audit_entry.decode(entry)
            if act.case == case or act.target in about:
                found.append((number, act))
                if act.what == "release.requested":
                    about.add(act.target)
    return found


def recent_anomalies(reader: AuditReader, now_ns: int) -> list[Anomaly]:
    """What stands out in the last seven days, of the newest 50,000 acts."""
    since_ns = now_ns - DAYS * DAY_NS
    taken: list[AuditEntry] = []
    before: int | None = None
    while len(taken) < MOST_READ:
        rows = reader.newest_audit_entries(before, STEP)
        fresh = [act for _, entry in rows if (act := audit_entry.decode(entry)).time_ns >= since_ns]
        taken += fresh
        if len(fresh) < STEP:
            break
        before = rows[-1][0]
    return findings(taken)
