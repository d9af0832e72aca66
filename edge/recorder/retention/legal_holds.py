"""Legal holds: footage kept past its maximum retention, each with an owner, a reason, a case and an end.

They are files on the footage's disk, so that they survive the loss of the index. A hold that a person ends early gets a
second file; the first one is never changed. A second file that was not written to its end ends nothing.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from common.clock import SECOND_NS
from common.errors import FootageError
from edge.recorder.disk import Disk

HOLDS, ENDINGS = "holds", "holds-ended"
LONGEST_NS = 366 * 86_400 * SECOND_NS
"""A hold that is needed for longer must be placed again."""
Found = TypeVar("Found")
_TEXT = re.compile(r"\S")


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """A hold was ended before its time.

    Attributes:
        id: The hold's.
        by: Who ended it.
        reason: Why.
        end_ns: When.
    """

    id: str
    by: str
    reason: str
    end_ns: int


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
        ended: Who ended it before its time, and why; None: nobody did.
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
    ended: Ending | None = None

    def covers(self, camera: str, from_ns: int, to_ns: int, now_ns: int) -> bool:
        """Whether it covers a part of the range now."""
        return self.camera == camera and self.from_ns < to_ns and self.to_ns > from_ns and now_ns < self.end_ns


_DECODER = msgspec.json.Decoder(Hold)
_ENDING = msgspec.json.Decoder(Ending)


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
        self._write(HOLDS, hold.id, msgspec.json.encode(validated(hold)))

    def end(self, ending: Ending) -> Hold:
        """End a hold before its time, durably. One that was ended before stays as it is.

        Returns:
            The hold as it is now.

        Raises:
            FootageError: There is no such hold, who or why is missing, or the disk failed.
        """
        hold = next((it for it in self.all()[0] if it.id == ending.id), None)
        if hold is None:
            raise FootageError("there is no such hold; it may have ended", sentence="hold.unknown")
        for name in ("by", "reason"):
            if not _TEXT.search(getattr(ending, name)):
                raise FootageError(f"ending a hold needs --{name}: it was left empty")
        if hold.ended is not None or hold.end_ns <= ending.end_ns:
            return hold
        self._disk.unlink(f"{ENDINGS}/{ending.id}.json")  # one that was not written to its end
        self._write(ENDINGS, ending.id, msgspec.json.encode(ending))
        return _ended(hold, ending)

    def _write(self, folder: str, name: str, body: bytes) -> None:
        handle = self._disk.create(f"{folder}/{name}.json")
        try:
            handle.write(body)
            handle.sync()
        finally:
            handle.close()
        self._disk.sync_folder(folder)

    def all(self) -> tuple[list[Hold], list[str]]:
        """The holds, and the paths of invalid files."""
        holds, invalid_files = self._read(HOLDS, _DECODER)
        endings, broken = self._read(ENDINGS, _ENDING)
        by_id = {it.id: it for it in endings}
        return [_ended(it, by_id.get(it.id)) for it in holds], invalid_files + broken

    def _read(self, folder: str, decoder: msgspec.json.Decoder[Found]) -> tuple[list[Found], list[str]]:
        found, invalid_files = list[Found](), list[str]()
        for path in self._disk.walk(folder):
            try:
                found.append(decoder.decode(self._disk.read(path, 0, 65_536)))
            except msgspec.DecodeError:
                invalid_files.append(path)
        return found, invalid_files

    def drop_ended(self, now_ns: int) -> list[Hold]:
        """Remove the holds that have ended; returns them.

        A hold goes before what ended it: the other order could revive it.
        """
        ended = [hold for hold in self.all()[0] if hold.end_ns <= now_ns]
        for hold in ended:
            self._disk.unlink(f"{HOLDS}/{hold.id}.json")
        if ended:
            self._disk.sync_folder(HOLDS)
        left = {path.rpartition("/")[2] for path in self._disk.walk(HOLDS)}
        alone = [path for path in self._disk.walk(ENDINGS) if path.rpartition("/")[2] not in left]
        for path in alone:
            self._disk.unlink(path)
        if alone:
            self._disk.sync_folder(ENDINGS)
        return ended


def _ended(hold: Hold, ending: Ending | None) -> Hold:
    if ending is None or hold.end_ns <= ending.end_ns:
        return hold
    return msgspec.structs.replace(hold, end_ns=ending.end_ns, ended=ending)
