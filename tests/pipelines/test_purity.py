"""`pipelines/` is pure: no I/O, no clock, no threads, no randomness of its own, no parts of other folders."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "pipelines"
FILES = sorted(FOLDER.rglob("*.py"))
ALLOWED = {
    "__future__", "bisect", "collections", "dataclasses", "datetime", "enum", "hashlib", "hmac", "itertools", "math",
    "typing", "zoneinfo",
    "cv2", "lap", "msgspec", "numpy", "common", "protocol", "pipelines",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "now", "today", "utcnow", "imread", "imwrite", "VideoCapture"}
COMMON = {"common.clock", "common.errors", "common.secret"}


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_there_are_files_to_check() -> None:
    assert len(FILES) > 30


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_a_module_imports_nothing_that_does_something(file: Path) -> None:
    imported = _imports(ast.parse(file.read_text()))
    assert {name.split(".")[0] for name in imported} <= ALLOWED
    assert {name for name in imported if name.startswith("common")} <= COMMON


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(FOLDER)))
def test_a_module_calls_no_clock_file_or_random_source(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert name not in IMPURE_CALLS, f"{file.name}:{node.lineno} calls {name}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"default_rng", "SystemClock"}, f"{file.name}:{node.lineno}"
