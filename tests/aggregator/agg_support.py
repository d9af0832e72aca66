"""Builds events, brokers and aggregators for the tests of this folder."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import argon2
import httpx2
import paho.mqtt.client as mqtt
import pytest
from fastapi import FastAPI
from paho.mqtt.enums import CallbackAPIVersion
from playwright.sync_api import Page
from port_kit import free_port

from aggregator import app
from aggregator.domain.accounts.authorization import ROLES, RoleAssignment, parse
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.messaging.broker_config import BrokerCredentials, accounts
from aggregator.settings.aggregator import (
    EmbeddedBroker,
    FeedSettings,
    Http,
    NotificationSettings,
    Oidc,
    Settings,
    Site,
)
from common.clock import SECOND_NS
from common.secret import Secret
from protocol import receipts
from protocol.envelope import Event, encode
from protocol.event_types import KIND_OF, Data, ZoneEntered
from protocol.identifiers import uuid7
from protocol.topics import BoxTopics

Result = TypeVar("Result")
JPEG = b"\xff\xd8\xff\xe0 a blurred picture \xff\xd9"
EPOCH = "ab12"
START_NS = 1_795_000_000 * SECOND_NS


def entered(zone: str = "yard", kind_of_object: str = "person") -> ZoneEntered:
    return ZoneEntered(
        zone=zone,
        object=kind_of_object,  # type: ignore[arg-type]
        track=1,
        bbox=(1.0, 2.0, 3.0, 4.0),
        confidence=0.9,
    )


def event(
    sequence: int,
    data: Data | None = None,
    *,
    time_ns: int = START_NS,
    place: str = "cam-1",
    box: str = "gate-1",
    site: str = "village",
    picture: bytes | None = None,
    epoch: str = EPOCH,
    number: int | None = None,
) -> Event:
    """An event whose id is a function of its sequence (or of `number`)."""
    data = data or entered()
    noise = ((number if number is not None else sequence) * 2654435761).to_bytes(10, "big")
    return Event(
        id=uuid7(START_NS, noise),
        site=site,
        box=box,
        place=place,
        kind=KIND_OF[type(data)],
        time_ns=time_ns,
        sequence=sequence,
        data=data,
        epoch=epoch,
        picture=picture,
    )


def run_apart(work: Coroutine[Any, Any, Result]) -> Result:
    """Run something to its end on a thread of its own: this one may have a browser's event loop.

    Where it does not end, the test fails by its time limit; a pool would wait for the thread all the same.
    """
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(asyncio.run(work))
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done.result()


def wait_until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Until `condition` holds; fails after a limit that is far beyond what it takes."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


@contextlib.contextmanager
def mosquitto(folder: Path, port: int, extra: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """The other broker, from Debian's package."""
    folder.mkdir(exist_ok=True)
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n{extra}"
    )
    process = subprocess.Popen(
        ["/usr/sbin/mosquitto", "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: answers(port))
        yield process
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    """Whether something listens at a port of loopback."""
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def _serves(port: int) -> bool:
    """The web server has begun: all routes are there."""
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(f"http://127.0.0.1:{port}/login", timeout=5, verify=False).status_code == 200
    return False


class Sender:
    """A box in small: keeps events until a receipt covers them, sends what is not covered again, and again.

    Args:
        port: The broker's.
        account: How to log in.
        box: Whose outbox this is.
        again_s: After so long without a receipt an event is sent again.
        site: Of the box.
    """

    def __init__(
        self,
        port: int,
        account: BrokerCredentials | None,
        box: str = "gate-1",
        again_s: float = 1.0,
        site: str = "village",
    ) -> None:
        self.topics = BoxTopics(site, box)
        self._port, self._account, self._again_s = port, account, again_s
        self._waiting: dict[int, tuple[bytes, float]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.receipts: list[tuple[str, list[tuple[int, int]]]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, *events: Event) -> None:
        with self._lock:
            for it in events:
                self._waiting[it.sequence] = (encode(it), 0.0)

    def raw(self, payload: bytes, topic: str | None = None) -> None:
        """Something that is not in the outbox, sent once."""
        client = self._connect()
        client.loop_start()
        client.publish(topic or self.topics.events, payload, qos=1).wait_for_publish(10)
        client.disconnect()
        client.loop_stop()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def wait(self, timeout_s: float = 60.0) -> None:
        """Until everything is receipted."""
        wait_until(lambda: not self._waiting, timeout_s)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _connect(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv311)
        if self._account:
            client.username_pw_set(self._account.username, self._account.password.reveal())
        client.on_message = self._told

        def on_connect(*_: object) -> None:
            client.subscribe(self.topics.receipts, 1)

        client.on_connect = on_connect
        client.connect("127.0.0.1", self._port)
        return client

    def _told(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        epoch, ranges = receipts.decode_receipt(bytes(message.payload))
        self.receipts.append((epoch, list(ranges)))
        with self._lock:
            for sequence in [it for it in self._waiting if it in ranges and epoch == EPOCH]:
                del self._waiting[sequence]

    def _run(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                client = self._connect()
                client.loop_start()
                self._pump(client)
                client.disconnect()
                client.loop_stop()
            self._stop.wait(0.05)

    def _pump(self, client: mqtt.Client) -> None:
        connected = False
        while not self._stop.wait(0.005):
            if connected and not client.is_connected():
                return  # and start afresh
            connected = client.is_connected()
            if not connected:
                continue
            now = time.monotonic()
            with self._lock:
                due = [it for it, (_, sent) in self._waiting.items() if now - sent > self._again_s][:500]
                payloads = [self._waiting[it][0] for it in due]
                self._waiting.update({it: (self._waiting[it][0], now) for it in due})
            for payload in payloads:
                client.publish(self.topics.events, payload, qos=1)


def plain_client(url: str, headers: dict[str, str] | None = None, **more: Any) -> httpx2.Client:
    """A client of a server on loopback. It reads no certificates: that takes 20 ms of computing."""
    return httpx2.Client(base_url=url, headers=headers, timeout=30.0, verify=False, **more)


@dataclass
class Web:
    """A running aggregator with its web server, and the application inside it."""

    url: str
    application: FastAPI
    parts: app.Parts
    broker_port: int
    account: BrokerCredentials

    def client(self) -> httpx2.Client:
        """A client that speaks like a browser on our own pages, without a session."""
        return plain_client(self.url, {"Origin": self.url})

    @contextlib.contextmanager
    def logged_in(self, name: str = "", code: str = "") -> Iterator[httpx2.Client]:
        """A client with a session of a user; without a name the user with all roles."""
        with self.client() as client:
            answer = client.post("/login", data={"name": name or USER, "password": PASSWORD, "code": code})
            assert answer.status_code == 303, answer.text
            yield client

    def audit_entries(self) -> list[AuditEntry]:
        """The whole audit log, oldest first."""
        return [audit_entry.decode(entry) for _, entry in self.parts.core.reader.audit_entries(0, 1_000_000)]


USER, PASSWORD = "li", "a long enough password"
CHEAP = functools.partial(argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
"""The shared aggregator's hashes: its hundreds of log-ins need not take 50 ms each. End-to-end tests pay in full."""


def add_staff(web: Web, *roles: str) -> str:
    """A new user with these roles and the password of all."""
    name = f"staff-{secrets.token_hex(6)}"
    app.add_user(web.parts.core.settings, name, Secret(PASSWORD), [parse(role) for role in roles])
    return name


def log_in(web: Web, page: Page, name: str = USER, *, path: str = "") -> None:
    """Open a page of the dashboard as somebody, or the first one of theirs; the form for it has tests of its own."""
    form: dict[str, str | float | bool] = {"name": name, "password": PASSWORD}
    answer = page.context.request.post(f"{web.url}/login", form=form, headers={"Origin": web.url}, max_redirects=0)
    assert answer.status == 303, answer.text()
    page.goto(web.url + (path or answer.headers["location"]))
    # NiceGUI may send what is done before its connection is ready in another order: Enter before the text.
    page.wait_for_function("window.did_handshake !== false")


@contextlib.contextmanager
def running_web(folder: Path, issuer: str) -> Iterator[Web]:
    """`app.run` in a thread, with an identity provider; the application is caught when it is built."""
    http, broker = Http(port=free_port()), EmbeddedBroker(port=free_port())
    areas: dict[str, tuple[str, ...]] = {"stairs": ("stairs-1",), "yards": ("yard",)}
    sites = {"village": Site(name="Stone Bridge <Village>", timezone="Asia/Shanghai", areas=areas)}
    secret = folder / "client-secret"
    secret.write_text("not much of a secret\n")
    oidc = Oidc(
        issuer=issuer, client_id="paifang", client_secret_file=str(secret), address=f"http://127.0.0.1:{http.port}"
    )  # fmt: skip
    loopback = NotificationSettings(networks=("127.0.0.0/8",))
    feeds = FeedSettings(networks=("127.0.0.0/8",))
    settings = Settings(
        data=str(folder / "data"),
        http=http,
        broker=broker,
        sites=sites,
        oidc=oidc,
        notifications=loopback,
        feeds=feeds,
    )
    built: list[tuple[FastAPI, app.Parts]] = []
    real = app.build_web

    def build(parts: app.Parts) -> FastAPI:
        made = real(parts)
        built.append((made, parts))
        return made

    stop = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "build_web", build)
        patch.setattr(argon2, "PasswordHasher", CHEAP)
        app.add_user(settings, USER, Secret(PASSWORD), [RoleAssignment(role) for role in ROLES])
        thread = threading.Thread(target=app.run, args=(settings, stop))
        thread.start()
        try:
            wait_until(lambda: bool(built) and built[0][1].core.health.broker and _serves(http.port))
            account = accounts(folder / "data", broker, app.new_token)["box"]
            yield Web(f"http://127.0.0.1:{http.port}", *built[0], broker.port, account)
        finally:
            stop.set()
            thread.join(30)
    assert not thread.is_alive()
