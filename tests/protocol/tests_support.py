"""One valid event of every kind, made from the kinds' own field types."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import inspect

from protocol.envelope import Event
from protocol.event_types import KINDS
from protocol.identifiers import uuid7


def event_of(kind: str) -> Event:
    """A valid event with all its fields filled in."""
    fields = {field.name: _sample(field.type) for field in _fields(KINDS[kind])}
    data = KINDS[kind](**fields)
    return Event(uuid7(0, bytes(10)), "site", "box", "place", kind, 0, 1, data)


def _fields(shape: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)
    return described.fields


def _sample(kind: inspect.Type) -> Any:  # noqa: PLR0911 - a table of types
    if isinstance(kind, inspect.UnionType):
        return _sample(next(t for t in kind.types if not isinstance(t, inspect.NoneType)))
    if isinstance(kind, inspect.LiteralType):
        return kind.values[0]
    if isinstance(kind, inspect.TupleType):
        return tuple(_sample(item) for item in kind.item_types)
    if isinstance(kind, inspect.VarTupleType):
        return (_sample(kind.item_type),)
    if isinstance(kind, inspect.BoolType):
        return True
    if isinstance(kind, inspect.IntType):
        return 1
    if isinstance(kind, inspect.FloatType):
        return 0.5
    assert isinstance(kind, inspect.StrType)
    return "0" * 32
