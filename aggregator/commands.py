"""The words of `paifang aggregator`: `run`, `check`, `user add`, `trust`."""

from __future__ import annotations

import argparse
import getpass
import signal
import sys
import threading
from pathlib import Path

from aggregator import config
from common import logs
from common.errors import LoginError
from common.secret import Secret


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this part's words to the command's parser."""
    words = parser.add_subparsers(dest="word", required=True, metavar="run|check|user|trust")
    run = words.add_parser("run", help="run an aggregator until it is told to stop (SIGTERM, SIGINT)")
    run.add_argument("config", type=Path, metavar="CONFIG")
    run.add_argument("--one-time-password", metavar="NAME", help="make a user NAME and print a password for one log-in")
    run.set_defaults(call=_run)
    check = words.add_parser("check", help="validate the settings and start nothing")
    check.add_argument("config", type=Path, metavar="CONFIG")
    check.set_defaults(call=_check)
    user = words.add_parser("user", help="who may log in").add_subparsers(dest="what", required=True)
    add = user.add_parser("add", help="add a user, or give one a new password (read from standard input)")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--config", type=Path, required=True, metavar="CONFIG")
    add.set_defaults(call=_user_add)
    trust = words.add_parser("trust", help="write what a site's boxes need to believe this aggregator; keep it secret")
    trust.add_argument("site", metavar="SITE")
    trust.add_argument("--config", type=Path, required=True, metavar="CONFIG")
    trust.add_argument("--out", type=Path, required=True, metavar="FILE")
    trust.set_defaults(call=_trust)


def _run(options: argparse.Namespace) -> int:
    from aggregator import app  # the web framework takes a second to import; `check` does without

    settings = config.load(options.config)
    if settings.log_level is not None:
        logs.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    app.run(settings, stop, options.one_time_password)
    return 0


def _check(options: argparse.Namespace) -> int:
    config.load(options.config)
    print(f"{options.config}: good")  # noqa: T201
    return 0


def _user_add(options: argparse.Namespace) -> int:
    from aggregator import app

    settings = config.load(options.config)
    app.add_user(settings, options.name, _ask_password())
    print(f"user {options.name} may log in")  # noqa: T201
    return 0


def _trust(options: argparse.Namespace) -> int:
    from aggregator import app

    app.write_trust(config.load(options.config), options.site, options.out)
    print(f"{options.out}: give it to the boxes of {options.site} as trust_file, and to nobody else")  # noqa: T201
    return 0


def _ask_password() -> Secret:
    if not sys.stdin.isatty():
        return Secret(sys.stdin.readline().rstrip("\r\n"))
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise LoginError("the two passwords differ")
    return Secret(first)
