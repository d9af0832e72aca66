from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from port_kit import free_port
from pymodbus.client import ModbusTcpClient
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from common.clock import FakeClock
from common.errors import DoorLost, RelayError, SettingsError
from edge.access.gates.relay_controller import RateLimit, RelayController
from edge.access.gates.relays import RELAYS, Outputs, RelayContext, Simulated
from edge.settings.gates import HttpRelay, ModbusRelay, OsdpRelay, RelaySettings, SimulatedRelay


class Door:
    """A controller's outputs."""

    def __init__(self, lost: bool = False) -> None:
        self.lost = lost
        self.pulses: list[tuple[int, float]] = []

    def pulse(self, output: int, seconds: float) -> None:
        if self.lost:
            raise DoorLost("it does not answer")
        self.pulses.append((output, seconds))


def context(base: Path, door: Outputs | None = None) -> RelayContext:
    return RelayContext(base, "lane", FakeClock(), lambda _: door or Door(), time.sleep)


@contextmanager
def controller(status: int = 204, to: str = "") -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    asked: list[tuple[dict[str, str], bytes]] = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            if to:
                self.send_header("Location", to)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/open", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Module:
    """A real Modbus TCP server with eight coils."""

    def __init__(self) -> None:
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(5)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        coils = SimData(0, values=[False] * 16, datatype=DataType.BITS)
        other = SimData(0, values=[0] * 4, datatype=DataType.REGISTERS)
        bits = SimData(0, values=[False] * 16, datatype=DataType.BITS)
        device = SimDevice(1, simdata=([coils], [bits], [other], [other]))
        self._server = ModbusTcpServer(device, address=("127.0.0.1", self.port))
        await self._server.serve_forever(background=True)
        self._stop = asyncio.Event()
        self._ready.set()
        await self._stop.wait()
        await self._server.shutdown()  # type: ignore[no-untyped-call]

    def coil(self, number: int) -> bool:
        """As another client sees it."""
        with ModbusTcpClient("127.0.0.1", port=self.port) as client:
            return bool(client.read_coils(number, count=1).bits[0])

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


def until(true: Any) -> None:
    for _ in range(400):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen")


def test_every_relay_stands_in_the_table() -> None:
    assert set(RELAYS) == set(RelaySettings.__args__)


def test_no_relay_can_close(tmp_path: Path) -> None:
    """There is one verb. A barrier closes by its own loop."""
    settings = [SimulatedRelay(), HttpRelay("http://x/"), ModbusRelay("x"), OsdpRelay("d")]
    for each in settings:
        relay = RELAYS[type(each)](each, context(tmp_path))
        verbs = [name for name in dir(relay) if callable(getattr(relay, name)) and not name.startswith("_")]
        assert verbs == ["pulse"] or isinstance(relay, Simulated)


def test_http_is_signed_and_says_what_to_open(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    (tmp_path / "password").write_text("word\n")
    with controller() as (url, asked):
        told = HttpRelay(url, secret_file="secret", username="box", password_file="password")
        RELAYS[HttpRelay](told, context(tmp_path)).pulse(1.5)
    ((headers, body),) = asked
    assert headers["X-Paifang-Signature"] == hmac.new(b"hush", body, hashlib.sha256).hexdigest()
    assert headers["Authorization"] == "Basic Ym94OndvcmQ="
    said = json.loads(body)
    assert (said["gate"], said["open_s"]) == ("lane", 1.5)
    assert {"time", "nonce"} <= set(said)


@pytest.mark.parametrize("status", [302, 401, 500])
def test_http_that_does_not_open_is_an_error(tmp_path: Path, status: int) -> None:
    with (
        controller(200) as (elsewhere, led_astray),
        controller(status, elsewhere) as (url, _),
        pytest.raises(RelayError, match=str(status)),
    ):
        RELAYS[HttpRelay](HttpRelay(url), context(tmp_path)).pulse(1)
    assert led_astray == []


def test_http_nobody_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RelayError, match="does not answer"):
        RELAYS[HttpRelay](HttpRelay(f"http://127.0.0.1:{free_port()}/"), context(tmp_path)).pulse(1)


@contextmanager
def raw_answer(answer: bytes, *, close: bool) -> Iterator[str]:
    """A server that sends these bytes to each request, and closes the connection or leaves it open."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(answer)
                if not close:
                    connection.recv(1)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/open"


def test_the_body_of_an_answer_is_not_waited_for(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\nopen"
    with raw_answer(head, close=False) as url:
        RELAYS[HttpRelay](HttpRelay(url), context(tmp_path)).pulse(1)


@pytest.mark.parametrize("answer", [b"", b"\x00\xff" * 50, b"HTTP/1.1 999999 No\r\n\r\n", b"HTTP/1.1 200 OK\r\nX"])
def test_an_answer_that_is_not_http_is_an_error(tmp_path: Path, answer: bytes) -> None:
    with raw_answer(answer, close=True) as url, pytest.raises(RelayError, match=r"does not answer: .+"):
        RELAYS[HttpRelay](HttpRelay(url), context(tmp_path)).pulse(1)


def test_a_controller_that_does_not_answer_in_time_is_an_error(tmp_path: Path) -> None:
    with raw_answer(b"", close=False) as url, pytest.raises(RelayError, match=r"does not answer: .+"):
        RELAYS[HttpRelay](HttpRelay(url, timeout_s=0.05), context(tmp_path)).pulse(1)


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_secret_that_cannot_be_used_names_its_key(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    with pytest.raises(SettingsError, match=r"relay\.secret_file"):
        RELAYS[HttpRelay](HttpRelay("http://x/", secret_file="secret"), context(tmp_path))


def test_modbus_switches_on_and_off_again(tmp_path: Path) -> None:
    module = Module()
    try:
        relay = RELAYS[ModbusRelay](ModbusRelay("127.0.0.1", coil=3, port=module.port), context(tmp_path))
        relay.pulse(0.8)
        assert [module.coil(number) for number in range(5)] == [False, False, False, True, False]
        until(lambda: not module.coil(3))
    finally:
        module.close()


def test_modbus_nobody_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RelayError, match="does not answer"):
        RELAYS[ModbusRelay](ModbusRelay("127.0.0.1", port=free_port(), timeout_s=0.3), context(tmp_path)).pulse(0.1)


def test_osdp_pulses_a_doors_output(tmp_path: Path) -> None:
    door = Door()
    RELAYS[OsdpRelay](OsdpRelay("barrier", 2), context(tmp_path, door)).pulse(1.0)
    assert door.pulses == [(2, 1.0)]
    with pytest.raises(RelayError, match="does not answer"):
        RELAYS[OsdpRelay](OsdpRelay("barrier", 2), context(tmp_path, Door(lost=True))).pulse(1.0)


def opened(
    relay: Simulated, clock: FakeClock, limits: RateLimit, times: list[float], manual: bool = False
) -> list[bool]:
    """Ask at these moments; what the opener said each time."""
    relay_controller = RelayController("lane", relay, limits, 1.0, clock)
    relay_controller.start()
    said: list[bool] = []
    for number, moment in enumerate(times):
        clock.mono_ns = round(moment * 1e9)
        relay_controller.open(said.append, manual)
        until(lambda n=number: len(said) == n + 1)
    relay_controller.stop()
    return said


def test_limits_hold_back_and_count(tmp_path: Path) -> None:
    relay = Simulated(SimulatedRelay(), context(tmp_path))
    assert opened(relay, FakeClock(), RateLimit(2.0, 3), [10, 11, 13, 16, 20, 75]) == [
        True,
        False,
        True,
        True,
        False,
        True,
    ]
    assert len(relay.pulses) == 4


def test_people_are_not_limited(tmp_path: Path) -> None:
    relay = Simulated(SimulatedRelay(), context(tmp_path))
    assert opened(relay, FakeClock(), RateLimit(60.0, 1), [1, 2, 3], manual=True) == [True] * 3


def test_a_broken_relay_is_tried_counted_and_told(tmp_path: Path) -> None:
    relay = Simulated(SimulatedRelay(), context(tmp_path), broken=True)
    assert opened(relay, FakeClock(), RateLimit(0.0, 60), [1.0]) == [False]
    assert relay.pulses == []
