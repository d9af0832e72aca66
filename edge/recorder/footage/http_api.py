"""Footage over the box's own HTTP, on loopback: what is stored, and redacted videos of it, made while they are sent.

Nothing unredacted is sent. Requests bear the box's token; one video is made at a time; its event is enqueued before its
first frame. A video's signed manifest is available when its last chunk has been sent.
"""

from __future__ import annotations

import contextlib
import hmac
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common import logging_setup, text_file
from common.clock import SECOND_NS, Clock
from common.errors import ContractError, DiskTrouble, FootageError, ModelError, PaifangError
from common.http_server.request_threads import RequestThreads
from common.http_server.routes import get
from common.secret import write_private
from edge.media.signed_manifest import ManifestCache, signing_key
from edge.recorder.factory import FootageStore
from edge.recorder.footage import transactional_outbox
from edge.recorder.footage.export import Exporter, ExportRequest, VideoRedactor, export_event
from edge.recorder.footage.query_handler import recorded_ranges
from edge.recorder.footage.video_stream import ClientGone, VideoStream
from protocol.commands import Span
from protocol.identifiers import from_rfc3339, to_rfc3339

MAX_VIDEO_NS = 6 * 3600 * SECOND_NS
MAX_LIST_NS = 48 * 3600 * SECOND_NS
BY = "api"
"""The requesting person, if the request does not name one: the token has no name."""
_REASON_CHARACTERS, _NAME_CHARACTERS = (3, 200), (1, 64)
MANIFEST = "Paifang-Manifest"
"""Response header of a video: path of its manifest."""
_MANIFESTS = "manifests/"
MOST_MANIFESTS = 1_000
MAX_THREADS = 16


class _Refused(Exception):
    """An error response. Used in this module only."""

    def __init__(self, status: int, field: str, problem: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.field, self.problem, self.headers = status, field, problem, headers or {}


def api_token(path: Path) -> bytes:
    """The API's token; created on first use, mode 0600.

    Raises:
        FootageError: Others can read it, or it is too short to be one.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, secrets.token_urlsafe(32).encode() + b"\n")
    if path.stat().st_mode & 0o077:
        raise FootageError(f"{path}: others can read the API's token; chmod 600 it")
    token = text_file.read(path).strip().encode()
    if len(token) < 32:
        raise FootageError(f"{path}: not a token; remove it, and the box makes a new one")
    return token


class FootageApi:
    """`GET /footage`, `GET /footage/{camera}` and `GET /footage/manifests/{id}`.

    Args:
        store: The footage.
        redactor: Creates the redactor at the first video.
        clock: Wall clock.
        data: The box's data folder: the API's token, its signing key, and manifests.

    Raises:
        FootageError: Token or key cannot be used.
    """

    def __init__(self, store: FootageStore, redactor: Callable[[], VideoRedactor], clock: Clock, data: Path) -> None:
        self._store, self._make, self._clock = store, redactor, clock
        self._token, self._key = api_token(data / "api-token"), signing_key(data / "signing.key")
        self._manifests = ManifestCache(data / "manifests")
        self._redactor: VideoRedactor | None = None
        self._busy = threading.Lock()
        self._threads = RequestThreads("footage-request", MAX_THREADS)

    def routes(self) -> list[Route]:
        """Routes of the box's HTTP server."""
        return [get("/footage", self._endpoint), get("/footage/{rest:path}", self._endpoint)]

    async def _endpoint(self, request: Request) -> Response:
        try:
            self._authorise(request)
            return await self._answer(request, request.path_params.get("rest", ""))
        except _Refused as refused:
            return _json(refused.status, {"field": refused.field, "problem": refused.problem}, refused.headers)
        except DiskTrouble as error:
            return _json(503, {"field": "", "problem": str(error)})
        except FootageError as error:
            return _json(404, {"field": "", "problem": str(error)})

    async def _answer(self, request: Request, rest: str) -> Response:
        query = parse_qs(request.url.query, keep_blank_values=True)
        if not rest:
            return _json(200, await self._threads.run(lambda: self._list(query)))
        if rest.startswith(_MANIFESTS):
            number = rest.removeprefix(_MANIFESTS)
            return _json(200, msgspec.Raw(await self._threads.run(lambda: self._manifest(number))))
        return await self._video(request, await self._threads.run(lambda: self._export_request(rest, query)))

    def _authorise(self, request: Request) -> None:
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            challenge = {"WWW-Authenticate": 'Bearer realm="paifang box"'}
            raise _Refused(
                401,
                "Authorization",
                "send the token from 'api-token' of the box's data folder as a bearer token",
                challenge,
            )

    def _list(self, query: dict[str, list[str]]) -> dict[str, object]:
        span = _span(query, MAX_LIST_NS)
        wanted = [_one(query, "camera")] if "camera" in query else self._store.index.cameras()
        now_ns = self._clock.wall_ns()
        found = [(camera, recorded_ranges(self._store, self._known(camera), span, now_ns)) for camera in wanted]
        rows = [
            {
                "camera": camera,
                "spans": [_range_json(it, "") for it in kept.spans],
                "gaps": [_range_json(it, "cause") for it in kept.gaps],
                "holds": [_range_json(it, "case") for it in kept.holds],
            }
            for camera, kept in found
        ]
        return {"cameras": rows}

    def _export_request(self, camera: str, query: dict[str, list[str]]) -> ExportRequest:
        """Raises `_Refused`: names the field."""
        self._known(camera)
        from_ns, to_ns = _span(query, MAX_VIDEO_NS)
        reason = _text(query, "reason", _REASON_CHARACTERS)
        sound = _one(query, "sound") if "sound" in query else "0"
        if sound not in ("0", "1"):
            raise _Refused(400, "sound", "is 0 or 1")
        who = _text(query, "who", _NAME_CHARACTERS) if "who" in query else BY
        case = _text(query, "case", _NAME_CHARACTERS) if "case" in query else ""
        return ExportRequest(camera, from_ns, to_ns, who, reason, case, sound == "1")

    def _known(self, camera: str) -> str:
        known = self._store.index.cameras()
        if camera not in known:
            raise _Refused(404, "camera", f"'{camera[:64]}' never recorded; known: {', '.join(known) or 'none'}")
        return camera

    async def _video(self, request: Request, export: ExportRequest) -> Response:
        if request.scope["http_version"] == "1.0":
            raise _Refused(400, "", "a video is sent in chunks; use HTTP/1.1")
        if not self._busy.acquire(blocking=False):
            raise _Refused(429, "", "a video is being made; one at a time", {"Retry-After": "10"})
        stream, number = VideoStream(), secrets.token_hex(16)
        threading.Thread(target=self._produce, args=(export, number, stream), name="footage-video", daemon=True).start()
        headers = {"Cache-Control": "no-store", MANIFEST: f"/footage/{_MANIFESTS}{number}"}
        return await stream.response(request, headers)

    def _produce(self, export: ExportRequest, number: str, stream: VideoStream) -> None:
        """Create the video and write it to the stream."""
        failure: Exception | None = None
        try:
            self._make_video(export, number, stream)
        except (PaifangError, _Refused) as error:
            failure = error
        except Exception as error:
            logging_setup.get("recorder").exception("video failed", camera=export.camera)
            failure = FootageError(f"internal error: {type(error).__name__}")
        finally:
            self._busy.release()
        with contextlib.suppress(ClientGone):  # after the release: the client may request the next video at once
            stream.finish(failure)

    def _redactor_or_refusal(self) -> VideoRedactor:
        try:
            self._redactor = self._redactor or self._make()
        except ModelError as error:
            raise _Refused(503, "", f"no model can redact a video, so there is none: {error}") from error
        return self._redactor

    def _make_video(self, export: ExportRequest, number: str, stream: VideoStream) -> None:
        self._store.player.check(export.camera, export.from_ns, export.to_ns)
        exporter = Exporter(self._store.player, self._store.index, self._clock, self._key, self._redactor_or_refusal())
        transactional_outbox.enqueue(self._store.index, export_event(export, self._clock.wall_ns()))
        try:
            rows = self._store.player.find(export.camera, export.from_ns, export.to_ns)
            counts = exporter.redact(export, stream)
            file = (f"{export.camera}.mp4", stream.digest.hexdigest(), stream.bytes)
            self._manifests.put(number, exporter.manifest(export, rows, counts, file), MOST_MANIFESTS)
        except (PaifangError, OSError) as error:
            logging_setup.get("recorder").warning("video ended early", camera=export.camera, error=str(error))
            raise _Refused(503, "", "the video could not be redacted, so there is none") from error

    def _manifest(self, number: str) -> bytes:
        found = self._manifests.get(number)
        if found is None:
            raise _Refused(
                404, "", f"no such manifest; the newest {MOST_MANIFESTS} are kept, each from its video's end on"
            )
        return found


def _span(query: dict[str, list[str]], longest_ns: int) -> tuple[int, int]:
    from_ns, to_ns = _time_ns(query, "from"), _time_ns(query, "to")
    if to_ns <= from_ns:
        raise _Refused(400, "to", "is not after 'from'")
    if to_ns - from_ns > longest_ns:
        raise _Refused(400, "to", f"is more than {longest_ns // (3600 * SECOND_NS)} hours after 'from'")
    return from_ns, to_ns


def _time_ns(query: dict[str, list[str]], field: str) -> int:
    text = _one(query, field)
    try:
        return from_rfc3339(text)
    except ContractError as error:
        raise _Refused(400, field, f"'{text[:64]}' is not a time such as 2026-11-23T08:00:00Z") from error


def _one(query: dict[str, list[str]], field: str) -> str:
    values = query.get(field, [])
    if len(values) != 1:
        raise _Refused(400, field, "is given more than once" if values else "is missing")
    return values[0]


def _text(query: dict[str, list[str]], field: str, characters: tuple[int, int]) -> str:
    text, (least, most) = _one(query, field).strip(), characters
    if not least <= len(text) <= most or not text.isprintable():
        raise _Refused(400, field, f"needs {least} to {most} printable characters; it is logged")
    return text


def _range_json(span: Span, about: str) -> dict[str, str]:
    times = {"from": to_rfc3339(span.from_ns), "to": to_rfc3339(span.to_ns)}
    return times | ({about: span.about} if about else {})


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(body), status, {"Cache-Control": "no-store"} | (headers or {}), "application/json"
    )
