"""Starts a program that dies with its parent, also when the parent is killed.

Run as a script (`python leash.py PARENT_PID PROGRAM ARGUMENTS…`) and not as `preexec_fn`, which is unsafe in a process
with threads. Source: prctl(2), PR_SET_PDEATHSIG; the setting survives execve.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to `arguments[0]` (a process id) and become the program that follows."""
    parent = int(arguments[0])
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the leash was on
        sys.exit(1)
    os.execv(arguments[1], arguments[1:])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
