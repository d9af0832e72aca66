"""Exports: only covered ones. What covers a video is handed in; without it there is no export, not a clear one."""

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
from edge.redaction.redaction_manifest import beside, hash_of
from edge.redaction.two_pass_redactor import NOTHING, Progress, Told
from edge.redaction.video_reader import Opener, film_of_pieces
from protocol.envelope import UnsequencedEvent
from protocol.event_types import FootageExported
from protocol.identifiers import to_rfc3339

NO_REDACTOR = "no export: only a covered copy may leave the box, and there is nothing here that covers a video"


class VideoRedactor(Protocol):
    """Covers faces and plates of a whole video: `edge.redaction.two_pass_redactor.ExportRedactor`."""

    @property
    def name(self) -> str:
        """What it does, for the manifest."""

    @property
    def models(self) -> tuple[UsedModel, ...]:
        """With what."""

    def redact(
        self, opener: Opener, target: Path | Writable, *, sound: bool = False, progress: Progress | None = None,
        told: Told = NOTHING,
    ) -> Counts:  # fmt: skip
        """Write a redacted copy of what `opener` opens; no file where that fails. `sound` copies its sound.

        Raises:
            RedactionError: There is no video then.
        """


@dataclass(frozen=True)
class ExportRequest:
    """What is asked for, by whom and why."""

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
        clock: When it was made.
        key: Signs.
        redactor: Covers; None refuses.
    """

    player: Player
    index: Index
    clock: Clock
    key: Ed25519PrivateKey
    redactor: VideoRedactor | None

    def export(self, asked: ExportRequest, target: Path, progress: Progress | None = None) -> Path:
        """Write `target` and its manifest beside it; gives the manifest's path. A notice is left before.

        Raises:
            FootageRefused: Nothing covers, or it is not said who, why and under which case.
            FootageError: The range cannot be played.
            RedactionError: It could not be covered; there is no file.
        """
        if self.redactor is None:
            raise FootageRefused(NO_REDACTOR)
        for name in ("who", "why", "case"):
            if not getattr(asked, name).strip():
                raise FootageRefused(f"no export: --{name} was left empty; it stands in the manifest")
        rows = self.player.find(asked.camera, asked.from_ns, asked.to_ns)
        transactional_outbox.enqueue(self.index, exported(asked, self.clock.wall_ns()))
        counts = self.redact(asked, target, progress)
        sha256, size = hash_of(target)
        place = beside(target)
        place.write_bytes(self.manifest(asked, rows, counts, (target.name, sha256, size)))
        return place

    def redact(self, asked: ExportRequest, target: Path | Writable, progress: Progress | None = None) -> Counts:
        """The redacted video alone; what lies between the key frame and the moment that was asked for is left out.

        Raises:
            FootageError: The range cannot be played.
            RedactionError: It could not be redacted; there is no file.
        """
        assert self.redactor is not None
        begins_ns, _ = self.player.held(asked.camera, asked.from_ns, asked.to_ns)
        skip = Told(Fraction(max(0, asked.from_ns - begins_ns), SECOND_NS))
        return self.redactor.redact(film(self.player, asked), target, sound=asked.sound, progress=progress, told=skip)

    def manifest(self, asked: ExportRequest, rows: list[Segment], counts: Counts, file: tuple[str, str, int]) -> bytes:
        """The signed manifest of what was made, as its file.

        Args:
            asked: What was asked for.
            rows: What it was made from.
            counts: What happened while it was covered.
            file: Its name, SHA-256 and length.

        Raises:
            FootageBroken: A segment cannot be opened any more.
        """
        assert self.redactor is not None
        begins_ns, ends_ns = self.player.held(asked.camera, asked.from_ns, asked.to_ns)
        gaps = self.index.gaps(asked.camera, asked.from_ns, asked.to_ns)
        begins_ns = max(begins_ns, asked.from_ns)
        made = Manifest(
            file=file[0],
            sha256=file[1],
            bytes=file[2],
            camera=asked.camera,
            from_=to_rfc3339(begins_ns),
            to=to_rfc3339(ends_ns),
            asked_from=to_rfc3339(asked.from_ns),
            asked_to=to_rfc3339(asked.to_ns),
            redaction=self.redactor.name,
            sound=asked.sound,
            models=list(self.redactor.models),
            counts=counts,
            segments=[kept(self.player, row) for row in rows],
            gaps=[missing(gap) for gap in gaps],
            who=asked.who,
            why=asked.why,
            case=asked.case,
            made=to_rfc3339(self.clock.wall_ns()),
        )
        return sign(made, self.key)


def kept(player: Player, row: Segment) -> KeptSegment:
    """A segment as it stands in a manifest.

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


def film(player: Player, asked: ExportRequest) -> Opener:
    """The clear stretch, for the redactor alone."""
    return film_of_pieces(lambda: player.play(asked.camera, asked.from_ns, asked.to_ns), asked.camera)


def exported(asked: ExportRequest, now_ns: int) -> UnsequencedEvent:
    """The event that tells of it."""
    data = FootageExported(
        from_=to_rfc3339(asked.from_ns),
        to=to_rfc3339(asked.to_ns),
        reason=f"{asked.case}: {asked.why}" if asked.case else asked.why,
        by=asked.who.strip()[:64],
    )
    return UnsequencedEvent(asked.camera, data, now_ns)


def missing(gap: Gap) -> MissingStretch:
    """A gap as it stands in a manifest."""
    return MissingStretch(from_=to_rfc3339(gap.from_ns), to=to_rfc3339(gap.to_ns), seconds=gap.seconds, cause=gap.cause)
