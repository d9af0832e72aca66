"""Any range of footage as one fragmented MP4: decrypted and concatenated by fragment, without encoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from common.clock import SECOND_NS
from common.errors import FootageBroken, FootageError
from edge.media.mp4_boxes import CODECS, beginning, traks, video_entry
from edge.recorder.disk import Disk
from edge.recorder.footage.mp4_concatenator import ConcatenatedMovie, FragmentPosition
from edge.recorder.index import Index, Segment
from edge.recorder.retention.segment_encryption import FragmentHeader
from edge.recorder.segments.segment import KeyOf, SegmentReader
from protocol.identifiers import to_rfc3339

LONGEST_RANGE_NS = 24 * 3600 * SECOND_NS
_SEAM_NS = SECOND_NS // 2
_CODEC_NAMES = {"h264": "H.264", "hevc": "H.265"}
OnDamaged = Callable[[str, str], None]


@dataclass
class _Plan:
    """The content of a movie: its sample entries must be known before its first byte."""

    rows: list[tuple[Segment, FragmentPosition]]
    entries: list[bytes]
    first: bytes = b""
    sound: bytes | None = None


class Player:
    """Plays recorded footage.

    Args:
        disk: The footage's disk.
        key_of: Returns day keys.
        index: Segment index.
    """

    def __init__(self, disk: Disk, key_of: KeyOf, index: Index) -> None:
        self._disk, self._key_of, self._index = disk, key_of, index

    def find(self, camera: str, from_ns: int, to_ns: int) -> list[Segment]:
        """The segments of a range.

        Raises:
            FootageError: Invalid range, unknown camera, or no footage.
        """
        if to_ns <= from_ns:
            raise FootageError("the range is empty: its end must be after its start", sentence="footage.range")
        if to_ns - from_ns > LONGEST_RANGE_NS:
            raise FootageError("the range is longer than 24 hours; ask for a part of it", sentence="footage.range")
        if not 0 <= from_ns < to_ns < 2**62:
            raise FootageError("the range is outside of the valid years", sentence="footage.range")
        known = self._index.cameras()
        if camera not in known:
            raise FootageError(
                f"camera '{camera}' never recorded; known: {', '.join(known) or 'none'}", sentence="footage.never"
            )
        found = self._index.find(camera, from_ns, to_ns)
        if not found:
            raise FootageError(f"camera '{camera}' has no footage in this range", sentence="footage.none")
        return found

    def reader(self, row: Segment) -> SegmentReader:
        """A segment, for byte ranges.

        Raises:
            FootageBroken: It cannot be opened.
        """
        return SegmentReader(self._disk, row.path, self._key_of)

    def end_ns(self, row: Segment) -> int:
        """Wall clock at the end of a segment's footage, also of an unfinished one."""
        try:
            last = self.reader(row).fragment_headers[-1]
        except (FootageError, IndexError):
            return row.end_ns
        return row.start_ns + (last.start_ms + last.duration_ms) * 1_000_000

    def begins_ns(self, camera: str, from_ns: int, to_ns: int) -> int:
        """Wall clock of the first picture that `play` returns: the key frame before the range.

        Raises:
            FootageError: See `find`; or it has no picture.
        """
        for row in self.find(camera, from_ns, to_ns):
            reader = self.reader(row)
            if headers := _between(reader, row, (from_ns, to_ns)):
                return reader.header.wall_ns + headers[0].start_ms * 1_000_000
        raise FootageError(f"camera '{camera}' has no footage in this range", sentence="footage.none")

    def held(self, camera: str, from_ns: int, to_ns: int) -> tuple[int, int]:
        """Wall clock at which the video of `play` begins and ends; see `begins_ns`.

        Raises:
            FootageError: See `begins_ns`.
        """
        begins_ns, last = self.begins_ns(camera, from_ns, to_ns), self.find(camera, from_ns, to_ns)[-1]
        return begins_ns, max(begins_ns, min(to_ns, self.end_ns(last)))

    def check(self, camera: str, from_ns: int, to_ns: int) -> None:
        """Check that `play` would start.

        Raises:
            FootageError: See `play`.
        """
        self._plan(camera, from_ns, to_ns, None)

    def play(self, camera: str, from_ns: int, to_ns: int, on_damaged: OnDamaged | None = None) -> Iterator[bytes]:
        """One fragmented MP4, in pieces of at most one fragment. It starts at the key frame before `from_ns`.

        Audio is included where its format does not change; otherwise only audio of the first format.

        Args:
            camera: The camera's id.
            from_ns: UTC nanoseconds.
            to_ns: UTC nanoseconds.
            on_damaged: Called with (segment's id, problem) for damaged segments: they are left out up to the next key
                frame; None: they raise.

        Raises:
            FootageError: See `find`; or the codec changes inside the range: the text names the time.
            FootageBroken: A segment does not authenticate.
        """
        plan = self._plan(camera, from_ns, to_ns, on_damaged)
        if not plan.rows:
            return
        movie = ConcatenatedMovie(plan.entries, plan.sound, to_ns)
        yield beginning(plan.first, plan.entries, plan.sound)
        for row, position in plan.rows:
            for fragment in self._fragments(row, (from_ns, to_ns), on_damaged):
                piece = movie.add(fragment, position)
                if piece:
                    yield piece

    def _plan(self, camera: str, from_ns: int, to_ns: int, on_damaged: OnDamaged | None) -> _Plan:
        plan = _Plan([], [])
        for row in self.find(camera, from_ns, to_ns):
            try:
                reader = self.reader(row)
                if not _between(reader, row, (from_ns, to_ns)):
                    continue
                start = reader.read_fragment(reader.fragment_headers[0]).data
                entry, sound = video_entry(start), traks(start).get(b"soun")
            except FootageBroken as error:
                if on_damaged is None:
                    raise
                on_damaged(row.id, str(error))
                continue
            if plan.entries and plan.entries[0][4:8] != entry[4:8]:
                if plan.rows[-1][0].end_ns - from_ns > _SEAM_NS:
                    raise _codec_change_error(plan.entries[0], entry, row)
                plan = _Plan([], [])  # a segment that ends where the range begins is not part of it
            if entry not in plan.entries:
                plan.entries.append(entry)
            plan.first, plan.sound = plan.first or start, plan.sound or sound
            has_audio = sound is not None and sound == plan.sound
            plan.rows.append((row, FragmentPosition(reader.header.wall_ns, plan.entries.index(entry) + 1, has_audio)))
        return plan

    def _fragments(self, row: Segment, span: tuple[int, int], on_damaged: OnDamaged | None) -> Iterator[bytes]:
        """The decrypted fragments of one segment; after a damaged one, from the next key frame on."""
        problem, skip_to_key_frame = "", False
        try:
            reader = self.reader(row)
            for head in _between(reader, row, span):
                if skip_to_key_frame and not head.key:
                    continue
                try:
                    data = reader.read_fragment(head).data
                except FootageBroken as error:
                    problem, skip_to_key_frame = str(error), True
                    if on_damaged is None:
                        raise
                    continue
                skip_to_key_frame = False
                yield data
        except FootageBroken as error:
            if on_damaged is None:
                raise
            problem = str(error)
        if problem and on_damaged is not None:
            on_damaged(row.id, problem)


def _between(reader: SegmentReader, row: Segment, span: tuple[int, int]) -> list[FragmentHeader]:
    return reader.between((span[0] - row.start_ns) // 1_000_000, -((row.start_ns - span[1]) // 1_000_000))


def _codec_change_error(before: bytes, after: bytes, row: Segment) -> FootageError:
    names = [_CODEC_NAMES[CODECS[entry[4:8]]] for entry in (before, after)]
    at = to_rfc3339(row.start_ns)
    return FootageError(
        f"the codec changes from {names[0]} to {names[1]} at {at}; ask for a range up to then, and for one from then on"
    )
