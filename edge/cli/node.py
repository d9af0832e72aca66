"""The words of `paifang edge`: `check`, `run`, `replay`."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

import msgspec

from common.errors import SettingsError
from common.running.malloc_tuning import give_back_large_blocks
from edge.settings import node
from protocol.identifiers import to_rfc3339


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this part's words to the command's parser."""
    words = parser.add_subparsers(dest="word", required=True, metavar="check|run|replay")
    check = words.add_parser("check", help="validate the settings and the models they need; start nothing")
    check.add_argument("config", type=Path, metavar="CONFIG")
    check.add_argument("--connect", action="store_true", help="open each camera once and say what it sends")
    check.set_defaults(call=_check)
    run = words.add_parser("run", help="run a box until it is told to stop (SIGTERM, SIGINT)")
    run.add_argument("config", type=Path, metavar="CONFIG")
    run.set_defaults(call=_run)
    replay = words.add_parser("replay", help="one camera's pipeline on a file; events as JSON lines on standard output")
    replay.add_argument("config", type=Path, metavar="CONFIG")
    replay.add_argument("--camera", required=True, metavar="ID")
    replay.add_argument("file", type=Path, metavar="FILE")
    replay.set_defaults(call=_replay)


def _check(options: argparse.Namespace) -> int:
    settings = node.load(options.config)
    from edge import loaded_models

    loaded_models.load_models(settings, options.config.parent)
    print(f"{options.config}: good")  # noqa: T201
    if not options.connect:
        return 0
    from edge import app
    from edge.cli import connection_check

    found = list(connection_check.tries(settings, options.config.resolve().parent, app.system_clock()))
    sys.stdout.writelines(f"{it}\n" for it in found)
    return int(not all(it.good for it in found))


def _run(options: argparse.Namespace) -> int:
    give_back_large_blocks()
    settings = node.load(options.config)
    from edge import app, loaded_models  # the models' runtime takes a second to import

    base = options.config.resolve().parent
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    app.Box(settings, base, loaded_models.load_models(settings, base)).run(stop)
    return 0


def _replay(options: argparse.Namespace) -> int:
    settings = node.load(options.config)
    named = [camera for camera in settings.cameras if camera.id == options.camera]
    if not named:
        known = ", ".join(camera.id for camera in settings.cameras)
        raise SettingsError(str(options.config), "cameras", f"no camera '{options.camera}'; known: {known}")
    from edge import app

    for event in app.replay_file(settings, options.config.resolve().parent, named[0], options.file):
        line = {"type": event.kind, "time": to_rfc3339(event.time_ns), "place": event.place, "data": event.data}
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
    return 0
