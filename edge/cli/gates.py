"""The words of `paifang gate`: `read`, for the installer at the camera.

It prints plates on the terminal, on purpose: that is what the installer asks for. Nothing is logged, stored or sent.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np

from common.errors import ModelError, SettingsError
from pipelines.plates.reading import Sighting
from pipelines.types import Picture
from protocol.plate_grammar import EVERYDAY, choose


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this part's words to the command's parser."""
    words = parser.add_subparsers(dest="word", required=True, metavar="read")
    read = words.add_parser("read", help="what a gate would read in pictures; prints plates, keeps nothing")
    read.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE")
    read.add_argument("--json", action="store_true", help="one object a line, for programs")
    read.add_argument("--grammar", action="append", metavar="NAME", help=f"a family of plates; {EVERYDAY} unless given")
    read.add_argument("--pattern", action="append", metavar="FORM", help=r"another country's form: \d{2}[A-Z]\d{5,6}")
    read.set_defaults(call=_read)


def _read(options: argparse.Namespace) -> int:
    names = options.grammar or ([] if options.pattern else [EVERYDAY])
    try:
        grammars = choose(names, options.pattern or [])
    except ValueError as error:
        raise SettingsError("paifang gate read", "--grammar", str(error)) from error
    from edge import loaded_models  # the models' runtime takes a second to import

    pipeline = loaded_models.gate_readers().pipeline(grammars)
    failed = 0
    for path in options.pictures:
        picture = cv2.imread(str(path))
        if picture is None:
            print(f"{path}: is no picture", file=sys.stderr)  # noqa: T201
            failed = 1
            continue
        shown: Picture = np.asarray(picture, np.uint8)
        try:
            _tell(path, pipeline.read_all_scales(shown), options.json)
        except ModelError as error:
            print(f"{path}: {error}", file=sys.stderr)  # noqa: T201
            failed = 1
    return failed


def _tell(path: Path, sightings: list[Sighting], as_json: bool) -> None:
    read = [
        {
            "text": each.reading.text.reveal(),
            "confidence": round(each.reading.confidence, 3),
            "box": [round(value) for value in each.box],
        }
        for each in sightings
        if each.reading is not None
    ]
    if as_json:
        sys.stdout.write(json.dumps({"picture": str(path), "plates": read}, ensure_ascii=False) + "\n")
        return
    words = [f"{each['text']} ({each['confidence']})" for each in read]
    sys.stdout.write(f"{path}: {', '.join(words) or 'no plate'}\n")
