"""Holds: footage that must stay although its time is over, each with an owner, a reason, a case and an end.

They stand as files on the footage's disk, so that they survive the loss of the index as well.
"""

from __future__ import annotations

import re

import msgspec

from common.clock import SECOND_NS
from common.errors import FootageError
from edge.recorder.disk import Disk

HOLDS = "holds"
LONGEST_NS = 366 * 86_400 * SECOND_NS
"""A hold that is needed for longer is placed again; nothing stays for ever by default."""
_TEXT = re.compile(r"\S")


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One hold.

    Attributes:
        id: UUIDv7.
        camera: The camera's id.
        from_ns: Start of the footage, UTC nanoseconds.
        to_ns: Its end.
        owner: Who answers for it.
        reason: Why.
        case: The reference it is made under.
        made_ns: When it was placed.
        end_ns: When it ends.
    """

    id: str
    camera: str
    from_ns: int
    to_ns: int
    owner: str
    reason: str
    case: str
    made_ns: int
    end_ns: int

    def covers(self, camera: str, from_ns: int, to_ns: int, now_ns: int) -> bool:
        """Whether it keeps a stretch now."""
        return self.camera == camera and self.from_ns < to_ns and self.to_ns > from_ns and now_ns < self.end_ns


_DECODER = msgspec.json.Decoder(Hold)


def checked(hold: Hold) -> Hold:
    """The hold, if it may be placed.

    Raises:
        FootageError: Something is missing, the range is empty, or it ends in the past or too late; names the field.
    """
    for name in ("owner", "reason", "case"):
        if not _TEXT.search(getattr(hold, name)):
            raise FootageError(f"a hold needs --{name}: it was left empty")
    if hold.to_ns <= hold.from_ns:
        raise FootageError("a hold's --to must be after its --from")
    if hold.end_ns <= hold.made_ns:
        raise FootageError("a hold's --until is in the past; give a day that is to come")
    if hold.end_ns > hold.made_ns + LONGEST_NS:
        raise FootageError("a hold's --until is more than a year away; place it for a year and again then")
    return hold


class Holds:
    """All holds of a disk."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def place(self, hold: Hold) -> None:
        """Keep a hold, durably.

        Raises:
            FootageError: See `checked`; or the disk failed.
        """
        body = msgspec.json.encode(checked(hold))
        handle = self._disk.create(f"{HOLDS}/{hold.id}.json")
        try:
            handle.write(body)
            handle.sync()
        finally:
            handle.close()
        self._disk.sync_folder(HOLDS)

    def all(self) -> tuple[list[Hold], list[str]]:
        """The holds, and the files that are none."""
        found, bad = [], []
        for path in self._disk.walk(HOLDS):
            try:
                found.append(_DECODER.decode(self._disk.read(path, 0, 65_536)))
            except msgspec.DecodeError:
                bad.append(path)
        return found, bad

    def drop_ended(self, now_ns: int) -> list[Hold]:
        """Remove the holds whose time is over, and say which."""
        ended = [hold for hold in self.all()[0] if hold.end_ns <= now_ns]
        for hold in ended:
            self._disk.unlink(f"{HOLDS}/{hold.id}.json")
        if ended:
            self._disk.sync_folder(HOLDS)
        return ended
