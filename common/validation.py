"""All that is wrong with a file of settings, found in one go: a mistake in one part hides none in another."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

MOST = 50
"""Maximum number of reported problems."""
_STANDS_IN = "x"


class Problem(NamedTuple):
    """One mistake.

    Attributes:
        path: Dotted path of the key, `cameras[0].zones[1].polygon`; empty: the whole file.
        text: What is wrong, and what to write instead.
    """

    path: str
    text: str


def problems(value: Any, shape: Any, path: str = "") -> list[Problem]:
    """Every mistake of plain data.

    Args:
        value: Dicts, lists and scalars.
        shape: What it is meant to be: a `msgspec.Struct`, a container or a scalar type.
        path: Where it stands.
    """
    inner = _inner(shape, value)
    if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, msgspec.Struct):
        return _of_struct(value, inner, path)
    each = _elements(value, inner, path)
    found = [problem for item, kind, where in each for problem in problems(item, kind, where)]
    return found or _converted(value, shape, path)


def _of_struct(value: dict[str, Any], shape: type[msgspec.Struct], path: str) -> list[Problem]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    tag = shape.__struct_config__.tag_field if shape.__struct_config__.tag is not None else None
    found: list[Problem] = []
    valid: dict[str, Any] = {}
    left_out: set[str] = set()
    for key, item in value.items():
        where = _under(path, key)
        if key not in fields:
            if key != tag:
                found.append(Problem(where, _unknown(key, list(fields))))
                continue
            valid[key] = item
            continue
        wrong = problems(item, fields[key].type, where)
        found += wrong
        remaining = _without(item, fields[key].type, wrong, where, left_out) if wrong else item
        if remaining is not None:
            valid[key] = remaining
    meant = {it.text.rpartition("did you mean ")[2].strip("'?") for it in found if "did you mean" in it.text}
    missing = [key for key, field in fields.items() if field.required and key not in value and key not in meant]
    found += [Problem(path, f"the key '{key}' is missing") for key in missing]
    for key, field in fields.items():
        if field.required and key not in valid:
            valid[key] = _STANDS_IN
            left_out.add(_STANDS_IN)
    return found + _as_a_whole(valid, shape, path, left_out if found else set())


def _as_a_whole(value: dict[str, Any], shape: type[msgspec.Struct], path: str, left_out: set[str]) -> list[Problem]:
    """What is wrong between keys, tried without the parts that are wrong in themselves.

    Problems that follow only from a part that was left out are not reported.
    """
    problems_found = _converted(value, shape, path)
    if not left_out:
        return problems_found
    return [it for it in problems_found if it.path == path and not any(f"'{name}'" in it.text for name in left_out)]


def _without(item: Any, shape: Any, wrong: list[Problem], where: str, left_out: set[str]) -> Any:
    """A list of structs without the invalid ones; None if nothing of it is valid."""
    inside = typing.get_args(_inner(shape, item))
    if isinstance(item, list) and inside and hasattr(_inner(inside[0], {}), "__struct_fields__"):
        bad = {n for n in range(len(item)) if any(_within(it.path, f"{where}[{n}]") for it in wrong)}
        left_out.update(_names(item[n] for n in bad))
        return [it for n, it in enumerate(item) if n not in bad] if bad else None
    if isinstance(item, dict):
        removed = {key for key in item if any(_within(it.path, _under(where, str(key))) for it in wrong)}
        left_out.update(map(str, removed))
    left_out.add(_STANDS_IN)
    return None


def _names(items: typing.Iterable[Any]) -> Iterator[str]:
    yield _STANDS_IN
    for item in items:
        if isinstance(item, dict):
            yield from (str(item[key]) for key in ("id", "name") if key in item)


def _within(path: str, part: str) -> bool:
    return path == part or path.startswith((f"{part}.", f"{part}["))


def _under(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _elements(value: Any, shape: Any, path: str) -> list[tuple[Any, Any, str]]:
    """Elements that are validated separately: of lists of any length and of maps, with their shapes and paths."""
    origin, inside = typing.get_origin(shape), typing.get_args(shape)
    if isinstance(value, list) and (origin is list or (origin is tuple and inside[-1:] == (Ellipsis,))):
        return [(item, inside[0], f"{path}[{n}]") for n, item in enumerate(value)]
    if isinstance(value, dict) and origin is dict:
        return [(item, inside[1], _under(path, str(key))) for key, item in value.items()]
    return []


def _inner(shape: Any, value: Any) -> Any:
    """Of a union, the member that `value` is meant for (tagged structs by their tag)."""
    if typing.get_origin(shape) is typing.Annotated:
        shape = typing.get_args(shape)[0]
    if typing.get_origin(shape) not in (typing.Union, types.UnionType):
        return shape
    for member in typing.get_args(shape):
        config = getattr(member, "__struct_config__", None)
        if isinstance(value, dict) and config and (config.tag is None or value.get(config.tag_field) == config.tag):
            return member
        if isinstance(value, list) and typing.get_origin(member) in (list, tuple):
            return member
    return None


def _converted(value: Any, shape: Any, path: str) -> list[Problem]:
    """What is still wrong when every part is right in itself."""
    try:
        msgspec.convert(value, shape, strict=True)
    except msgspec.ValidationError as error:
        text, _, raw = str(error).partition(" - at `")
        inside = re.sub(r"^\$", "", raw.rstrip("`")).replace("[...]", "")
        missing = re.search(r"missing required field `([^`]+)`", text)
        where = f"{path}{inside}".lstrip(".")
        return [
            Problem(where, line) for line in ([f"the key '{missing[1]}' is missing"] if missing else text.split("\n"))
        ]
    return []


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'?" if close else f"one of: {', '.join(sorted(known))}"
    return f"unknown key '{key}'; {hint}"
