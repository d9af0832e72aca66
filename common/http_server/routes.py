"""Routes of Starlette that answer one method only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.routing import Route


def get(path: str, endpoint: Callable[..., Any]) -> Route:
    """A route for GET without HEAD, which Starlette adds: a response may be expensive, or logged as an access."""
    route = Route(path, endpoint, methods=["GET"])
    route.methods = {"GET"}
    return route
