"""Memory that goes back to the system at once.

glibc raises the size from which on it maps memory by itself with each large block that is freed, up to 32 MB, and what
it does not map it keeps, in pieces. Detectors ask for many blocks of some megabytes for each frame, from two threads:
such a process grew to 790 MB on one clip, and to less than half of it with a fixed limit.

It also gives each thread a heap of its own, up to eight for each core, and keeps what is free in one of them from all
others. A box has some forty threads: with two heaps for all of them it needs 600 MB instead of 1.2 GB.
An aggregator has as many threads.
"""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD = -3
"""Of glibc's malloc.h."""
LIMIT_BYTES = 1 << 20
M_TRIM_THRESHOLD = -1
"""The same."""
KEPT_BYTES = 8 << 20
"""Free memory at the end of a heap that is kept. A fixed limit for mapping leaves this at 128 KB, so that each look at
a picture takes memory from the system and returns it: 4 % of the cost of a camera on which nothing moves."""
M_ARENA_MAX = -8
"""The same."""
HEAPS = 2


def give_back_large_blocks() -> bool:
    """Set the limits for this process; for commands, which own theirs. Call it before threads are started.

    Returns:
        Whether this C library knows them.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
        limits = ((M_ARENA_MAX, HEAPS), (M_MMAP_THRESHOLD, LIMIT_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES))
        return all(mallopt(name, value) for name, value in limits)
    except (OSError, AttributeError):
        return False


def give_back_free_memory() -> bool:
    """Return what is free in glibc's heaps to the system now, as after loading models, which takes twice their size.

    Returns:
        Whether this C library can.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return False
    return True
