"""The HTTP API. Sessions, same-origin checks and headers are the middleware's: `aggregator.web.auth_middleware`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.middleware import Middleware

from aggregator import __doc__ as about
from aggregator.auth.authenticator import Authenticator
from aggregator.auth.client_address import Clients
from aggregator.settings.aggregator import Http
from aggregator.web.auth_middleware import AuthMiddleware
from aggregator.web.body_limits import most_bytes
from common.errors import Forbidden, ListError, StoreError
from common.http_server.body_limits import BodyLimits

Routes: TypeAlias = Callable[[FastAPI], None]
"""Adds the routes of one part."""


def build(http: Http, authenticator: Authenticator, parts: Iterable[Routes]) -> FastAPI:
    """The application with its API routes.

    Args:
        http: Proxies and the public address.
        authenticator: Knows who a session or a token belongs to.
        parts: Add their routes.
    """
    app = FastAPI(
        title="Paifang aggregator",
        description=about or "",
        docs_url=None,  # FastAPI's documentation pages load scripts from the Internet
        redoc_url=None,
        openapi_url="/api/openapi.json",
        middleware=[
            Middleware(BodyLimits, max_bytes=most_bytes),
            Middleware(AuthMiddleware, authenticator=authenticator, clients=Clients(http)),
        ],
    )
    for add in parts:
        add(app)
    _map_errors(app)
    return app


def _map_errors(app: FastAPI) -> None:
    @app.exception_handler(StoreError)
    async def store_failed(_request: Request, error: StoreError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 503, {"Retry-After": "2"})

    @app.exception_handler(ListError)
    async def list_failed(_request: Request, error: ListError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(Forbidden)
    async def forbidden(_request: Request, error: Forbidden) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 403)
