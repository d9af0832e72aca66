"""What Python files of this house say, read once for all tests that ask."""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@functools.cache
def nodes(path: Path) -> Sequence[ast.AST]:
    """All that tests look at, found once."""
    looked_at = (
        ast.Attribute, ast.AsyncFunctionDef, ast.Call, ast.ClassDef, ast.FunctionDef, ast.Import, ast.ImportFrom,
        ast.Name,
    )  # fmt: skip
    return [node for node in ast.walk(parsed(path)) if isinstance(node, looked_at)]


@functools.cache
def python_files(*packages: str) -> Sequence[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


@functools.cache
def imports(path: Path) -> Sequence[str]:
    """Every module that a file imports, at any depth of its code, also for types only."""
    found: list[str] = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found += [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return found
