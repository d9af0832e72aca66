"""The words of `paifang audit`: `verify`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from aggregator.audit import export
from common.errors import RecordError
from protocol.signing import checkpoints
from protocol.signing.checkpoints import Checkpoint


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this part's words to the command's parser."""
    words = parser.add_subparsers(dest="word", required=True, metavar="verify")
    verify = words.add_parser("verify", help="check an exported audit log; needs no aggregator")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument("--key", metavar="HEX", help="the public key that must have signed; else the one in the file")
    verify.add_argument(
        "--checkpoints", type=Path, metavar="FILE", help="checkpoints kept elsewhere, a box's for instance: JSON lines"
    )
    verify.add_argument("--json", action="store_true", help="for programs")
    verify.set_defaults(call=_verify)


def _verify(options: argparse.Namespace) -> int:
    try:
        kept = _kept(options.checkpoints) if options.checkpoints else []
        with options.file.open("rb") as lines:
            found = export.verify(lines, options.key, kept)
    except OSError as error:
        raise RecordError(f"{error.filename}: {error.strerror}") from error
    if options.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return 0
    trusted = "the key you gave" if options.key else f"key {found.key}, which the file itself names"
    if found.erased:
        print(f"of the oldest {found.erased} entries only the hashes are left: they are past the ceiling")  # noqa: T201
    print(f"{found.entries} entries, complete and in order; {found.checkpoints} checkpoints, signed with {trusted}")  # noqa: T201
    if found.newer:
        print(  # noqa: T201
            f"{found.newer} of the checkpoints from elsewhere are newer than this export (up to entry {found.newest}) "
            "and were not compared: export again to compare them"
        )
    return 0


def _kept(path: Path) -> list[Checkpoint]:
    return [checkpoints.decode(line) for line in path.read_bytes().splitlines() if line.strip()]
