"""Strict settings from YAML: every error names file, line, key and what to write instead.

Settings are frozen `msgspec.Struct` classes. Nothing in a settings file is ever executed: plain scalars, lists and
maps only (`yaml.SafeLoader`), and a duplicate key is an error.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from common import text_file
from common.errors import SettingsError

Settings = TypeVar("Settings", bound=msgspec.Struct)
Lines = dict[str, int]


def load(path: Path, shape: type[Settings]) -> Settings:
    """Read `path` and convert it to `shape`.

    Raises:
        SettingsError: The file cannot be read, is not YAML, has an unknown or duplicate key, or a wrong value.
    """
    try:
        text = text_file.read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), "", f"cannot be read: {error}") from error
    return loads(text, shape, str(path))


def loads(text: str, shape: type[Settings], name: str = "<settings>") -> Settings:
    """The same for settings that are already in memory; `name` stands for the file in errors.

    Raises:
        SettingsError: As for `load`.
    """
    lines: Lines = {}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        value = {} if root is None else _plain(root, "", lines, name)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{name}:{line}", "", f"not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise SettingsError(name, "", f"not YAML: {error}") from error
    except RecursionError as error:
        raise SettingsError(name, "", "is nested too deeply, or an alias holds itself; write it out") from error
    _reject_unknown(value, shape, "", lines, name)
    try:
        return msgspec.convert(value, shape, strict=True)
    except msgspec.ValidationError as error:
        raise _located(error, lines, name) from error


def fail(name: str, lines_key: str, problem: str) -> SettingsError:
    """A `SettingsError` for checks that need more than one key; `lines_key` is the dotted path."""
    return SettingsError(name, lines_key, problem)


def _plain(node: yaml.Node, path: str, lines: Lines, name: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            child = f"{path}.{key}" if path else key
            line = key_node.start_mark.line + 1
            if key in result:
                raise SettingsError(f"{name}:{line}", child, "stands here twice; keep one")
            lines[child] = line
            result[key] = _plain(value_node, child, lines, name)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, f"{path}[{i}]", lines, name) for i, item in enumerate(node.value)]
    return yaml.SafeLoader("").construct_object(node)


def _reject_unknown(value: Any, shape: Any, path: str, lines: Lines, name: str) -> None:
    shape = _struct_or_container(shape, value)
    if isinstance(value, dict) and isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(shape)}
        config = shape.__struct_config__
        tag_field = config.tag_field if config.tag is not None else None
        for key, item in value.items():
            child = f"{path}.{key}" if path else key
            if key in fields:
                _reject_unknown(item, fields[key], child, lines, name)
            elif key != tag_field:
                raise SettingsError(_at(name, lines, child), child, _unknown(key, list(fields)))
    elif isinstance(value, list) and typing.get_origin(shape) in (list, tuple):
        for i, item in enumerate(value):
            _reject_unknown(item, typing.get_args(shape)[0], f"{path}[{i}]", lines, name)
    elif isinstance(value, dict) and typing.get_origin(shape) is dict:
        for key, item in value.items():
            _reject_unknown(item, typing.get_args(shape)[1], f"{path}.{key}" if path else key, lines, name)


def _struct_or_container(shape: Any, value: Any) -> Any:
    """Of a union, the member that `value` is meant for (tagged structs by their tag)."""
    if typing.get_origin(shape) is typing.Annotated:
        shape = typing.get_args(shape)[0]
    if typing.get_origin(shape) not in (typing.Union, types.UnionType):
        return shape
    members = typing.get_args(shape)
    for member in members:
        config = getattr(member, "__struct_config__", None)
        if isinstance(value, dict) and config and (config.tag is None or value.get(config.tag_field) == config.tag):
            return member
        if isinstance(value, list) and typing.get_origin(member) in (list, tuple):
            return member
    return None


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'?" if close else f"one of: {', '.join(sorted(known))}"
    return f"unknown key '{key}'; {hint}"


def _located(error: msgspec.ValidationError, lines: Lines, name: str) -> SettingsError:
    text, _, raw_path = str(error).partition(" - at `")
    path = _named(re.sub(r"^\$\.?", "", raw_path.rstrip("`")), lines)
    missing = re.search(r"missing required field `([^`]+)`", text)
    if missing:
        return SettingsError(_at(name, lines, path), path, f"the key '{missing[1]}' is missing")
    return SettingsError(_at(name, lines, path), path, text)


def _named(path: str, lines: Lines) -> str:
    """A path in which msgspec wrote `[...]` for a map's key, with the key where only one fits."""
    if "[...]" not in path:
        return path
    pattern = re.compile(re.escape(path).replace(re.escape("[...]"), r"\.[^.\[]+"))
    fitting = [known for known in lines if pattern.fullmatch(known)]
    return fitting[0] if len(fitting) == 1 else path.replace("[...]", "")


def _at(name: str, lines: Lines, path: str) -> str:
    while path and path not in lines:
        path = re.sub(r"(\.[^.\[]+|\[\d+\]|^[^.\[]+)$", "", path)
    return f"{name}:{lines.get(path, 1)}"
