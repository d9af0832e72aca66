"""`paifang doors …`: for the installer at the box."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from common.errors import DoorRefused
from common.secret import Secret
from edge.access.doors.credential_policy import Allowlist
from edge.access.doors.door_signals import normal


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words."""
    words = parser.add_subparsers(dest="word", required=True, metavar="allow")
    allow = words.add_parser("allow", help="let credentials in: one a line on standard input")
    allow.add_argument("file", type=Path, help="the door's allowed_file; made where it is not there")
    allow.add_argument("--duress", action="store_true", help="they are duress codes: they open, and raise the alarm")
    allow.set_defaults(call=_allow)


def _allow(options: argparse.Namespace) -> int:
    credentials = [Secret(line) for line in sys.stdin.read().removeprefix("\ufeff").splitlines() if normal(line)]
    if not credentials:
        raise DoorRefused("there is no credential on standard input; write one a line")
    try:
        new = Allowlist(options.file).add(credentials, options.duress, os.urandom)
    except OSError as error:
        raise DoorRefused(f"{options.file} cannot be written: {error.strerror}") from error
    print(f"{new} new of {len(credentials)}")  # noqa: T201
    return 0
