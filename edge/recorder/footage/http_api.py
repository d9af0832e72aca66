"""Footage over the box's own HTTP, on loopback: what is kept, and covered films of it, made while they are sent.

There is no clear film here either: what is sent comes out of the redactor. Whoever asks bears the box's token; one film
is made at a time; a notice is left before its first picture. A film's signed manifest is there when its last chunk is.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from common import logging_setup, text_file
from common.clock import SECOND_NS, Clock
from common.errors import ContractError, DiskTrouble, FootageError, ModelError, PaifangError
from common.secret import write_private
from edge.media.signed_manifest import ManifestCache, signing_key
from edge.recorder.factory import FootageStore
from edge.recorder.footage import transactional_outbox
from edge.recorder.footage.export import Exporter, ExportRequest, VideoRedactor, exported
from edge.recorder.footage.query_handler import kept_of
from protocol.commands import Span
from protocol.identifiers import from_rfc3339, to_rfc3339

LONGEST_FILM_NS = 6 * 3600 * SECOND_NS
LONGEST_LIST_NS = 48 * 3600 * SECOND_NS
SLOW_S = 30.0
"""A client that takes nothing for this long is let go, or it would keep others waiting."""
BY = "api"
"""Who asked, where they do not say it: the token has no name."""
_REASON_CHARACTERS, _NAME_CHARACTERS = (3, 200), (1, 64)
MANIFEST = "Paifang-Manifest"
"""Header of a film: where its manifest will be."""
_MANIFESTS = "/footage/manifests/"
MOST_MANIFESTS = 1_000


class _Refused(Exception):
    """What to answer instead. Stays in this module."""

    def __init__(self, status: int, field: str, problem: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.field, self.problem, self.headers = status, field, problem, headers or {}


def api_token(path: Path) -> bytes:
    """The API's token; made on first use, mode 0600.

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
        redactor: Makes what covers, at the first film.
        clock: Now.
        data: The box's data folder: the API's token, its signing key, and manifests.

    Raises:
        FootageError: Token or key cannot be used.
    """

    def __init__(self, store: FootageStore, redactor: Callable[[], VideoRedactor], clock: Clock, data: Path) -> None:
        self._store, self._make, self._clock = store, redactor, clock
        self._token, self._key = api_token(data / "api-token"), signing_key(data / "signing.key")
        self._shelf = ManifestCache(data / "manifests")
        self._redactor: VideoRedactor | None = None
        self._busy = threading.Lock()

    def answer(self, handler: BaseHTTPRequestHandler) -> bool:
        """Answer a request, if it is for here."""
        url = urlsplit(handler.path)
        if url.path != "/footage" and not url.path.startswith("/footage/"):
            return False
        try:
            self._authorise(handler)
            query = parse_qs(url.query, keep_blank_values=True)
            if url.path.rstrip("/") == "/footage":
                _send(handler, 200, self._list(query))
            elif url.path.startswith(_MANIFESTS):
                _send(handler, 200, msgspec.Raw(self._manifest(url.path.removeprefix(_MANIFESTS))))
            else:
                self._film(handler, self._asked(unquote(url.path.removeprefix("/footage/")), query))
        except _Refused as refused:
            body = {"field": refused.field, "problem": refused.problem}
            _send(handler, refused.status, body, refused.headers)
        except DiskTrouble as error:
            _send(handler, 503, {"field": "", "problem": str(error)})
        except FootageError as error:
            _send(handler, 404, {"field": "", "problem": str(error)})
        return True

    def _authorise(self, handler: BaseHTTPRequestHandler) -> None:
        kind, _, given = handler.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            asks = {"WWW-Authenticate": 'Bearer realm="paifang box"'}
            raise _Refused(401, "Authorization", "bear the token in 'api-token' of the box's data folder", asks)

    def _list(self, query: dict[str, list[str]]) -> dict[str, object]:
        span = _span(query, LONGEST_LIST_NS)
        wanted = [_one(query, "camera")] if "camera" in query else self._store.index.cameras()
        now_ns = self._clock.wall_ns()
        found = [(camera, kept_of(self._store, self._known(camera), span, now_ns)) for camera in wanted]
        rows = [
            {
                "camera": camera,
                "spans": [_told(it, "") for it in kept.spans],
                "gaps": [_told(it, "cause") for it in kept.gaps],
                "holds": [_told(it, "case") for it in kept.holds],
            }
            for camera, kept in found
        ]
        return {"cameras": rows}

    def _asked(self, camera: str, query: dict[str, list[str]]) -> ExportRequest:
        """Raises `_Refused`: names the field."""
        self._known(camera)
        from_ns, to_ns = _span(query, LONGEST_FILM_NS)
        reason = _words(query, "reason", _REASON_CHARACTERS)
        sound = _one(query, "sound") if "sound" in query else "0"
        if sound not in ("0", "1"):
            raise _Refused(400, "sound", "is 0 or 1")
        who = _words(query, "who", _NAME_CHARACTERS) if "who" in query else BY
        case = _words(query, "case", _NAME_CHARACTERS) if "case" in query else ""
        return ExportRequest(camera, from_ns, to_ns, who, reason, case, sound == "1")

    def _known(self, camera: str) -> str:
        known = self._store.index.cameras()
        if camera not in known:
            raise _Refused(404, "camera", f"'{camera[:64]}' never recorded; known: {', '.join(known) or 'none'}")
        return camera

    def _film(self, handler: BaseHTTPRequestHandler, asked: ExportRequest) -> None:
        if handler.request_version == "HTTP/1.0":
            raise _Refused(400, "", "a film is sent in chunks; ask in HTTP/1.1")
        if not self._busy.acquire(blocking=False):
            raise _Refused(429, "", "a film is being made; one at a time", {"Retry-After": "10"})
        try:
            self._store.player.check(asked.camera, asked.from_ns, asked.to_ns)
            exporter = Exporter(self._store.player, self._store.index, self._clock, self._key, self._covering())
            transactional_outbox.enqueue(self._store.index, exported(asked, self._clock.wall_ns()))
            body = self._stream(handler, asked, exporter)
        finally:
            self._busy.release()
        body.end()  # after the release: a client that has the whole film may ask for the next one at once

    def _covering(self) -> VideoRedactor:
        try:
            self._redactor = self._redactor or self._make()
        except ModelError as error:
            raise _Refused(503, "", f"nothing here covers a film, so there is none: {error}") from error
        return self._redactor

    def _stream(self, handler: BaseHTTPRequestHandler, asked: ExportRequest, exporter: Exporter) -> _Chunks:
        """Sends the film; the caller ends the body."""
        handler.connection.settimeout(SLOW_S)
        number = secrets.token_hex(16)
        body = _Chunks(handler, {MANIFEST: f"{_MANIFESTS}{number}"})
        try:
            rows = self._store.player.find(asked.camera, asked.from_ns, asked.to_ns)
            counts = exporter.redact(asked, body)
            told = (f"{asked.camera}.mp4", body.digest.hexdigest(), body.bytes)
            self._shelf.put(number, exporter.manifest(asked, rows, counts, told), MOST_MANIFESTS)
        except (PaifangError, OSError) as error:
            logging_setup.get("recorder").warning("a film broke off", camera=asked.camera, error=str(error))
            if not body.begun:
                raise _Refused(503, "", "the film could not be covered, so there is none") from error
            body.broken = True
        return body

    def _manifest(self, number: str) -> bytes:
        found = self._shelf.get(number)
        if found is None:
            raise _Refused(
                404, "", f"no such manifest; the newest {MOST_MANIFESTS} are kept, each from its film's end on"
            )
        return found


class _Chunks:
    """A body in chunks; the head goes with the first, so that what fails before is an error and no film."""

    def __init__(self, handler: BaseHTTPRequestHandler, headers: dict[str, str]) -> None:
        self._handler, self._headers = handler, headers
        self.begun = self.broken = False
        self.digest, self.bytes = hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        """One chunk."""
        if not data:
            return 0
        if not self.begun:
            self.begun = True
            self._handler.send_response(200)
            for name, value in (
                ("Content-Type", "video/mp4"),
                ("Transfer-Encoding", "chunked"),
                ("Cache-Control", "no-store"),
                ("Connection", "close"),
                *self._headers.items(),
            ):
                self._handler.send_header(name, value)
            self._handler.end_headers()
        self._handler.wfile.write(b"%x\r\n" % len(data) + bytes(data) + b"\r\n")
        self.digest.update(data)
        self.bytes += len(data)
        return len(data)

    def end(self) -> None:
        """Ends the connection. Only a whole body gets the last chunk, so the client can tell."""
        self._handler.close_connection = True
        if not self.broken:
            with contextlib.suppress(OSError):  # the client went away
                self._handler.wfile.write(b"0\r\n\r\n")


def _span(query: dict[str, list[str]], longest_ns: int) -> tuple[int, int]:
    from_ns, to_ns = _moment(query, "from"), _moment(query, "to")
    if to_ns <= from_ns:
        raise _Refused(400, "to", "is not after 'from'")
    if to_ns - from_ns > longest_ns:
        raise _Refused(400, "to", f"is more than {longest_ns // (3600 * SECOND_NS)} hours after 'from'")
    return from_ns, to_ns


def _moment(query: dict[str, list[str]], field: str) -> int:
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


def _words(query: dict[str, list[str]], field: str, characters: tuple[int, int]) -> str:
    text, (least, most) = _one(query, field).strip(), characters
    if not least <= len(text) <= most or not text.isprintable():
        raise _Refused(400, field, f"say it in {least} to {most} characters; it stands on the record")
    return text


def _told(span: Span, about: str) -> dict[str, str]:
    told = {"from": to_rfc3339(span.from_ns), "to": to_rfc3339(span.to_ns)}
    return told | ({about: span.about} if about else {})


def _send(handler: BaseHTTPRequestHandler, status: int, body: object, headers: dict[str, str] | None = None) -> None:
    data = msgspec.json.encode(body)
    handler.send_response(status)
    own = {"Content-Type": "application/json", "Content-Length": str(len(data)), "Cache-Control": "no-store"}
    for name, value in (own | {"Connection": "close"} | (headers or {})).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)
    handler.close_connection = True
