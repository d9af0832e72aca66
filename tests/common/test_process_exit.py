"""The end of a process: its status also during an inference, what still has to be done, output that is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

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


def ended(code: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """A process whose command is `code`."""
    lines = ["import sys, threading", "from paifang import cli", "def main():"]
    lines += [f"    {line}" for line in code.splitlines()]
    text = "\n".join([*lines, "cli.main = main", "cli.command()"])
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    where: dict[str, Any] = {"stdout": subprocess.PIPE, "env": buffered} | more
    return subprocess.run(
        [sys.executable, "-c", text], stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT, **where
    )


def test_what_must_still_be_done_is_waited_for() -> None:
    """A relay is switched off by a thread that is no daemon."""
    ran = ended("threading.Timer(0.3, lambda: print('switched off')).start()\nreturn 0")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "switched off\n", "")


def test_output_that_is_lost_is_a_failure() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        ran = ended("print('the key')\nreturn 0", stdout=full)
    assert ran.returncode == 1
    assert "the output is not complete" in ran.stderr


def test_a_fault_of_ours_is_shown_with_its_place() -> None:
    ran = ended("raise ZeroDivisionError('here')")
    assert ran.returncode == 1
    assert "Traceback" in ran.stderr
    assert "ZeroDivisionError: here" in ran.stderr
