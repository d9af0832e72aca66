"""Places and ends legal holds as the aggregator asks: footage is kept past its maximum retention, under a case."""

from __future__ import annotations

from common.clock import DAY_NS, Clock
from common.errors import FootageError
from edge.recorder.factory import FootageStore
from edge.recorder.footage.transactional_outbox import announce
from edge.recorder.retention.legal_holds import Ending, Hold
from protocol.commands import Command

LONGEST_RANGE_NS = 31 * DAY_NS
MOST_HOLDS = 1_000
"""On one box; each is a file that every run of retention reads."""


class HoldHandler:
    """Answers `hold` and `end-hold`.

    Args:
        store: The footage.
        clock: When a hold is placed, and which have ended.
    """

    def __init__(self, store: FootageStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def place(self, command: Command) -> None:
        """Place the hold durably, and report it as an event.

        The hold has the command's id: where the command is repeated there is still one hold.

        Raises:
            FootageError: Unknown camera, invalid range or end, nothing recorded, too many holds, or the disk failed.
        """
        store, now_ns = self._store, self._clock.wall_ns()
        if not 0 < command.to_ns - command.from_ns <= LONGEST_RANGE_NS or command.to_ns > now_ns:
            raise FootageError(
                "hold a range of at most 31 days that lies in the past, its end after its start",
                sentence="footage.range",
            )
        if command.target not in (known := store.index.cameras()):
            raise FootageError(
                f"camera '{command.target}' never recorded; known: {', '.join(known) or 'none'}",
                sentence="footage.never",
            )
        if not store.index.find(command.target, command.from_ns, command.to_ns):
            raise FootageError("there is no footage in this range; nothing can be held", sentence="footage.none")
        holds = store.holds.all()[0]
        if command.id in {it.id for it in holds}:
            return
        if len(holds) >= MOST_HOLDS:
            raise FootageError(f"there are {MOST_HOLDS} holds already; wait until some end", sentence="hold.many")
        hold = Hold(
            id=command.id, camera=command.target, from_ns=command.from_ns, to_ns=command.to_ns, owner=command.by,
            reason=command.reason, case=command.case, made_ns=now_ns, end_ns=command.until_ns,
        )  # fmt: skip
        store.holds.place(hold)
        announce(store.index, [hold], now_ns)

    def end(self, command: Command) -> None:
        """End a hold before its time, durably, and report it as an event.

        The footage is then kept as long as any other: what is past its maximum retention is erased at the next run.

        Raises:
            FootageError: There is no such hold of this camera and case, or the disk failed.
        """
        store, now_ns = self._store, self._clock.wall_ns()
        known = {it.id: it for it in store.holds.all()[0]}
        hold = known.get(command.hold)
        if hold is None or (hold.camera, hold.case) != (command.target, command.case):
            text = "there is no such hold of this camera and case; it may have ended"
            raise FootageError(text, sentence="hold.unknown")
        ended = store.holds.end(Ending(id=hold.id, by=command.by, reason=command.reason, end_ns=now_ns))
        announce(store.index, [ended], now_ns)
