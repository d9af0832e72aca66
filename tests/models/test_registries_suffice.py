"""The tests pass with the models that package registries carry: none asks for another one by name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from models import registry
from models.manifest import TASKS, Npm, Pip

TESTS = Path(__file__).resolve().parents[1]
ABOUT_MANIFESTS = {"test_manifests.py", "test_models_commands.py", "test_registries_suffice.py"}
"""Files whose subject is the list of manifests: they name every model, and load none of them by that name."""


def elsewhere_only() -> set[str]:
    """Models that no package registry carries."""
    return {it.name for it in registry.manifests() if not any(isinstance(each, Pip | Npm) for each in it.sources)}


def named_outright(tree: ast.AST, names: set[str]) -> Iterator[int]:
    """Lines that name one of the models, other than as the first argument of `obtainable` or in a comparison."""
    excused: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "obtainable":
            excused.add(node.args[0])
        elif isinstance(node, ast.Compare):
            excused.update([node.left, *node.comparators])
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in names and node not in excused:
            yield node.lineno


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_a_model_that_registries_carry(task: str) -> None:
    carried = [it.name for it in registry.manifests() if it.task == task and it.name not in elsewhere_only()]
    assert carried


def test_no_test_names_a_model_that_registries_do_not_carry() -> None:
    names = elsewhere_only()
    assert "yunet_n" in names
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        if path.name not in ABOUT_MANIFESTS
        for line in named_outright(ast.parse(path.read_text(encoding="utf-8")), names)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('store.fetch("yunet_n")', [1]),
        ('for name in ("yunet_n", "clp_det"):\n    store.fetch(name)', [1]),
        ('obtainable("yunet_n", store)', []),
    ],
)
def test_the_search_finds_names_however_they_are_handed_on(text: str, lines: list[int]) -> None:
    assert list(named_outright(ast.parse(text), {"yunet_n"})) == lines
