"""The end of a process, also while one of its threads runs a model."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
from typing import NoReturn


def end_process(status: int) -> NoReturn:
    """End the process with this status, or with 1 where its output could not be written.

    At Python's own end a daemon thread that comes back from native code is ended by unwinding its C++ frames. The C++
    runtime answers with `terminate called without an active exception` and SIGABRT: for systemd, a box that was stopped
    during an inference had failed, and it left a core dump.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons: a relay is switched off
    atexit._run_exitfuncs()
    logging.shutdown()
    try:
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        status = status or 1
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"paifang: the output is not complete: {error}\n")
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(status)
