"""A process that is ended during an inference ends with its status, and without a word of the C++ runtime."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = """
import atexit, sys, threading
sys.path[:0] = ["tests/models"]
import numpy as np
from test_session import a_graph
from models.session import Session
from paifang import cli

session, picture = Session(a_graph(1, 3, 8, 8), free_size=True), np.zeros((1, 3, 3000, 3000), np.float32)
begun = threading.Event()

def infer():
    while True:
        begun.set()
        session.run(picture)

for _ in range(2):
    threading.Thread(target=infer, daemon=True).start()
begun.wait()
print("closed", end="")
atexit.register(print, ", files removed", end="")
cli.main = lambda: 3
cli.command()
"""


def test_a_process_ends_with_its_status_during_an_inference() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "closed, files removed", "")
