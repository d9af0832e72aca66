"""Notices boxes that are away: from their retained status, which is the broker's last will once a box is gone.

A box that is away for `GRACE_S` opens `box.lost`; where all boxes of a site are, and there are several, also
`uplink.lost`, which is then the reason for the others. A restart of a box takes less. Both end when a status reports
the box as online.
"""

from __future__ import annotations

from collections.abc import Callable

from aggregator.domain.alerts.own_kinds import BOX_BACK, BOX_LOST, UPLINK_BACK, UPLINK_LOST, noticed
from aggregator.domain.store_port.quiet import QuietLookup
from common.clock import SECOND_NS
from protocol.envelope import Event

GRACE_S = 60
BoxKey = tuple[str, str]


class BoxWatch:
    """Belongs to the thread that writes.

    Args:
        store: Holds which boxes were away at the last stop.
        new_id: Makes ids.
    """

    def __init__(self, store: QuietLookup, new_id: Callable[[], str]) -> None:
        self._store, self._new_id = store, new_id
        self._away: dict[BoxKey, int] | None = None
        self._reported: set[BoxKey] = set()

    def status(self, site: str, box: str, online: bool, now_ns: int) -> list[Event]:
        """A status has come; what ends with it."""
        away = self._known()
        if not online:
            away.setdefault((site, box), now_ns)
            return []
        was_away = away.pop((site, box), None) is not None
        self._reported -= {(site, box), (site, "")}
        if not was_away:
            return []
        back = [noticed(BOX_BACK, self._new_id(), (site, box), now_ns)]
        return [*back, noticed(UPLINK_BACK, self._new_id(), (site, ""), now_ns)]

    def due(self, now_ns: int) -> list[Event]:
        """What is lost for long enough, and was not reported; a site's uplink before its boxes."""
        away = self._known()
        lost = {key: since for key, since in away.items() if now_ns - since >= GRACE_S * SECOND_NS}
        new = [key for key in lost if key not in self._reported]
        found = []
        for site in sorted({site for site, _ in new}):
            if (site, "") not in self._reported and self._all_lost(site, lost):
                since_ns = min(it for key, it in lost.items() if key[0] == site)
                found.append(noticed(UPLINK_LOST, self._new_id(), (site, ""), since_ns))
                self._reported.add((site, ""))
        found += [noticed(BOX_LOST, self._new_id(), key, lost[key]) for key in new]
        self._reported.update(new)
        return found

    def forget(self) -> None:
        """A commit failed: what was reported may not be written. What is open already is not opened twice."""
        self._away = None
        self._reported.clear()

    def _all_lost(self, site: str, lost: dict[BoxKey, int]) -> bool:
        boxes = self._store.known_boxes(site)
        return len(boxes) > 1 and all((site, box) in lost for box in boxes)

    def _known(self) -> dict[BoxKey, int]:
        if self._away is None:
            self._away = {(site, box): since_ns for site, box, since_ns in self._store.offline_boxes()}
        return self._away
