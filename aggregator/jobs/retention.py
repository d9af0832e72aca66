"""Metadata has a ceiling too: events, pictures, alerts and the record's entries go when too old, on the record.

A clock that jumps ahead must not erase a village's memory: after a jump, and after a start with a clock far ahead of
what was written last, nothing is erased for a day, so that the clock can be corrected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port.events import Purgeable, RetentionWriter
from aggregator.settings.aggregator import Keep, Retention
from common import logging_setup
from common.clock import DAY_NS, SECOND_NS, Clock
from protocol.identifiers import to_rfc3339

_log = logging_setup.get("retention")
EVERY_S = 60.0
MOST_ROWS = 2_000
JUMP_NS = 3600 * SECOND_NS
ABSENCE_NS = 2 * DAY_NS
PAUSE_NS = DAY_NS


@dataclass
class RetentionJob:
    """Erases what is past its ceiling, a little at a time. Belongs to the writer's thread.

    Args:
        settings: Floors and ceilings.
        clock: Wall and monotonic.
        newest_ns: When something was last written before this start, by the wall clock; 0: never.
    """

    settings: Retention
    clock: Clock
    newest_ns: int
    erased: dict[Purgeable, int] = field(default_factory=lambda: dict.fromkeys(get_args(Purgeable), 0))
    _turn_ns: int | None = None
    _wall_ns: int = 0
    _paused_until_ns: int = 0
    _walked: str = ""

    def turn(self, store: RetentionWriter) -> int:
        """Erase some, if it is time; how many rows went.

        Raises:
            StoreError: The store cannot be written now.
        """
        now_ns, wall_ns = self.clock.monotonic_ns(), self.clock.wall_ns()
        if self._turn_ns is not None and now_ns - self._turn_ns < EVERY_S * SECOND_NS:
            return 0
        self._watch_clock(now_ns, wall_ns)
        self._turn_ns, self._wall_ns = now_ns, wall_ns
        store.end_one_time_accounts(wall_ns)
        if now_ns < self._paused_until_ns:
            return 0
        kept = self.settings
        spans: dict[Purgeable, Keep] = {
            "pictures": kept.thumbnails, "events": kept.events, "alerts": kept.alerts, "record": kept.record,
            "feed": kept.feed,
        }  # fmt: skip
        total = sum(self._erase(store, what, keep, wall_ns) for what, keep in spans.items())
        before_ns = _before(kept.events, wall_ns)
        self._walked, late = store.purge_scan(
            self._walked, before_ns, MOST_ROWS, self._act("events", before_ns, wall_ns)
        )
        self.erased["events"] += late
        return total + late

    def _erase(self, store: RetentionWriter, what: Purgeable, keep: Keep, wall_ns: int) -> int:
        before_ns = _before(keep, wall_ns)
        erased_rows = store.purge(what, before_ns, MOST_ROWS, self._act(what, before_ns, wall_ns))
        self.erased[what] += erased_rows
        return erased_rows

    @staticmethod
    def _act(what: Purgeable, before_ns: int, wall_ns: int) -> AuditEntry:
        detail = {"received_before": to_rfc3339(before_ns)}
        return AuditEntry(time_ns=wall_ns, who="system", what="erased", target=what, reason="ceiling", detail=detail)

    def _watch_clock(self, now_ns: int, wall_ns: int) -> None:
        if self._turn_ns is None:
            ahead = bool(self.newest_ns) and wall_ns - self.newest_ns > ABSENCE_NS
        else:
            ahead = (wall_ns - self._wall_ns) - (now_ns - self._turn_ns) > JUMP_NS
        if ahead:
            self._paused_until_ns = now_ns + PAUSE_NS
            _log.warning("the clock is far ahead of what was written last; nothing is erased for a day")


def _before(keep: Keep, wall_ns: int) -> int:
    """What was received before this is past its ceiling; the floor holds whatever the ceiling says."""
    return wall_ns - max(keep.ceiling_days, keep.floor_days) * DAY_NS
