"""Any stretch of footage as one fragmented MP4: opened and joined part by part, nothing encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from common.clock import SECOND_NS
from common.errors import FootageBroken, FootageError
from edge.media.mp4_boxes import CODECS, beginning, traks, video_entry
from edge.recorder.disk import Disk
from edge.recorder.footage.mp4_concatenator import ConcatenatedMovie, FragmentPosition
from edge.recorder.index import Index, Segment
from edge.recorder.retention.segment_encryption import Head
from edge.recorder.segments.segment import KeyOf, SegmentReader
from protocol.identifiers import to_rfc3339

LONGEST_RANGE_NS = 24 * 3600 * SECOND_NS
_SEAM_NS = SECOND_NS // 2
_SHOWN = {"h264": "H.264", "hevc": "H.265"}
Damaged = Callable[[str, str], None]


@dataclass
class _Plan:
    """What a movie will be made of: its sample entries are known before its first byte."""

    rows: list[tuple[Segment, FragmentPosition]]
    entries: list[bytes]
    first: bytes = b""
    sound: bytes | None = None


class Player:
    """Plays what is kept.

    Args:
        disk: Where the segments are.
        key_of: Gives the day keys.
        index: Which segments there are.
    """

    def __init__(self, disk: Disk, key_of: KeyOf, index: Index) -> None:
        self._disk, self._key_of, self._index = disk, key_of, index

    def find(self, camera: str, from_ns: int, to_ns: int) -> list[Segment]:
        """The segments of a range.

        Raises:
            FootageError: An absurd range, an unknown camera, or nothing there.
        """
        if to_ns <= from_ns:
            raise FootageError("the range is empty: its end must be after its start")
        if to_ns - from_ns > LONGEST_RANGE_NS:
            raise FootageError("the range is longer than 24 hours; ask for a part of it")
        if not 0 <= from_ns < to_ns < 2**62:
            raise FootageError("the range lies outside of the years that there can be footage of")
        known = self._index.cameras()
        if camera not in known:
            raise FootageError(f"camera '{camera}' never recorded; known: {', '.join(known) or 'none'}")
        found = self._index.find(camera, from_ns, to_ns)
        if not found:
            raise FootageError(f"camera '{camera}' has no footage in this range")
        return found

    def reader(self, row: Segment) -> SegmentReader:
        """A segment, for byte ranges.

        Raises:
            FootageBroken: It cannot be opened.
        """
        return SegmentReader(self._disk, row.path, self._key_of)

    def end_ns(self, row: Segment) -> int:
        """Wall clock at the end of a segment's footage, also of one that is under way; the row's where it is broken."""
        try:
            last = self.reader(row).heads[-1]
        except (FootageError, IndexError):
            return row.end_ns
        return row.start_ns + (last.start_ms + last.duration_ms) * 1_000_000

    def begins_ns(self, camera: str, from_ns: int, to_ns: int) -> int:
        """Wall clock of the first picture that `play` shows: that of the key frame before the range.

        Raises:
            FootageError: See `find`; or there is no picture in it.
        """
        for row in self.find(camera, from_ns, to_ns):
            reader = self.reader(row)
            if heads := _between(reader, row, (from_ns, to_ns)):
                return reader.header.wall_ns + heads[0].start_ms * 1_000_000
        raise FootageError(f"camera '{camera}' has no footage in this range")

    def held(self, camera: str, from_ns: int, to_ns: int) -> tuple[int, int]:
        """Wall clock at which the film that `play` makes begins and ends; see `begins_ns`.

        Raises:
            FootageError: See `begins_ns`.
        """
        begins_ns, last = self.begins_ns(camera, from_ns, to_ns), self.find(camera, from_ns, to_ns)[-1]
        return begins_ns, max(begins_ns, min(to_ns, self.end_ns(last)))

    def check(self, camera: str, from_ns: int, to_ns: int) -> None:
        """Whether `play` would begin.

        Raises:
            FootageError: See `play`.
        """
        self._plan(camera, from_ns, to_ns, None)

    def play(self, camera: str, from_ns: int, to_ns: int, damaged: Damaged | None = None) -> Iterator[bytes]:
        """One fragmented MP4, piece by piece; no more than a part is held. It starts at the key frame before `from_ns`.

        Sound goes along where it is of one form; of a range in which that changes, the first form is heard.

        Args:
            camera: The camera's id.
            from_ns: UTC nanoseconds.
            to_ns: UTC nanoseconds.
            damaged: Told (segment's id, problem) of segments that do not open in whole: what does not is left out, up
                to the next key frame; None: they raise.

        Raises:
            FootageError: See `find`; or the codec changes inside the range: the text says when.
            FootageBroken: A segment does not authenticate.
        """
        plan = self._plan(camera, from_ns, to_ns, damaged)
        if not plan.rows:
            return
        joined = ConcatenatedMovie(plan.entries, plan.sound, to_ns)
        yield beginning(plan.first, plan.entries, plan.sound)
        for row, place in plan.rows:
            for part in self._parts(row, (from_ns, to_ns), damaged):
                piece = joined.add(part, place)
                if piece:
                    yield piece

    def _plan(self, camera: str, from_ns: int, to_ns: int, damaged: Damaged | None) -> _Plan:
        plan = _Plan([], [])
        for row in self.find(camera, from_ns, to_ns):
            try:
                reader = self.reader(row)
                if not _between(reader, row, (from_ns, to_ns)):
                    continue
                start = reader.part(reader.heads[0]).data
                entry, sound = video_entry(start), traks(start).get(b"soun")
            except FootageBroken as error:
                if damaged is None:
                    raise
                damaged(row.id, str(error))
                continue
            if plan.entries and plan.entries[0][4:8] != entry[4:8]:
                if plan.rows[-1][0].end_ns - from_ns > _SEAM_NS:
                    raise _changes(plan.entries[0], entry, row)
                plan = _Plan([], [])  # what ends where the range begins is not asked for
            if entry not in plan.entries:
                plan.entries.append(entry)
            plan.first, plan.sound = plan.first or start, plan.sound or sound
            heard = sound is not None and sound == plan.sound
            plan.rows.append((row, FragmentPosition(reader.header.wall_ns, plan.entries.index(entry) + 1, heard)))
        return plan

    def _parts(self, row: Segment, span: tuple[int, int], damaged: Damaged | None) -> Iterator[bytes]:
        """The plain parts of one segment; after one that does not open, from the next key frame on."""
        broken, waiting = "", False
        try:
            reader = self.reader(row)
            for head in _between(reader, row, span):
                if waiting and not head.key:
                    continue
                try:
                    data = reader.part(head).data
                except FootageBroken as error:
                    broken, waiting = str(error), True
                    if damaged is None:
                        raise
                    continue
                waiting = False
                yield data
        except FootageBroken as error:
            if damaged is None:
                raise
            broken = str(error)
        if broken and damaged is not None:
            damaged(row.id, broken)


def _between(reader: SegmentReader, row: Segment, span: tuple[int, int]) -> list[Head]:
    return reader.between((span[0] - row.start_ns) // 1_000_000, -((row.start_ns - span[1]) // 1_000_000))


def _changes(before: bytes, after: bytes, row: Segment) -> FootageError:
    names = [_SHOWN[CODECS[entry[4:8]]] for entry in (before, after)]
    at = to_rfc3339(row.start_ns)
    return FootageError(
        f"the codec changes from {names[0]} to {names[1]} at {at}; ask for a range up to then, and for one from then on"
    )
