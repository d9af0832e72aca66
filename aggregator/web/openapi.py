"""The OpenAPI document of the HTTP API, generated from routes, models and the table of permissions.

`python -m aggregator.web.api_document` writes it into `configs/openapi.json`; a test compares that file with what a
running aggregator serves at `/api/openapi.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from aggregator.auth.client_address import SECURE_PREFIX, SESSION_COOKIE
from aggregator.web.api.dependencies import errors
from aggregator.web.route_permissions import ROUTES, RoutePolicy

Json = dict[str, Any]
SESSION, TOKEN, CONSUMER = "session", "token", "consumer"
DESCRIPTION = """The HTTP API of Paifang's aggregator.

Log in with `POST /login` (a form with `name` and `password`) and send the session cookie, or send an API token as
`Authorization: Bearer TOKEN`. A request that changes something with a session cookie needs an `Origin` header with the
server's own host. Times are RFC 3339, UTC, with nanoseconds. Every error has the body `{"error": "…"}`.
"""
_SCHEMES: Json = {
    SESSION: {
        "type": "apiKey", "in": "cookie", "name": SESSION_COOKIE,
        "description": f"A session. Over TLS the cookie's name is `{SECURE_PREFIX}{SESSION_COOKIE}`.",
    },
    TOKEN: {"type": "http", "scheme": "bearer", "description": "An API token of `POST /api/tokens`."},
    CONSUMER: {"type": "http", "scheme": "bearer", "description": "The token of a consumer; it opens the feed only."},
}  # fmt: skip
_WHERE = {"site": "at the path's site", "any": "", "everywhere": "for all sites"}
_ERROR = {"$ref": "#/components/schemas/ErrorResponse"}


def install(app: FastAPI) -> None:
    """Have an application serve the document."""
    made: list[Json] = []

    def document() -> Json:
        if not made:
            made.append(build(app))
        return made[0]

    app.openapi = document  # type: ignore[method-assign]


def build(app: FastAPI) -> Json:
    """The document of an application's routes."""
    document = get_openapi(
        title=app.title,
        version=version("paifang"),
        description=DESCRIPTION,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    paths: Mapping[str, Json] = document["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            _complete(operation, path, ROUTES[f"{method.upper()} {path}"])
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which is never sent
        schemas.pop(name, None)
    document["components"]["securitySchemes"] = _SCHEMES
    return document


def _complete(operation: Json, path: str, policy: RoutePolicy) -> None:
    """Add what the middleware and the table of permissions say about a route."""
    statuses = {422} if operation["responses"].pop("422", None) else set()
    statuses |= {400, 413, 422} if "requestBody" in operation else set()
    statuses |= {404} if "{" in path else set()
    operation["security"] = []
    if not policy.open:
        statuses |= {401, 403, 429, 503}
        operation["security"] = [{SESSION: []}, *([{TOKEN: []}] if policy.token else [])]
    if policy.consumer:
        operation["security"] = [{CONSUMER: []}]
    if policy.permission is not None:
        place = f" {where}" if (where := _WHERE[policy.where]) else ""
        operation["description"] = f"{operation['description']}\n\nPermission: `{policy.permission}`{place}."
    for status, response in errors(*statuses).items():
        body = {"application/json": {"schema": _ERROR}}
        operation["responses"].setdefault(str(status), {"description": response["description"], "content": body})
    operation["responses"] = dict(sorted(operation["responses"].items()))
