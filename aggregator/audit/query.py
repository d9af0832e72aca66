"""The auditor's view of the record: a page of acts that fit, and what stands out lately."""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.domain import audit_entry
from aggregator.domain.audit_anomalies import Anomaly, findings
from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.store_port.audit import AuditReader
from common.clock import SECOND_NS

PAGE = 100
MOST_READ = 50_000
"""Entries that one query reads at most."""
STEP = 1_000
DAYS = 7


@dataclass(frozen=True)
class AuditFilter:
    """Which acts; an empty field asks for nothing. `who` and `case` may be a beginning, the others compare exactly."""

    who: str = ""
    what: str = ""
    site: str = ""
    case: str = ""

    def fits(self, act: AuditEntry) -> bool:
        """Whether an act is one of them."""
        return (
            act.who.startswith(self.who)
            and act.case.startswith(self.case)
            and self.what in ("", act.what)
            and self.site in ("", act.site)
        )


def page(
    reader: AuditReader, wanted: AuditFilter, before: int | None = None
) -> tuple[list[tuple[int, AuditEntry]], int | None]:
    """Acts with their numbers, newest first, and where the next page begins (None: there is nothing more)."""
    found: list[tuple[int, AuditEntry]] = []
    read = 0
    while read < MOST_READ:
        rows = reader.newest_audit_entries(before, STEP)
        for number, entry in rows:
            before, act = number, audit_entry.decode(entry)
            if wanted.fits(act):
                found.append((number, act))
                if len(found) == PAGE:
                    return found, before
        if len(rows) < STEP:
            return found, None
        read += len(rows)
    return found, before


def recent_anomalies(reader: AuditReader, now_ns: int) -> list[Anomaly]:
    """What stands out in the last seven days, of the newest 50,000 acts."""
    since_ns = now_ns - DAYS * 86_400 * SECOND_NS
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
