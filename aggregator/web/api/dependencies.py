"""What the routes of the API have in common: who asks, and the fields of what they send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

import msgspec
from fastapi import Depends, HTTPException, Request

from aggregator.domain.authorization import Principal
from common.decoding import EVERY
from common.errors import ContractError
from protocol.identifiers import from_rfc3339

MOST_BYTES = 10_000
Result = TypeVar("Result")


async def body(request: Request) -> bytes:
    """The body of a request that is not larger than it need be."""
    data = await request.body()
    if len(data) > MOST_BYTES:
        raise HTTPException(413, f"more than {MOST_BYTES} bytes")
    return data


def caller_of(request: Request) -> Principal:
    """Who asks; the guard has found out."""
    caller: Principal = request.state.caller
    return caller


Body = Annotated[bytes, Depends(body)]
Who = Annotated[Principal, Depends(caller_of)]


def fields_from(data: bytes, kind: type[Result]) -> Result:
    """A request's body as JSON.

    Raises:
        msgspec.DecodeError: Not JSON, or other fields than these.
        ContractError: Nested too deeply, or with numbers that are too long.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError:
        raise
    except EVERY as error:
        raise ContractError(f"the body cannot be read: {type(error).__name__}") from error


def fields_of(data: bytes, times: Mapping[str, str], what: str) -> dict[str, object]:
    """A thing's fields from a request's body.

    Args:
        data: JSON.
        times: Field that is a time → the field that it becomes, in nanoseconds; one that is not there stays away.
        what: What it is, for the error.

    Raises:
        ContractError: A time is none.
    """
    fields = fields_from(data, dict[str, object])
    for name, key in times.items():
        value = fields.pop(name, None)
        if value is None:
            continue
        if not isinstance(value, str):
            raise ContractError(f"{what}: {name} must be a time such as 2026-11-23T08:00:00Z")
        fields[key] = from_rfc3339(value)
    return fields
