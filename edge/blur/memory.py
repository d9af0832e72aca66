"""Memory that goes back to the system at once.

glibc raises the size from which on it maps memory by itself with each large block that is freed, up to 32 MB, and what
it does not map it keeps, in pieces. Detectors ask for many blocks of some megabytes for each frame, from two threads:
such a process grew to 790 MB on one clip, and to less than half of it with a fixed limit.
"""

from __future__ import annotations

import ctypes

M_MMAP_THRESHOLD = -3
"""Of glibc's malloc.h."""
LIMIT_BYTES = 1 << 20


def give_back_large_blocks() -> bool:
    """Set the limit for this process; for commands, which own theirs.

    Returns:
        Whether this C library knows it.
    """
    try:
        return bool(ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LIMIT_BYTES))
    except (OSError, AttributeError):
        return False
