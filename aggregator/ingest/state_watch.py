"""Which boxes report another state of a device than before; in memory, so after a start every first status is one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable

from aggregator.domain.read_models import StatusSeen
from protocol.receipts import BoxStatus

MOST_BOXES = 10_000
"""Boxes whose states are kept, the latest ones: whoever has the boxes' account can name any number of boxes."""


class StateWatch:
    """Compares each status with the one before. Belongs to the writer's thread.

    Args:
        most: So many boxes are kept; a further one takes the place of the one that was silent longest.
    """

    def __init__(self, most: int = MOST_BOXES) -> None:
        self._most, self._before = most, OrderedDict[tuple[str, str], int]()

    def changed(self, statuses: Iterable[StatusSeen]) -> set[str]:
        """The sites in which something changed that pages show as the state of a device."""
        sites = set[str]()
        for seen in statuses:
            box, states = (seen.site, seen.box), hash(states_of(seen.status))
            if self._before.get(box) != states:
                self._before[box] = states
                sites.add(seen.site)
            self._before.move_to_end(box)
            if len(self._before) > self._most:
                self._before.popitem(last=False)
        return sites


def states_of(status: BoxStatus) -> Hashable:
    """The states in a status; no rates, times and counts, which differ each time."""
    return (
        status.online,
        tuple((it.id, it.name, it.state, it.problem, it.since) for it in status.cameras),
        tuple((it.id, it.name, it.state, it.locked) for it in status.doors),
        tuple((it.name, it.camera) for it in status.gates),
    )
