"""The words of `paifang aggregator`: `run`, `check`, `user add|remove|list`, `trust`."""

from __future__ import annotations

import argparse
import gc
import getpass
import json
import signal
import sys
import threading
from pathlib import Path

from aggregator.domain.accounts.authorization import parse
from aggregator.settings import aggregator
from common import logging_setup
from common.errors import LoginError
from common.running.malloc_tuning import give_back_large_blocks
from common.secret import Secret


def configure(parser: argparse.ArgumentParser) -> None:
    """Add this part's words to the command's parser."""
    words = parser.add_subparsers(dest="word", required=True, metavar="run|check|user|trust")
    run = words.add_parser("run", help="run an aggregator until SIGTERM or SIGINT")
    run.add_argument("config", type=Path, metavar="CONFIG")
    run.add_argument("--one-time-password", metavar="NAME", help="make a user NAME and print a password for one log-in")
    run.set_defaults(call=_run)
    check = words.add_parser("check", help="validate the settings and start nothing")
    check.add_argument("config", type=Path, metavar="CONFIG")
    check.set_defaults(call=_check)
    user = words.add_parser("user", help="who may log in").add_subparsers(dest="what", required=True)
    add = user.add_parser("add", help="add a user; the password is read from standard input")
    add.add_argument("name", metavar="NAME")
    add.add_argument(
        "--role", action="append", default=[], metavar="ROLE[@SITE[/AREA]]", help="give a role; may stand several times"
    )
    add.add_argument(
        "--provider", action="store_true", help="logs in through the identity provider, without a password"
    )
    add.add_argument(
        "--reset", action="store_true", help="give a user who is there a new password; sessions and tokens end"
    )
    add.add_argument("--config", type=Path, required=True, metavar="CONFIG")
    add.set_defaults(call=_user_add)
    remove = user.add_parser("remove", help="remove a user; sessions and tokens end")
    remove.add_argument("name", metavar="NAME")
    remove.add_argument("--config", type=Path, required=True, metavar="CONFIG")
    remove.set_defaults(call=_user_remove)
    listed = user.add_parser("list", help="who may log in, with which roles")
    listed.add_argument("--config", type=Path, required=True, metavar="CONFIG")
    listed.add_argument("--json", action="store_true", help="for programs")
    listed.set_defaults(call=_user_list)
    trust = words.add_parser("trust", help="write what a site's boxes need to believe this aggregator; keep it secret")
    trust.add_argument("site", metavar="SITE")
    trust.add_argument("--config", type=Path, required=True, metavar="CONFIG")
    trust.add_argument("--out", type=Path, required=True, metavar="FILE")
    trust.set_defaults(call=_trust)


def _run(options: argparse.Namespace) -> int:
    give_back_large_blocks()
    gc.disable()  # what modules make while they are imported stays: to search it again and again takes half a second
    from aggregator import app  # the web framework takes a second to import; `check` does without

    gc.enable()
    settings = aggregator.load(options.config)
    if settings.log_level is not None:
        logging_setup.configure(settings.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    app.run(settings, stop, options.one_time_password)
    return 0


def _check(options: argparse.Namespace) -> int:
    aggregator.load(options.config)
    print(f"{options.config}: good")  # noqa: T201
    return 0


def _user_add(options: argparse.Namespace) -> int:
    from aggregator import app

    settings = aggregator.load(options.config)
    grants = [parse(text) for text in options.role]
    if app.has_user(settings, options.name) != options.reset:
        text = "there is no such user" if options.reset else "this user exists; --reset gives them a new password"
        raise LoginError(f"name '{options.name[:64]}': {text}")
    if not app.check_scopes(settings, grants):
        print("warning: no site is known yet, so the sites of the roles were not checked", file=sys.stderr)  # noqa: T201
    password = None if options.provider else _ask_password()
    roles = app.add_user(settings, options.name, password, grants)
    listed = ", ".join(map(str, roles)) or "no roles yet: give some with --role"
    print(f"user {options.name} may log in; {listed}")  # noqa: T201
    return 0


def _user_remove(options: argparse.Namespace) -> int:
    from aggregator import app

    if not app.remove_user(aggregator.load(options.config), options.name):
        raise LoginError(f"there is no user '{options.name}'")
    print(f"user {options.name} is removed")  # noqa: T201
    return 0


def _user_list(options: argparse.Namespace) -> int:
    from aggregator import app

    accounts = app.users(aggregator.load(options.config))
    if options.json:
        rows = [
            {"user": it.name, "roles": list(map(str, it.grants)), "second_factor": it.second_factor} for it in accounts
        ]
        print(json.dumps(rows))  # noqa: T201
        return 0
    for it in accounts:
        print(f"{it.name}\t{', '.join(map(str, it.grants)) or '-'}")  # noqa: T201
    return 0


def _trust(options: argparse.Namespace) -> int:
    from aggregator import app

    app.write_trust(aggregator.load(options.config), options.site, options.out)
    print(f"{options.out}: give it to the boxes of {options.site} as trust_file, and to no other box")  # noqa: T201
    return 0


def _ask_password() -> Secret:
    if not sys.stdin.isatty():
        return Secret(sys.stdin.readline().rstrip("\r\n"))
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise LoginError("the two passwords differ")
    return Secret(first)
