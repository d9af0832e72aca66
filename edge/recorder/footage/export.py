"""Exports: redacted copies with a signed manifest. Without a redactor there is no export."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.clock import SECOND_NS, Clock
from common.errors import FootageRefused
from edge.media.redaction_statistics import Counts, UsedModel
from edge.media.signed_manifest import KeptSegment, Manifest, MissingStretch, sign
from edge.recorder.footage import transactional_outbox
from edge.recorder.footage.playback import Player
from edge.recorder.index import Gap, Index, Segment
from edge.redaction.encoder import Writable
from edge.redaction.redaction_manifest import hash_of, manifest_path
from edge.redaction.two_pass_redactor import NOTHING, CopyOptions, Progress
from edge.redaction.video_reader import Opener, film_of_pieces
from protocol.envelope import UnsequencedEvent
from protocol.event_types import FootageExported
from protocol.identifiers import to_rfc3339

NO_REDACTOR = "no export: only a redacted copy may leave the box, and no video redactor is available"


class VideoRedactor(Protocol):
    """Masks faces and plates of a whole video: `edge.redaction.two_pass_redactor.ExportRedactor`."""

    @property
    def name(self) -> str:
        """Its name, for the manifest."""

    @property
    def models(self) -> tuple[UsedModel, ...]:
        """The models that it uses."""

    def redact(
        self, opener: Opener, target: Path | Writable, *, sound: bool = False, progress: Progress | None = None,
        copy_options: CopyOptions = NOTHING,
    ) -> Counts:  # fmt: skip
        """Write a redacted copy of the video that `opener` opens; no file on failure. `sound` copies its audio.

        Raises:
            RedactionError: No video was written.
        """


@dataclass(frozen=True)
class ExportRequest:
    """Requested range, by whom and why."""

    camera: str
    from_ns: int
    to_ns: int
    who: str
    why: str
    case: str
    sound: bool = False


@dataclass
class Exporter:
    """Makes exports with their manifests.

    Args:
        player: Plays footage.
        index: Knows the gaps.
        clock: Time of the export.
        key: Signing key.
        redactor: Masks faces and plates; None: every export is refused.
    """

    player: Player
    index: Index
    clock: Clock
    key: Ed25519PrivateKey
    redactor: VideoRedactor | None

    def export(self, request: ExportRequest, target: Path, progress: Progress | None = None) -> Path:
        """Write `target` and its manifest next to it; returns the manifest's path. The event is stored first.

        Raises:
            FootageRefused: There is no redactor, or who, why or case is empty.
            FootageError: The range cannot be played.
            RedactionError: It could not be redacted; there is no file.
        """
        if self.redactor is None:
            raise FootageRefused(NO_REDACTOR)
        for name in ("who", "why", "case"):
            if not getattr(request, name).strip():
                raise FootageRefused(f"no export: --{name} was left empty; it stands in the manifest")
        rows = self.player.find(request.camera, request.from_ns, request.to_ns)
        transactional_outbox.enqueue(self.index, export_event(request, self.clock.wall_ns()))
        counts = self.redact(request, target, progress)
        sha256, size = hash_of(target)
        path = manifest_path(target)
        path.write_bytes(self.manifest(request, rows, counts, (target.name, sha256, size)))
        return path

    def redact(self, request: ExportRequest, target: Path | Writable, progress: Progress | None = None) -> Counts:
        """Write the redacted video only; frames between the key frame and the requested start are left out.

        Raises:
            FootageError: The range cannot be played.
            RedactionError: It could not be redacted; there is no file.
        """
        assert self.redactor is not None
        begins_ns, _ = self.player.held(request.camera, request.from_ns, request.to_ns)
        skip = CopyOptions(Fraction(max(0, request.from_ns - begins_ns), SECOND_NS))
        return self.redactor.redact(
            open_footage(self.player, request), target, sound=request.sound, progress=progress, copy_options=skip
        )

    def manifest(
        self, request: ExportRequest, rows: list[Segment], counts: Counts, file: tuple[str, str, int]
    ) -> bytes:
        """The signed manifest, as the bytes of its file.

        Args:
            request: The requested range.
            rows: The segments it was made from.
            counts: Redaction statistics.
            file: Its name, SHA-256 and length.

        Raises:
            FootageBroken: A segment cannot be opened any more.
        """
        assert self.redactor is not None
        begins_ns, ends_ns = self.player.held(request.camera, request.from_ns, request.to_ns)
        gaps = self.index.gaps(request.camera, request.from_ns, request.to_ns)
        begins_ns = max(begins_ns, request.from_ns)
        manifest_data = Manifest(
            file=file[0],
            sha256=file[1],
            bytes=file[2],
            camera=request.camera,
            from_=to_rfc3339(begins_ns),
            to=to_rfc3339(ends_ns),
            asked_from=to_rfc3339(request.from_ns),
            asked_to=to_rfc3339(request.to_ns),
            redaction=self.redactor.name,
            sound=request.sound,
            models=list(self.redactor.models),
            counts=counts,
            segments=[segment_entry(self.player, row) for row in rows],
            gaps=[gap_entry(gap) for gap in gaps],
            who=request.who,
            why=request.why,
            case=request.case,
            made=to_rfc3339(self.clock.wall_ns()),
        )
        return sign(manifest_data, self.key)


def segment_entry(player: Player, row: Segment) -> KeptSegment:
    """A segment's entry in a manifest.

    Raises:
        FootageBroken: It cannot be opened.
    """
    reader = player.reader(row)
    header = reader.header
    return KeptSegment(
        id=row.id,
        from_=to_rfc3339(row.start_ns),
        to=to_rfc3339(row.end_ns),
        sha256=reader.sha256(),
        wall_ns=header.wall_ns,
        mono_ns=header.mono_ns,
    )


def open_footage(player: Player, request: ExportRequest) -> Opener:
    """The unredacted range, for the redactor only."""
    return film_of_pieces(lambda: player.play(request.camera, request.from_ns, request.to_ns), request.camera)


def export_event(request: ExportRequest, now_ns: int) -> UnsequencedEvent:
    """The event that reports the export."""
    data = FootageExported(
        from_=to_rfc3339(request.from_ns),
        to=to_rfc3339(request.to_ns),
        reason=f"{request.case}: {request.why}" if request.case else request.why,
        by=request.who.strip()[:64],
    )
    return UnsequencedEvent(request.camera, data, now_ns)


def gap_entry(gap: Gap) -> MissingStretch:
    """A gap's entry in a manifest."""
    return MissingStretch(from_=to_rfc3339(gap.from_ns), to=to_rfc3339(gap.to_ns), seconds=gap.seconds, cause=gap.cause)
