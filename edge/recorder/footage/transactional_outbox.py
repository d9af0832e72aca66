"""Transactional outbox of footage events, also for other processes: stored in the index until the outbox has them.

An entry is committed with the action that it reports, or before it. The running box passes it to its outbox and drops
it when that has committed. A crash in between sends it twice: two equal events. The other order could lose one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from edge.recorder.index import Index
from edge.recorder.retention.legal_holds import Hold
from protocol.envelope import UnsequencedEvent
from protocol.event_types import KINDS, FootageHeld
from protocol.identifiers import to_rfc3339

ENDED, ENDED_EARLY = "the hold has ended: ", "the hold was ended early: "
Change = Literal["placed", "ended", "ended_early"]
_ANNOUNCED = "announced_holds"


def enqueue(index: Index, event: UnsequencedEvent) -> None:
    """Add an event; inside `index.transaction()` it is committed with the other changes.

    Raises:
        FootageError: It could not be stored. The action that it reports must not happen then.
    """
    index.add_outbox_entry(event.place, event.kind, msgspec.json.encode(event.data), event.time_ns)


def drain(index: Index, put: Callable[[UnsequencedEvent], None]) -> int:
    """Send every entry, oldest first; `put` returns once it is committed, or raises. Returns the number sent.

    Raises:
        FootageError: The index cannot be read or written.
        Exception: What `put` raises: this entry and later ones stay.
    """
    rows = index.outbox_entries()
    for number, place, kind, body, at_ns in rows:
        put(UnsequencedEvent(place, msgspec.json.decode(body, type=KINDS[kind]), at_ns))
        index.drop_outbox_entry(number)
    return len(rows)


def announce(index: Index, holds: Sequence[Hold], now_ns: int) -> None:
    """Add an event for every new hold and for every hold that has ended; each once.

    Raises:
        FootageError: The index cannot be written.
    """
    with index.transaction():
        known = set((index.fact(_ANNOUNCED) or "").split())
        new = [hold for hold in holds if hold.end_ns > now_ns and hold.ended is None and hold.id not in known]
        ended = [hold for hold in holds if hold.end_ns <= now_ns and hold.id in known]
        for hold in new:
            enqueue(index, UnsequencedEvent(hold.camera, _held(hold, "placed"), hold.made_ns))
        for hold in ended:
            change: Change = "ended" if hold.ended is None else "ended_early"
            enqueue(index, UnsequencedEvent(hold.camera, _held(hold, change), hold.end_ns))
        if new or ended:
            announced = (known | {hold.id for hold in new}) - {hold.id for hold in ended}
            index.set_fact(_ANNOUNCED, " ".join(sorted(announced)))


def _held(hold: Hold, change: Change) -> FootageHeld:
    by, reason = (hold.owner, hold.reason) if hold.ended is None else (hold.ended.by, hold.ended.reason)
    prefix = {"placed": "", "ended": ENDED, "ended_early": ENDED_EARLY}[change]
    cause = f"{prefix}{hold.case}: {reason}"
    span = {"from_": to_rfc3339(hold.from_ns), "to": to_rfc3339(hold.to_ns)}
    return FootageHeld(**span, cause=cause, by=by, change=change)
