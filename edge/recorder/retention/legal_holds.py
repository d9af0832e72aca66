"""Legal holds: footage kept past its maximum retention, each with an owner, a reason, a case and an end.

They are files on the footage's disk, so that they survive the loss of the index.
"""

from __future__ import annotations

import re

import msgspec

from common.clock import SECOND_NS
from common.errors import FootageError
from edge.recorder.disk import Disk

HOLDS = "holds"
LONGEST_NS = 366 * 86_400 * SECOND_NS
"""A hold that is needed for longer must be placed again."""
_TEXT = re.compile(r"\S")


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One legal hold.

    Attributes:
        id: UUIDv7.
        camera: The camera's id.
        from_ns: Start of the footage, UTC nanoseconds.
        to_ns: Its end.
        owner: The responsible person.
        reason: Why.
        case: Its case reference.
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
        """Whether it covers a part of the range now."""
        return self.camera == camera and self.from_ns < to_ns and self.to_ns > from_ns and now_ns < self.end_ns


_DECODER = msgspec.json.Decoder(Hold)


def validated(hold: Hold) -> Hold:
    """The hold, if it is valid.

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
        """Store a hold durably.

        Raises:
            FootageError: See `validated`; or the disk failed.
        """
        body = msgspec.json.encode(validated(hold))
        handle = self._disk.create(f"{HOLDS}/{hold.id}.json")
        try:
            handle.write(body)
            handle.sync()
        finally:
            handle.close()
        self._disk.sync_folder(HOLDS)

    def all(self) -> tuple[list[Hold], list[str]]:
        """The holds, and the paths of invalid files."""
        holds, invalid_files = [], []
        for path in self._disk.walk(HOLDS):
            try:
                holds.append(_DECODER.decode(self._disk.read(path, 0, 65_536)))
            except msgspec.DecodeError:
                invalid_files.append(path)
        return holds, invalid_files

    def drop_ended(self, now_ns: int) -> list[Hold]:
        """Remove the holds that have ended; returns them."""
        ended = [hold for hold in self.all()[0] if hold.end_ns <= now_ns]
        for hold in ended:
            self._disk.unlink(f"{HOLDS}/{hold.id}.json")
        if ended:
            self._disk.sync_folder(HOLDS)
        return ended
