"""Strict settings from YAML: every error names file, line, key and the fix, and all are reported at once.

Settings are frozen `msgspec.Struct` classes. Nothing in a settings file is ever executed: plain scalars, lists and
maps only (`yaml.SafeLoader`), and a duplicate key is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import yaml

from common import text_file
from common.errors import SettingsError
from common.validation import MOST, Problem, problems

Settings = TypeVar("Settings", bound=msgspec.Struct)
Lines = dict[str, int]
More = Callable[[Any], list[Problem]]


def load(path: Path, shape: type[Settings], more: More | None = None) -> Settings:
    """Read `path` and convert it to `shape`; `more`: see `read`.

    Raises:
        SettingsError: The file cannot be read, is not YAML, has an unknown or duplicate key, or a wrong value.
    """
    try:
        text = text_file.read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), "", f"cannot be read: {error}") from error
    return read(text, shape, str(path), more).value


def loads(text: str, shape: type[Settings], name: str = "<settings>") -> Settings:
    """The same for settings that are already in memory; `name` stands for the file in errors.

    Raises:
        SettingsError: As for `load`.
    """
    return read(text, shape, name).value


class Read(NamedTuple, Generic[Settings]):
    """Settings, and where each key stands.

    Attributes:
        value: The settings.
        lines: Dotted path of a key → its line, from 1.
    """

    value: Settings
    lines: Lines


def read(text: str, shape: type[Settings], name: str = "<settings>", more: More | None = None) -> Read[Settings]:
    """As `loads`, with lines, and with checks of the file's own.

    Args:
        text: YAML.
        shape: What it is meant to be.
        name: Stands for the file in errors.
        more: Finds more in the plain data, whether or not the rest of it is right.

    Raises:
        SettingsError: With all that is wrong; only what is not YAML ends the search.
    """
    lines: Lines = {}
    found: list[Problem] = []
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        value = {} if root is None else _plain(root, "", lines, found)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{name}:{line}", "", f"not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise SettingsError(name, "", f"not YAML: {error}") from error
    except (RecursionError, ValueError) as error:
        problem = "is nested too deeply, or an alias holds itself; write it out"
        raise SettingsError(name, "", problem if isinstance(error, RecursionError) else f"not YAML: {error}") from error
    own = more(value) if more is not None else []
    known = {it.text for it in own}  # with a better path than that of the part which found them too
    found += [it for it in problems(value, shape) if it.text not in known] + own
    if found:
        raise _located(found, lines, name)
    return Read(msgspec.convert(value, shape, strict=True), lines)


def fail(name: str, lines_key: str, problem: str) -> SettingsError:
    """A `SettingsError` for checks that need more than one key; `lines_key` is the dotted path."""
    return SettingsError(name, lines_key, problem)


def _plain(node: yaml.Node, path: str, lines: Lines, found: list[Problem]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            child = f"{path}.{key}" if path else key
            line = key_node.start_mark.line + 1
            if key in result:
                found.append(Problem(child, "stands here twice; keep one"))
            lines[child] = line
            result[key] = _plain(value_node, child, lines, found)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, f"{path}[{i}]", lines, found) for i, item in enumerate(node.value)]
    return yaml.SafeLoader("").construct_object(node)


def _located(found: list[Problem], lines: Lines, name: str) -> SettingsError:
    """One error with all problems, in the order of their lines."""
    ordered = sorted(dict.fromkeys(found), key=lambda it: _line(lines, it.path))
    errors = [SettingsError(f"{name}:{_line(lines, path)}", path, text) for path, text in ordered[:MOST]]
    if len(ordered) > MOST:
        errors.append(SettingsError(name, "", f"{len(ordered) - MOST} more are not listed; correct these first"))
    first, *more = errors
    return SettingsError(first.where, first.key, first.problem, more)


def _line(lines: Lines, path: str) -> int:
    while path and path not in lines:
        path = re.sub(r"(\.[^.\[]+|\[\d+\]|^[^.\[]+)$", "", path)
    return lines.get(path, 1)
