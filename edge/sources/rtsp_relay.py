"""Logs in to a camera for FFmpeg: FFmpeg connects to a port on loopback, and each request gets its log-in header.

Only for cameras whose challenges FFmpeg answers wrongly (`rtsp_login.ffmpeg_can`). One relay serves one connection of
this process and ends with it. FFmpeg's URL then holds no user and no password.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit

from common import logging_setup
from common.errors import SourceLost
from common.running.readiness import wait_readable
from common.secret.digest import Answers, Challenge, Login, best, challenges
from edge.sources.base import Stopped
from edge.sources.rtsp_wire import BadRtsp, Message, Splitter
from edge.sources.sockets import is_ours

ACCEPT_S = 10.0
"""FFmpeg opens the relay at once; without it the relay ends."""
SEND_S = 60.0
_POLL_S = 0.25
_CHUNK_BYTES = 262_144
_CONNECTIONS = 3
"""To a camera that ends the connection after each 401."""
_HANGS_UP_S = 0.25
"""A camera that does so, does it within this time."""
_MOST_OPEN = 32
"""Requests without a response; the oldest is forgotten."""
_ABOUT_PLACES = ("content-base", "content-location", "rtp-info", "location")


@dataclass(frozen=True)
class Peer:
    """Where a camera is.

    Attributes:
        host: Its name or address.
        port: Its port.
        tls: `rtsps`.
    """

    host: str
    port: int
    tls: bool = False

    @classmethod
    def of(cls, url: str) -> Peer:
        """The camera of an address."""
        parts = urlsplit(url)
        tls = parts.scheme.lower() == "rtsps"
        return cls(parts.hostname or "", parts.port or (322 if tls else 554), tls)

    def connect(self, timeout_s: float) -> socket.socket:
        """A connection; its certificate is not checked, as FFmpeg does not: cameras sign their own.

        Raises:
            OSError: Nobody answers.
        """
        plain = socket.create_connection((self.host, self.port), timeout_s)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.tls:
            return plain
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            return context.wrap_socket(plain, server_hostname=self.host)
        except OSError:
            plain.close()
            raise


@dataclass
class _PendingRequest:
    """A request that the camera has not answered yet."""

    request: Message
    cseq: str
    retries: int = 0
    nonce: str = ""


class LoginExchange:
    """Adds the log-in to requests and takes the challenges out of responses. Pure.

    Args:
        credentials: User and password.
        cnonce: Makes a new random text.
        addresses: (the relay's address, the camera's), as they stand in URLs, with the scheme.
    """

    def __init__(self, credentials: Login, cnonce: Callable[[], str], addresses: tuple[str, str]) -> None:
        self._who, self._cnonce = credentials, cnonce
        self._relay, self._camera = addresses
        self._answers: Answers | None = None
        self._accept = self._refused = False
        self._next = 0
        self._pending: dict[str, _PendingRequest] = {}

    def request(self, message: Message) -> bytes:
        """What to send to the camera for a message of FFmpeg."""
        if message.status is not None or len(message.first.split(" ")) != 3:
            return message.encoded()
        method, uri, version = message.first.split(" ")
        if uri == self._relay or uri.startswith(self._relay + "/"):
            uri = self._camera + uri[len(self._relay) :]
        plain = Message(f"{method} {uri} {version}", message.without("authorization"), message.body)
        return self._encode(_PendingRequest(plain, message.get("CSeq")))

    def response(self, message: Message) -> tuple[bytes, bytes]:
        """What to send to the camera and to FFmpeg for a message of the camera."""
        cseq = message.get("CSeq")
        pending = self._pending.pop(cseq, None) if message.status is not None and message.status >= 200 else None
        if pending is None:
            return b"", message.encoded()
        if message.status == 401 and self._retry_with_login(pending, challenges(message.all("WWW-Authenticate"))):
            return self._encode(pending), b""
        self._accept = self._accept or (pending.nonce != "" and message.status != 401)
        # without the challenges FFmpeg does not try once more
        headers = message.without("www-authenticate") if message.status == 401 else message.headers
        changed = [
            (name, self._to_relay_address(name, pending.cseq if name.lower() == "cseq" else value))
            for name, value in headers
        ]
        return b"", replace(message, headers=changed).encoded()

    @property
    def must_reconnect(self) -> bool:
        """Whether a camera that ends the connection now does so on a log-in, which it may take on the next one."""
        return not self._accept and any(it.retries for it in self._pending.values())

    def pending_requests(self) -> bytes:
        """What to send first on a new connection to the camera: the requests that have no answer."""
        waiting, self._pending = list(self._pending.values()), {}
        return b"".join(self._encode(it) for it in waiting)

    def _retry_with_login(self, pending: _PendingRequest, offered: list[Challenge]) -> bool:
        challenge = best(offered)
        if challenge is None or self._refused:
            return False
        nonce = challenge.parameters.get("nonce", "-")
        fresh = nonce != pending.nonce and (challenge.stale or self._accept)
        if pending.nonce and not (fresh and pending.retries < 2):
            self._answers, self._refused = None, True  # user and password are wrong: nothing is tried again
            return False
        pending.retries += 1
        if self._answers is None or self._answers.challenge != challenge:
            self._answers = Answers(challenge, self._who, self._cnonce)
        return True

    def _encode(self, pending: _PendingRequest) -> bytes:
        self._next += 1
        method, uri, _ = pending.request.first.split(" ")
        headers = [
            (name, str(self._next) if name.lower() == "cseq" else value) for name, value in pending.request.headers
        ]
        if self._answers is not None:
            pending.nonce = self._answers.challenge.parameters.get("nonce", "-")
            headers.append(("Authorization", self._answers.header(method, uri, pending.request.body)))
        while len(self._pending) >= _MOST_OPEN:
            self._pending.pop(next(iter(self._pending)))
        self._pending[str(self._next)] = pending
        return replace(pending.request, headers=headers).encoded()

    def _to_relay_address(self, name: str, value: str) -> str:
        if name.lower() not in _ABOUT_PLACES:
            return value
        return re.sub(re.escape(self._camera) + r"(?=[/;,\s]|$)", self._relay, value, flags=re.IGNORECASE)


class Relay:
    """Listens on loopback for one connection of this process.

    Args:
        url: The camera's, without user and password.
        credentials: User and password.
        timeout_s: To connect to the camera.
        cnonce: Makes a new random text.
        stopped: Ends it.

    Attributes:
        url: What FFmpeg opens.
        port: Of loopback.
    """

    def __init__(
        self, url: str, credentials: Login, timeout_s: float, cnonce: Callable[[], str], stopped: Stopped
    ) -> None:
        self._peer, self._timeout_s, self._stopped = Peer.of(url), timeout_s, stopped
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        self.port = int(self._listener.getsockname()[1])
        parts, here = urlsplit(url), f"127.0.0.1:{self.port}"
        self.url = urlunsplit(parts._replace(scheme="rtsp", netloc=here))
        addresses = (f"rtsp://{here}", f"{parts.scheme}://{parts.netloc}")
        self._exchange = LoginExchange(credentials, cnonce, addresses)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rtsp-login:{self._peer.host}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the relay, also without a connection."""
        self._ended.set()

    def _is_stopped(self) -> bool:
        return self._ended.is_set() or self._stopped()

    def _run(self) -> None:
        try:
            client = self._accept()
            if client is None:
                return
            with client:
                from_ffmpeg = Splitter()
                for _ in range(_CONNECTIONS):
                    with self._peer.connect(self._timeout_s) as camera:
                        camera.sendall(self._exchange.pending_requests())
                        if not self._forward(client, camera, from_ffmpeg):
                            return
        except (OSError, BadRtsp) as error:
            logging_setup.get("rtsp-login").debug("connection ended", camera=self._peer.host, error=str(error))

    def _accept(self) -> socket.socket | None:
        until_s = time.monotonic() + ACCEPT_S
        with self._listener as listener:
            while time.monotonic() < until_s and not self._is_stopped():
                if not wait_readable(_POLL_S, listener):
                    continue
                client, address = listener.accept()
                if is_ours(address[:2]):
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    return client
                client.close()
        return None

    def _forward(self, client: socket.socket, camera: socket.socket, from_ffmpeg: Splitter) -> bool:
        """Until one of them ends; True: the camera has, and is to be connected to once more."""
        try:
            self._exchanged(client, camera, from_ffmpeg)
        except OSError:
            if not self._exchange.must_reconnect:
                raise
        return self._exchange.must_reconnect

    def _exchanged(self, client: socket.socket, camera: socket.socket, from_ffmpeg: Splitter) -> None:
        for one in (client, camera):
            one.settimeout(SEND_S)
        message = Splitter()
        while not self._is_stopped():
            waiting = isinstance(camera, ssl.SSLSocket) and camera.pending() > 0
            ready = [camera] if waiting else wait_readable(_POLL_S, client, camera)
            for one in ready:
                data = one.recv(_CHUNK_BYTES)
                if not data:
                    return
                if one is client:
                    for chunk in from_ffmpeg.feed(data):
                        camera.sendall(self._exchange.request(chunk) if isinstance(chunk, Message) else chunk)
                    continue
                for chunk in message.feed(data):
                    if isinstance(chunk, Message):
                        response, on = self._exchange.response(chunk)
                        camera.sendall(response)
                        client.sendall(on)
                    else:
                        client.sendall(chunk)


@dataclass(frozen=True)
class ProbeResult:
    """How a camera asks for a log-in.

    Attributes:
        challenges: Its `WWW-Authenticate` headers; none where it asks for no log-in, or answers otherwise.
        closes_after_challenge: It closes the connection after the challenge, and FFmpeg does not reconnect.
    """

    challenges: tuple[str, ...] = ()
    closes_after_challenge: bool = False


def _read_probe(answer: Message, camera: socket.socket) -> ProbeResult:
    if answer.status != 401:
        return ProbeResult()
    camera.settimeout(_HANGS_UP_S)
    try:
        closes_after_challenge = camera.recv(1) == b""
    except TimeoutError:
        closes_after_challenge = False
    except OSError:
        closes_after_challenge = True
    return ProbeResult(tuple(answer.all("WWW-Authenticate")), closes_after_challenge)


def probe(url: str, timeout_s: float, stopped: Stopped, now_s: Callable[[], float] = time.monotonic) -> ProbeResult:
    """The challenges of a camera, from one request for the stream without a log-in.

    Args:
        url: Without user and password.
        timeout_s: To connect, and for the answer.
        stopped: Ends the waiting.
        now_s: Monotonic clock.

    Raises:
        SourceLost: Nobody answers.
    """
    splitter, until_s = Splitter(), now_s() + timeout_s
    ask = Message(f"DESCRIBE {url} RTSP/1.0", [("CSeq", "1"), ("Accept", "application/sdp")])
    try:
        with Peer.of(url).connect(timeout_s) as camera:
            camera.sendall(ask.encoded())
            camera.settimeout(_POLL_S)
            while now_s() < until_s and not stopped():
                try:
                    data = camera.recv(65_536)
                except TimeoutError:
                    continue
                for chunk in splitter.feed(data):
                    if isinstance(chunk, Message) and (chunk.status or 0) >= 200:
                        return _read_probe(chunk, camera)
                if not data:
                    return ProbeResult()
    except BadRtsp:
        return ProbeResult()
    except OSError as error:
        raise SourceLost(f"{url}: {error.strerror or type(error).__name__}") from None
    raise SourceLost(f"{url}: the camera does not answer", sentence="source.lost")
