"""Exports: only blurred ones. What blurs a video is handed in; without it there is no export, not a clear one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from common.clock import Clock
from common.errors import FootageRefused
from edge.recorder.index import Gap, Index, Segment
from edge.recorder.manifest import KeptSegment, Manifest, MissingStretch, sign
from edge.recorder.playback import Player
from events.identifiers import to_rfc3339

NO_REDACTOR = (
    "no export: only a blurred copy may leave the box, and this version has nothing that blurs a video; "
    "clear copies need two people and are not built either"
)


class VideoRedactor(Protocol):
    """Blurs faces and plates of a whole video."""

    name: str

    def redact(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """An MP4 in, a blurred MP4 out.

        Raises:
            RedactionError: There is no video then.
        """


@dataclass(frozen=True)
class Asked:
    """What is asked for, by whom and why."""

    camera: str
    from_ns: int
    to_ns: int
    who: str
    why: str
    case: str


@dataclass
class Exporter:
    """Makes exports with their manifests.

    Args:
        player: Plays footage.
        index: Knows the gaps.
        clock: When it was made.
        key: Signs.
        redactor: Blurs; None refuses.
    """

    player: Player
    index: Index
    clock: Clock
    key: Ed25519PrivateKey
    redactor: VideoRedactor | None

    def export(self, asked: Asked, target: Path) -> Path:
        """Write `target` and its manifest beside it; gives the manifest's path.

        Raises:
            FootageRefused: Nothing blurs, or it is not said who, why and under which case.
            FootageError: The range cannot be played.
            RedactionError: It could not be blurred; the file is removed.
        """
        if self.redactor is None:
            raise FootageRefused(NO_REDACTOR)
        for name in ("who", "why", "case"):
            if not getattr(asked, name).strip():
                raise FootageRefused(f"no export: --{name} was left empty; it stands in the manifest")
        rows = self.player.find(asked.camera, asked.from_ns, asked.to_ns)
        digest, size = hashlib.sha256(), 0
        half = target.with_name(target.name + ".part")
        try:
            with half.open("wb") as out:
                for piece in self.redactor.redact(self.player.play(asked.camera, asked.from_ns, asked.to_ns)):
                    out.write(piece)
                    digest.update(piece)
                    size += len(piece)
            half.rename(target)
        finally:
            half.unlink(missing_ok=True)
        manifest = self._manifest(asked, rows, target.name, digest.hexdigest(), size)
        beside = target.with_name(target.name + ".manifest.json")
        beside.write_bytes(sign(manifest, self.key))
        return beside

    def _manifest(self, asked: Asked, rows: list[Segment], name: str, sha256: str, size: int) -> Manifest:
        assert self.redactor is not None
        gaps = self.index.gaps(asked.camera, asked.from_ns, asked.to_ns)
        return Manifest(
            file=name,
            sha256=sha256,
            bytes=size,
            camera=asked.camera,
            from_=to_rfc3339(asked.from_ns),
            to=to_rfc3339(asked.to_ns),
            redaction=self.redactor.name,
            segments=[self._kept(row) for row in rows],
            gaps=[_missing(gap) for gap in gaps],
            who=asked.who,
            why=asked.why,
            case=asked.case,
            made=to_rfc3339(self.clock.wall_ns()),
        )

    def _kept(self, row: Segment) -> KeptSegment:
        reader = self.player.reader(row)
        header = reader.header
        return KeptSegment(
            id=row.id,
            from_=to_rfc3339(row.start_ns),
            to=to_rfc3339(row.end_ns),
            sha256=reader.sha256(),
            wall_ns=header.wall_ns,
            mono_ns=header.mono_ns,
        )


def _missing(gap: Gap) -> MissingStretch:
    return MissingStretch(from_=to_rfc3339(gap.from_ns), to=to_rfc3339(gap.to_ns), seconds=gap.seconds, cause=gap.cause)
