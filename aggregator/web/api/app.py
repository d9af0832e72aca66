"""The HTTP API and how it answers errors. `aggregator.web.auth_middleware` checks sessions and sets headers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeAlias

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from aggregator.auth.authenticator import Authenticator
from aggregator.auth.client_address import Clients
from aggregator.settings.aggregator import Http
from aggregator.web import openapi
from aggregator.web.api.dependencies import ApiRoute
from aggregator.web.auth_middleware import AuthMiddleware, ConsumerTokens
from aggregator.web.body_limits import most_bytes
from aggregator.web.validation_errors import problem_of
from common.errors import (
    CaseError,
    CommandError,
    ContractError,
    EscalationError,
    FeedConflict,
    FeedError,
    FeedThrottled,
    Forbidden,
    HandoverError,
    ListError,
    LoginThrottled,
    NotificationError,
    PaifangError,
    PlanError,
    ProcedureError,
    QuietError,
    ReleaseError,
    StaffError,
    StoreError,
    UserExists,
)
from common.http_server.body_limits import BodyLimits

Routes: TypeAlias = Callable[[FastAPI], None]
"""Adds the routes of one part."""
STATUS: dict[type[PaifangError], int] = {
    CaseError: 409,
    CommandError: 409,
    ContractError: 422,
    EscalationError: 422,
    FeedConflict: 409,
    FeedError: 422,
    Forbidden: 403,
    HandoverError: 409,
    ListError: 422,
    ProcedureError: 422,
    QuietError: 422,
    NotificationError: 422,
    PlanError: 422,
    ReleaseError: 409,
    StaffError: 422,
    StoreError: 503,
    UserExists: 409,
}
"""Error of a use case → status of the answer."""


def build(
    http: Http,
    authenticator: Authenticator,
    parts: Iterable[Routes],
    pictures_from: str = "",
    consumers: ConsumerTokens | None = None,
) -> FastAPI:
    """The application with its API routes.

    Args:
        http: Proxies and the public address.
        authenticator: Knows who a session or a token belongs to.
        parts: Add their routes.
        pictures_from: The one other origin that pages may load pictures from: map tiles; empty: none.
        consumers: Knows who a consumer's token belongs to.
    """
    app = FastAPI(
        title="Paifang aggregator",
        docs_url=None,  # FastAPI's documentation pages load scripts from the Internet
        redoc_url=None,
        openapi_url="/api/openapi.json",
        generate_unique_id_function=lambda route: route.name,
        middleware=[
            Middleware(BodyLimits, max_bytes=most_bytes),
            Middleware(
                AuthMiddleware,
                authenticator=authenticator,
                clients=Clients(http),
                pictures_from=pictures_from,
                consumers=consumers,
            ),
        ],
    )
    app.router.route_class = ApiRoute
    for add in parts:
        add(app)
    _map_errors(app)
    openapi.install(app)
    return app


def _map_errors(app: FastAPI) -> None:
    async def failed(_request: Request, error: Exception) -> JSONResponse:
        status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
        return JSONResponse({"error": str(error)}, status, {"Retry-After": "2"} if status == 503 else None)

    for kind in STATUS:
        app.add_exception_handler(kind, failed)

    @app.exception_handler(FeedThrottled)
    @app.exception_handler(LoginThrottled)
    async def throttled(_request: Request, error: FeedThrottled | LoginThrottled) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 429, {"Retry-After": str(math.ceil(error.wait_s))})

    @app.exception_handler(HTTPException)
    async def refused(_request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        status, problem = problem_of(error.errors())
        return JSONResponse({"error": problem}, status)
