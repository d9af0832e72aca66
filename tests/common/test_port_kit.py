from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from port_kit import free_port

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import port_kit
print(*[port_kit.free_port() for _ in range(100)], flush=True)
input()
"""


def test_processes_never_take_one_another_s_ports() -> None:
    words = [sys.executable, "-c", SCRIPT, str(Path(__file__).parents[1] / "kits")]
    others = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        ports = [free_port() for _ in range(100)]
        for other in others:
            assert other.stdout is not None
            ports += [int(word) for word in other.stdout.readline().split()]
        assert len(set(ports)) == 400
    finally:
        for other in others:
            other.communicate("\n")
