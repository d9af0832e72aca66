"""The limits of glibc's heaps, in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import resource
from edge.monitoring.malloc_tuning import give_back_large_blocks
assert give_back_large_blocks()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def fill():
    return [bytearray(60_000) for _ in range(20)]
fill()
before = faults()
for _ in range(50):
    fill()
print(faults() - before)
"""


def test_short_lived_blocks_do_not_go_back_to_the_system_each_time() -> None:
    """A fixed limit for mapping alone leaves the limit for trimming at 128 KB: 300 page faults each time here."""
    ran = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert int(ran.stdout) < 2_000
