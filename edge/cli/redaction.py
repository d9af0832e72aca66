"""The word `paifang redact IN OUT`: a covered copy of a video file, with a signed manifest beside it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TextIO

import msgspec

from common.errors import RedactionError
from edge.media.redaction_statistics import Counts
from edge.media.signed_manifest import signing_key
from edge.redaction.redaction_manifest import Derivation, hash_of, manifest_path, verify, write
from edge.redaction.two_pass_redactor import Progress
from edge.redaction.video_reader import film_of
from protocol.identifiers import to_rfc3339

BAR_WIDTH = 30


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this word's arguments."""
    parser.add_argument("source", type=Path, metavar="IN", help="a video, H.264 or H.265 or what else FFmpeg reads")
    parser.add_argument("copy", type=Path, metavar="OUT", help="the covered copy, an MP4; must not be there yet")
    parser.add_argument("--audio", action="store_true", help="copy the sound; it is left out otherwise")
    parser.add_argument("--faces-only", action="store_true", help="leave plates as they are")
    parser.add_argument("--verify", action="store_true", help="make nothing: check OUT and its manifest against IN")
    parser.add_argument("--key", metavar="HEX", help="with --verify: the signer's public key")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(call=redact)


def redact(options: argparse.Namespace) -> int:
    """Make the copy, or check it. 1 where all of it is black."""
    if options.verify:
        return _verify(options)
    new_file(options.copy)
    original, original_bytes = hash_of(options.source)
    from edge import app, loaded_models  # the models' runtime takes a second to import

    key = signing_key(_key_file())
    redactor = loaded_models.video_redactor(faces_only=options.faces_only)
    start = time.monotonic()
    opener = film_of(options.source)
    counts = redactor.redact(opener, options.copy, sound=options.audio, progress=progress_on(sys.stderr))
    seconds = round(time.monotonic() - start, 3)
    sha256, size = hash_of(options.copy)
    manifest = Derivation(
        file=options.copy.name,
        sha256=sha256,
        bytes=size,
        original=original,
        original_bytes=original_bytes,
        redaction=redactor.name,
        models=list(redactor.models),
        sound=options.audio,
        counts=counts,
        made=to_rfc3339(app.system_clock().wall_ns()),
    )
    place = write(manifest, options.copy, key)
    done = {"file": str(options.copy), "manifest": str(place), "sha256": sha256, "seconds": seconds, "counts": counts}
    sys.stdout.write(msgspec.json.encode(done).decode() + "\n" if options.json else summary(options.copy, counts))
    return int(counts.black == counts.frames)


def _verify(options: argparse.Namespace) -> int:
    manifest = verify(options.source, options.copy, options.key)
    if options.json:
        sys.stdout.write(msgspec.json.encode(manifest).decode() + "\n")
        return 0
    sys.stdout.write(f"good: {options.copy} was made {manifest.made} from {options.source}: {manifest.redaction}\n")
    if options.key is None:
        sys.stdout.write(f"no --key was given: who signed {manifest_path(options.copy).name} was not checked\n")
    return 0


def new_file(path: Path) -> None:
    """Refuse to write over anything.

    Raises:
        RedactionError: It is there already, or its folder is not.
    """
    if path.exists() or manifest_path(path).exists():
        raise RedactionError(f"{path}: is there already; name a new file")
    if not path.parent.is_dir():
        raise RedactionError(f"{path.parent}: is no folder")


def summary(file: Path, counts: Counts) -> str:
    """One line for people."""
    text = f"{file}: {counts.frames} frames, {counts.covers} boxes covered"
    if counts.black:
        text += f", {counts.black} frames black ({counts.failed_looks + counts.timed_out} searches failed)"
    if counts.undecodable or counts.ended_early:
        text += f", {counts.undecodable} packets gave no picture" + ", the file breaks off" * counts.ended_early
    return text + f"; {manifest_path(file).name} says how\n"


def progress_on(stream: TextIO) -> Progress | None:
    """A bar on a terminal, nothing in a pipe."""
    if not stream.isatty():
        return None

    def draw(done: int, expected: int) -> None:
        if done % 10 and done < expected:
            return
        full = BAR_WIDTH * min(done, expected) // max(expected, 1)
        bar = "#" * full + "." * (BAR_WIDTH - full)
        stream.write(f"\r[{bar}] {done} of {expected or '?'} frames" + "\n" * (done == expected))
        stream.flush()

    return draw


def _key_file() -> Path:
    data = os.environ.get("PAIFANG_DATA")
    return (Path(data) if data else Path.home() / ".local" / "share" / "paifang") / "signing.key"
