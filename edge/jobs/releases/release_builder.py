"""Makes a clear copy: footage → mark → H.264 → ZIP with its signed manifest → sealed file.

Nothing of it is ever on the disk unsealed, and no more than some frames are in memory.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.clock import SECOND_NS, Clock
from common.errors import RedactionError
from edge.jobs.releases.encoder import MarkedEncoder
from edge.jobs.releases.release_request import ReleaseRequest
from edge.jobs.releases.watermark import Watermarker
from edge.media.redaction_statistics import Counts
from edge.media.signed_manifest import Manifest, sign
from edge.recorder.footage import transactional_outbox
from edge.recorder.footage.export import gap_entry, segment_entry
from edge.recorder.footage.playback import Player
from edge.recorder.index import Index, Segment
from edge.redaction.encoder import Writable
from edge.redaction.mask_renderer import FrameFormat
from edge.redaction.video_reader import VideoFrame, VideoReader, film_of_pieces
from protocol.envelope import UnsequencedEvent
from protocol.event_types import FootageExported
from protocol.identifiers import to_rfc3339
from protocol.signing.chunked_aead import FILM, MANIFEST, ChunkedEncryptor

RESERVE_BYTES = 512 << 20
"""So much stays free on the disk of the data folder: events wait there."""
LOOK_BYTES = 16 << 20
REDACTION = "none: a clear copy that two people agreed to, marked in every frame with the release's id and the case"


class ReleaseManifest(Manifest, frozen=True, kw_only=True):
    """The manifest of a clear copy: that of an export, with who asked as `who`, and more.

    Attributes:
        release: The release's id, as it stands in the picture.
        approved_by: Who agreed.
    """

    release: str
    approved_by: str


@dataclass
class Maker:
    """Makes clear copies, one at a time.

    Args:
        player: Plays footage.
        index: Takes the notice; knows the gaps.
        clock: When it was made.
        key: Signs manifests.
        random: Gives random bytes.
        free: Bytes that are free where a path lies.
    """

    player: Player
    index: Index
    clock: Clock
    key: Ed25519PrivateKey
    random: Callable[[int], bytes] = os.urandom
    free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free

    def make(self, order: ReleaseRequest, target: Path, stop: threading.Event) -> None:
        """Write the sealed copy; a notice is left before its first picture. No file where it fails.

        Args:
            order: What two people agreed to.
            target: A new file.
            stop: Breaks it off.

        Raises:
            FootageError: The range cannot be played, or the notice cannot be left.
            RedactionError: It cannot be decoded, marked or written.
        """
        rows = self.player.find(order.camera, order.from_ns, order.to_ns)
        self.player.check(order.camera, order.from_ns, order.to_ns)
        transactional_outbox.enqueue(self.index, told(order, self.clock.wall_ns()))
        try:
            with _new(target) as file:
                careful = _Careful(file, lambda: self.free(target.parent))
                sealing = ChunkedEncryptor(order.secrets.key, order.job, careful, self.random)
                with zipfile.ZipFile(cast(IO[bytes], sealing), "w") as bundle:  # stored: nothing of it shrinks
                    with bundle.open(zipfile.ZipInfo(FILM), "w", force_zip64=True) as entry:
                        film = _Hashing(entry)
                        counts = self._film(order, film, stop)
                    bundle.writestr(
                        zipfile.ZipInfo(MANIFEST), sign(self._manifest(order, rows, film, counts), self.key)
                    )
                sealing.finish()
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RedactionError(f"the clear copy cannot be written: {error.strerror}") from error

    def _film(self, order: ReleaseRequest, target: Writable, stop: threading.Event) -> Counts:
        film = film_of_pieces(lambda: self.player.play(order.camera, order.from_ns, order.to_ns), order.camera)()
        try:
            begins_ns = self.player.begins_ns(order.camera, order.from_ns, order.to_ns)
            return _Job(film, target, order, begins_ns, stop).run()
        finally:
            film.close()

    def _manifest(self, order: ReleaseRequest, rows: list[Segment], film: _Hashing, counts: Counts) -> ReleaseManifest:
        begins_ns, ends_ns = self.player.held(order.camera, order.from_ns, order.to_ns)
        return ReleaseManifest(
            file=FILM,
            sha256=film.digest.hexdigest(),
            bytes=film.size,
            camera=order.camera,
            from_=to_rfc3339(max(order.from_ns, begins_ns)),  # what lies before is left out of a clear copy
            to=to_rfc3339(ends_ns),
            asked_from=to_rfc3339(order.from_ns),
            asked_to=to_rfc3339(order.to_ns),
            redaction=REDACTION,
            models=[],
            counts=counts,
            segments=[segment_entry(self.player, row) for row in rows],
            gaps=[gap_entry(gap) for gap in self.index.gaps(order.camera, order.from_ns, order.to_ns)],
            who=order.asked_by,
            why=order.reason,
            case=order.case,
            made=to_rfc3339(self.clock.wall_ns()),
            release=order.job,
            approved_by=order.approved_by,
        )


def told(order: ReleaseRequest, now_ns: int) -> UnsequencedEvent:
    """The event about the copy, with both names."""
    agreed = f"clear copy {order.job}, asked for by {order.asked_by}, approved by {order.approved_by}"
    data = FootageExported(
        from_=to_rfc3339(order.from_ns),
        to=to_rfc3339(order.to_ns),
        reason=f"{agreed}; {order.case}: {order.reason}",
        by=order.asked_by,
    )
    return UnsequencedEvent(order.camera, data, now_ns)


@dataclass
class _Careful:
    """Writes to a file as long as enough stays free."""

    file: IO[bytes]
    free: Callable[[], int]
    _unseen: int = LOOK_BYTES

    def write(self, data: bytes) -> int:
        self._unseen += len(data)
        if self._unseen >= LOOK_BYTES:
            self._unseen = 0
            if self.free() < RESERVE_BYTES:
                raise OSError(errno.ENOSPC, "too little is free on the disk")
        return self.file.write(data)


@dataclass
class _Hashing:
    """Passes bytes on and knows their hash."""

    target: Writable | IO[bytes]
    size: int = 0

    def __post_init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        self.target.write(data)
        return len(data)


@dataclass
class _Job:
    """One film, frame by frame; what the range does not hold is left out."""

    film: VideoReader
    target: Writable
    order: ReleaseRequest
    begins_ns: int
    stop: threading.Event
    counts: Counts = field(default_factory=Counts)

    _encoder: MarkedEncoder | None = None

    def run(self) -> Counts:
        """Write all of it.

        Raises:
            RedactionError: It cannot be written, or there is nothing.
        """
        try:
            self._frames()
            self.counts.undecodable, self.counts.ended_early = self.film.undecodable, self.film.ended_early
            if self._encoder is None:
                raise RedactionError("there is not one picture in this range", sentence="footage.no_picture")
            self._encoder.close()
        except BaseException:
            if self._encoder is not None:
                self._encoder.abandon()
            raise
        return self.counts

    def _frames(self) -> None:
        first: int | None = None
        marker: Watermarker | None = None
        for shot in self.film.shots():
            if self.stop.is_set():
                raise RedactionError("the box is stopping", sentence="box.stopping")
            if not isinstance(shot, VideoFrame) or shot.frame.pts is None:
                continue
            first = shot.frame.pts if first is None else first
            at_ns = self.begins_ns + round((shot.frame.pts - first) * self.film.base * SECOND_NS)
            if not self.order.from_ns <= at_ns < self.order.to_ns:
                continue
            if self._encoder is None or marker is None:
                canvas = FrameFormat.of(shot.frame)
                marker = Watermarker(canvas, (self.order.job, self.order.case))
                self._encoder = MarkedEncoder(self.target, canvas, self.film.origin(sound=False))
            marked = marker.mark(shot.frame, (at_ns - self.order.from_ns) / SECOND_NS)
            self._encoder.put(marked)
            self._count(shot, marked.black)

    def _count(self, shot: VideoFrame, dark: bool) -> None:
        self.counts.frames += 1
        self.counts.black += dark
        self.counts.unknown_pixels += dark
        self.counts.corrupt += shot.corrupt


@contextlib.contextmanager
def _new(target: Path) -> Iterator[IO[bytes]]:
    """A new file for this user only; removed where what is done with it fails."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    file = os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        with file:
            yield file
    except BaseException:
        target.unlink(missing_ok=True)
        raise
