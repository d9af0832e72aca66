"""What the routes of the API have in common: the caller, path parameters, JSON bodies and the document's responses."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Path, Request
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.responses import Response

from aggregator.domain.accounts.authorization import Principal
from aggregator.web.api_models.base import NAME, PRINTABLE, ErrorResponse

Responses: TypeAlias = dict[int | str, dict[str, Any]]
Tags: TypeAlias = list[str | Enum]


def caller_of(request: Request) -> Principal:
    """Who asks; the authentication middleware has found out."""
    caller: Principal = request.state.caller
    return caller


def shown_by_page(request: Request) -> bool:
    """Whether a browser loads this as a part of a page (Fetch Metadata, `Sec-Fetch-Dest`); else it was opened."""
    return request.headers.get("sec-fetch-dest") == "image"


Who = Annotated[Principal, Depends(caller_of)]
_ID = Path(description="UUIDv7.", max_length=128, pattern=PRINTABLE)
_NAME = Path(description="1 to 64 of letters, digits, `_`, `.`, `-`.", min_length=1, max_length=64, pattern=NAME)
IdPath = Annotated[str, _ID]
NamePath = Annotated[str, _NAME]
UserPath = Annotated[str, Path(description="A user's name.", max_length=128, pattern=PRINTABLE)]


class ApiRoute(APIRoute):
    """A route whose body is JSON, whatever the client calls it: programs send it as a form, or without a type."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind a `Content-Type` of JSON where the route has a model of its body."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_json(request: Request) -> Response:
            scope = dict(request.scope, headers=list(request.scope["headers"]))
            MutableHeaders(scope=scope)["content-type"] = "application/json"
            return await handle(Request(scope, request.receive))

        return handle_json


_REASONS = {
    400: "The request cannot be read.",
    401: "Nobody is logged in, or the token is not valid.",
    403: "The caller does not have the permission.",
    404: "There is no such thing, or it is outside the caller's sites.",
    409: "It is not possible in the present state.",
    413: "The body is too large.",
    422: "A field is wrong.",
    429: "Too many attempts; `Retry-After` says how many seconds to wait.",
    503: "The database does not answer; nothing was changed or shown.",
}


def errors(*statuses: int) -> Responses:
    """Documents error responses by status."""
    return {it: {"model": ErrorResponse, "description": _REASONS[it]} for it in statuses}


def content(media_type: str, description: str, status: int = 200) -> Responses:
    """Documents a response that is a file."""
    schema = {"type": "string"} if media_type.startswith("text/") else {"type": "string", "format": "binary"}
    if media_type == "application/json":
        schema = {"type": "object"}
    return {status: {"description": description, "content": {media_type: {"schema": schema}}}}
