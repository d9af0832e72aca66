"""Which boxes report another state of a device than before; in memory, so after a start every first status is one."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from aggregator.domain.read_models import StatusSeen
from protocol.receipts import BoxStatus


class StateWatch:
    """Compares each status with the one before. Belongs to the writer's thread."""

    def __init__(self) -> None:
        self._before: dict[tuple[str, str], Hashable] = {}

    def changed(self, statuses: Iterable[StatusSeen]) -> set[str]:
        """The sites in which something changed that pages show as the state of a device."""
        sites = set[str]()
        for seen in statuses:
            box, states = (seen.site, seen.box), states_of(seen.status)
            if self._before.get(box) != states:
                self._before[box] = states
                sites.add(seen.site)
        return sites


def states_of(status: BoxStatus) -> Hashable:
    """The states in a status; no rates, times and counts, which differ each time."""
    return (
        status.online,
        tuple((it.id, it.name, it.state, it.problem, it.since) for it in status.cameras),
        tuple((it.id, it.name, it.state, it.locked) for it in status.doors),
        tuple((it.name, it.camera) for it in status.gates),
    )
