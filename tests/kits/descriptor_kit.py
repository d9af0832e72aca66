"""A process in which many files are open, as in an aggregator with many browsers."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator

LOW = 1024
"""select(2) knows the descriptors below."""


@contextlib.contextmanager
def low_descriptors_taken() -> Iterator[None]:
    """What is opened meanwhile gets a descriptor of 1,024 or more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * LOW), hard))
    taken = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while taken[-1] < LOW:
            taken.append(os.dup(taken[0]))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
