"""What must be told of footage and may be done by another process: kept in the index until the outbox has it.

A notice is committed with the act that it tells of, or before it. The running box hands it to the outbox and drops it
when the outbox has committed. A crash between those two sends it twice: two events with the same time, place and words,
of which one tells nothing new. The other order could lose one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from edge.recorder.index import Index
from edge.recorder.retention.legal_holds import Hold
from protocol.envelope import UnsequencedEvent
from protocol.event_types import KINDS, FootageHeld
from protocol.identifiers import to_rfc3339

ENDED = "the hold has ended: "
_ANNOUNCED = "announced_holds"


def enqueue(index: Index, draft: UnsequencedEvent) -> None:
    """Leave a notice; inside `index.transaction()` it is committed with what else happens there.

    Raises:
        FootageError: It could not be kept. What it would tell of must not happen then.
    """
    index.add_notice(draft.place, draft.kind, msgspec.json.encode(draft.data), draft.time_ns)


def drain(index: Index, put: Callable[[UnsequencedEvent], None]) -> int:
    """Hand every notice over, oldest first; `put` returns once it is safe, or raises. How many went.

    Raises:
        FootageError: The index cannot be read or written.
        Exception: What `put` raises: the notice stays, and those behind it.
    """
    rows = index.notices()
    for number, place, kind, body, at_ns in rows:
        put(UnsequencedEvent(place, msgspec.json.decode(body, type=KINDS[kind]), at_ns))
        index.drop_notice(number)
    return len(rows)


def announce(index: Index, holds: Sequence[Hold], now_ns: int) -> None:
    """Leave a notice of every hold that is new, and of every one whose time is over; each once.

    Raises:
        FootageError: The index cannot be written.
    """
    with index.transaction():
        known = set((index.fact(_ANNOUNCED) or "").split())
        new = [hold for hold in holds if hold.end_ns > now_ns and hold.id not in known]
        ended = [hold for hold in holds if hold.end_ns <= now_ns and hold.id in known]
        for hold in new:
            enqueue(index, UnsequencedEvent(hold.camera, _held(hold, ""), hold.made_ns))
        for hold in ended:
            enqueue(index, UnsequencedEvent(hold.camera, _held(hold, ENDED), hold.end_ns))
        if new or ended:
            left = (known | {hold.id for hold in new}) - {hold.id for hold in ended}
            index.set_fact(_ANNOUNCED, " ".join(sorted(left)))


def _held(hold: Hold, said: str) -> FootageHeld:
    cause = f"{said}{hold.case}: {hold.reason}"
    return FootageHeld(from_=to_rfc3339(hold.from_ns), to=to_rfc3339(hold.to_ns), cause=cause, by=hold.owner)
