"""One command reaches every part; each part brings its own words (`<part>/commands.py`)."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

from common import logging_setup
from common.errors import PaifangError, SettingsError
from common.running.process_exit import end_process
from paifang import __version__

GROUPS = {
    "demo": "demo.cli",
    "edge": "edge.cli.node",
    "aggregator": "aggregator.cli",
    "models": "models.cli",
    "footage": "edge.cli.recorder",
    "redact": "edge.cli.redaction",
    "gate": "edge.cli.gates",
    "doors": "edge.cli.doors",
    "audit": "aggregator.audit.cli",
}
"""First word of the command → the module whose `configure(parser)` adds its words and whose calls return 0 or 1."""

DONE, FAILED, USAGE = 0, 1, 2


def parser(groups: Sequence[str] = tuple(GROUPS)) -> argparse.ArgumentParser:
    """The command's parser, with the words of `groups` loaded."""
    top = argparse.ArgumentParser(prog="paifang", description="Watches a site's gates and doors, not its people.")
    top.add_argument("--version", action="version", version=f"paifang {__version__}")
    top.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    words = top.add_subparsers(dest="group", required=True, metavar="|".join(GROUPS))
    for name, module in GROUPS.items():
        word = words.add_parser(name)
        if name in groups:
            importlib.import_module(module).configure(word)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 wrong usage or configuration."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    wanted = [word for word in words if word in GROUPS][:1]
    options = parser(wanted or tuple(GROUPS)).parse_args(words)
    logging_setup.configure(options.log_level)
    try:
        return int(options.call(options))
    except SettingsError as error:
        print(f"paifang: {error}", file=sys.stderr)  # noqa: T201
        return USAGE
    except PaifangError as error:
        print(f"paifang: {error}", file=sys.stderr)  # noqa: T201
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def command() -> NoReturn:
    """Run the command of this process, and end it with its exit code; 1 after an error that is a fault of ours."""
    try:
        status = main()
    except Exception:
        traceback.print_exc()
        status = FAILED
    end_process(status)


if __name__ == "__main__":
    command()
