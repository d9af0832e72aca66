"""The end of a process that runs models."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
from typing import NoReturn


def end_process(status: int) -> NoReturn:
    """End the process at once, when the command has closed what keeps data.

    At Python's own end a daemon thread that comes back from native code is ended by unwinding its C++ frames. The C++
    runtime answers with `terminate called without an active exception` and SIGABRT: for systemd, a box that was stopped
    during an inference had failed, and it left a core dump.
    """
    atexit._run_exitfuncs()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)
