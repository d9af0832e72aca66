"""The dashboard's own scripts and style sheets, under an address that changes with their content."""

from __future__ import annotations

import hashlib
from pathlib import Path

import nicegui
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parents[1] / "static"
SUFFIXES = (".css", ".js")
_YEAR_S = 365 * 24 * 3600


def _version() -> str:
    """A digest over all files: a browser that has one version loads nothing twice, and no old file with a new one."""
    digest = hashlib.sha256()
    for path in sorted(it for it in FOLDER.rglob("*") if it.suffix in SUFFIXES):
        digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


ADDRESS = f"/assets/{_version()}"


class _Files(StaticFiles):
    """Files that never change under their address."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file, with a long life in the browser's cache."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = f"private, max-age={_YEAR_S}, immutable"
        return response


LEAFLET = f"/assets/leaflet-{nicegui.__version__}"
"""Leaflet 1.9, which the dashboard's framework brings along; only the map loads it."""
_LEAFLET_FOLDER = Path(nicegui.__file__).parent / "elements" / "leaflet" / "dist"
WORKER = "/notifications/worker.js"
"""The service worker of Web Push. Its address stays, because a browser's subscription belongs to it."""


def mount(app: FastAPI) -> None:
    """Serve the files; the authentication middleware asks for a session."""
    worker = FOLDER / "pages/notifications/worker.js"

    @app.get(WORKER, include_in_schema=False)
    def push_worker() -> FileResponse:
        return FileResponse(worker, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    app.mount(LEAFLET, GZipMiddleware(_Files(directory=_LEAFLET_FOLDER), minimum_size=500))
    app.mount(ADDRESS, GZipMiddleware(_Files(directory=FOLDER), minimum_size=500))
