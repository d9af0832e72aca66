"""What the models have in common: strictness, types of fields, errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from common.errors import ContractError
from protocol.identifiers import from_rfc3339, to_rfc3339

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
"""As `protocol.identifiers.PRINTABLE`, in the syntax of pydantic's patterns, whose `$` is the end of the text."""
LINES = r"^[^\x00-\x09\x0b-\x1f\x7f]*$"
"""The same with line feeds."""
UTC_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|\+00:00)$"
TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
NAME = r"^[A-Za-z0-9_.\-]+$"
PLACE = r"^[A-Za-z0-9_.\-]+/[A-Za-z0-9_.\-]+$"


def _real_time(text: str) -> str:
    try:
        from_rfc3339(text)
    except ContractError as error:
        raise ValueError("must be a time such as 2026-11-23T08:00:00Z") from error
    return text


TimeText = Annotated[str, StringConstraints(max_length=40, pattern=UTC_TIME), AfterValidator(_real_time)]
"""A time in a request: RFC 3339, UTC."""
ClockText = Annotated[str, StringConstraints(pattern=TIME_OF_DAY)]
"""A local time of day in a request, `HH:MM`."""
WordText = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=PRINTABLE)]
"""An id, or the name of a kind, area, zone or object class."""
ShortText = Annotated[str, StringConstraints(max_length=64, pattern=PRINTABLE)]
"""As `WordText`; may be empty."""
NameText = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NAME)]
"""The name of a site, box, camera, gate, door or zone."""
PlaceText = Annotated[str, StringConstraints(max_length=129, pattern=PLACE)]
"""A place as `site/place`."""
ReasonText = Annotated[
    str, StringConstraints(max_length=400, pattern=PRINTABLE), Field(description="Why: 3 to 200 characters.")
]
PasswordText = Annotated[str, StringConstraints(max_length=1024), Field(json_schema_extra={"format": "password"})]
CodeText = Annotated[str, StringConstraints(max_length=20)]

Time = Annotated[str, Field(description="RFC 3339, UTC, nanoseconds.", json_schema_extra={"format": "date-time"})]
"""A time in a response."""
Id = Annotated[str, Field(description="UUIDv7.")]


def optional_time(time_ns: int | None) -> str | None:
    """A time in a response that may be missing."""
    return None if time_ns is None else to_rfc3339(time_ns)


def example(fields: Mapping[str, Any] | None = None, **more: Any) -> ConfigDict:
    """The example of a model, for its configuration."""
    return ConfigDict(json_schema_extra={"examples": [{**(fields or {}), **more}]})


class RequestModel(BaseModel):
    """A request's body: JSON types as they are, no other fields, no value in an error's text."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


class ResponseModel(BaseModel):
    """A response's body."""

    model_config = ConfigDict(frozen=True)


class ErrorResponse(ResponseModel):
    """Why a request was not carried out."""

    model_config = example(error="limit: Input should be less than or equal to 500")

    error: str = Field(description="The field where there is one, the problem and the fix.")
