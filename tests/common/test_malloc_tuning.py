"""The limits of glibc's heaps, in a process of their own."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from paifang import cli

CODE = """
import resource
from common.running.malloc_tuning import give_back_large_blocks
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
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert int(ran.stdout) < 2_000


@pytest.mark.parametrize(
    ("words", "module"), [(["edge", "run"], "edge.cli.node"), (["aggregator", "run"], "aggregator.cli")]
)
def test_both_services_set_the_limits_before_they_read_their_settings(
    words: list[str], module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With settings that cannot be read nothing is started."""
    set_by: list[str] = []
    importlib.import_module(module)
    monkeypatch.setattr(f"{module}.give_back_large_blocks", lambda: set_by.append(module))
    assert cli.main([*words, str(tmp_path / "missing.yaml")]) == cli.USAGE
    assert set_by == [module]
