"""Where Debian's Chromium is, for tests, benchmarks and tools."""

from __future__ import annotations

import shutil

PROGRAMS = ("chromium-headless-shell", "chromium")
"""Packages and their programs, the faster one first: the headless shell has no windows of a browser around it."""


def chromium_program() -> str:
    """The path of the first program that is installed.

    Raises:
        RuntimeError: There is none; it names what to install.
    """
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    raise RuntimeError(f"no Chromium: install one of Debian's packages {' or '.join(PROGRAMS)}")
