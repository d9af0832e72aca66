"""OSDP: the box is the control panel of a bus of readers; uses libosdp, one thread for each bus.

A silent reader is detected here, by the frames on the line; the library takes 8 s and then pauses for 300 s. Disabling
and enabling a reader in the library makes it retry at once without affecting the other readers of the bus. In the
library a single lost reply ends the secure channel; it is set up again at once, and reported only if the reader is
silent for `SILENT_S`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Any

from common.clock import SECOND_NS
from common.errors import DoorLost, DoorRefused
from edge.access.doors.adapters.base import AdapterContext, Outputs, secret_bytes
from edge.access.doors.adapters.osdp_line import SerialLine
from edge.access.doors.adapters.osdp_reader import Reader
from edge.access.doors.door_signals import ControllerLost, ControllerRestored, DoorSignal
from edge.settings.doors import DoorSettings, OsdpDoor

LOOP_S = 0.005
SILENT_S = 3.0
"""Without a valid frame for this long, the reader is lost. At 9600 baud, each of 8 readers is polled every 0.5 s."""
RETRY_S = 2.0
"""Retry interval of a lost reader."""
RESUME_S = 1.0
"""Retry interval of a secure channel that has just ended; a handshake takes about half of it."""
STATUS_REPLY_S = 1.0
"""A reader that is lost this soon after an input status request has replied NAK and gets no further request. (The
library treats every NAK as a lost reader.)"""
COMMAND_S = 1.0
KEY_BYTES = 16
_TEMPORARILY_ON = 5
"""Control code of an output: on, then what it was before (SIA OSDP 2.2, table 18)."""


@dataclass
class _Link:
    """The connection to one reader of the bus."""

    door: str
    settings: OsdpDoor
    reader: Reader
    up: bool | None = field(default=None, init=False)
    online: bool = field(default=False, init=False)
    online_ns: int = field(default=0, init=False)
    tried_ns: int = field(default=0, init=False)
    off: bool = field(default=False, init=False)
    status_requested_ns: int | None = field(default=None, init=False)
    supports_status_request: bool = field(default=True, init=False)


class OsdpBus:
    """One bus.

    Args:
        doors: Settings of its doors; they share one serial device.
        context: Its dependencies.

    Raises:
        SettingsError: A key's file cannot be used.
    """

    def __init__(self, doors: Sequence[DoorSettings], context: AdapterContext) -> None:
        self.doors = tuple(door.id for door in doors)
        self._context = context
        self._links: list[_Link] = []
        self._keys: list[bytes] = []
        for door in doors:
            assert isinstance(door.control, OsdpDoor)
            key = secret_bytes(context.base, door.control.key_file, f"doors '{door.id}': control.key_file", KEY_BYTES)
            self._keys.append(key[:KEY_BYTES])
            self._links.append(_Link(door.id, door.control, Reader(door.control, self._reporter(door.id))))
        self._commands: deque[tuple[int, dict[str, int], Future[None]]] = deque()
        self.invalid_frames = 0

    def run_once(self) -> None:
        """Drive the bus until the stop."""
        first = self._links[0].settings
        line = SerialLine(first.port, first.baud, self._context.clock.monotonic_ns)
        try:
            panel = self._panel(line)
            began_ns = self._context.clock.monotonic_ns()
            for link in self._links:
                link.up, link.tried_ns, link.off, link.online = None, began_ns, False, False
            while not self._context.stop.wait(LOOP_S):
                self._poll(panel, line)
        finally:
            self._fail_pending()
            line.close()

    def unlock(self, door: str) -> None:
        """Switch the door's lock output on for `unlock_s`."""
        settings = self._link(door).settings
        self._pulse(door, settings.output, settings.unlock_s)

    def outputs(self, door: str) -> Outputs:
        """The reader's outputs."""
        self._link(door)
        return _ReaderOutputs(self, door)

    def _reporter(self, door: str) -> Any:
        def report(what: DoorSignal) -> None:
            self._context.report(door, what)

        return report

    def _link(self, door: str) -> _Link:
        return self._links[self.doors.index(door)]

    def _panel(self, line: SerialLine) -> Any:
        import osdp
        import osdp_sys

        class Channel(osdp.Channel):  # type: ignore[misc]
            """The library's interface to the line."""

            def read(self, max_bytes: int) -> bytes:
                return line.read(max_bytes)

            def write(self, buf: bytes) -> int:
                return line.write(buf)

            def flush(self) -> None:
                """Nothing is buffered."""

        osdp_sys.set_loglevel(osdp.LogLevel.Emergency)
        channel = Channel()
        readers = [
            osdp.PDInfo(link.settings.address, channel, scbk=key, flags=[osdp.LibFlag.EnforceSecure], name=link.door)
            for link, key in zip(self._links, self._keys, strict=True)
        ]
        panel = osdp_sys.ControlPanel([reader.get() for reader in readers])
        panel.set_event_callback(self._on_event)
        return panel

    def _on_event(self, number: int, event: dict[str, Any]) -> int:
        """Called by the C library, which does not survive an exception."""
        try:
            self._links[number].reader.take(event, self._context.clock.monotonic_ns())
        except Exception:
            return -1
        return 0

    def _poll(self, panel: Any, line: SerialLine) -> None:
        panel.refresh()
        if line.problem:
            raise DoorLost(line.problem)
        self.invalid_frames = line.check.invalid_frames
        now_ns, mask = self._context.clock.monotonic_ns(), panel.status()
        for number in range(len(self._links)):
            self._check_reader(panel, line, number, now_ns, online=bool(mask >> number & 1))
        for _ in range(len(self._commands)):
            self._send_command(panel, *self._commands.popleft())

    def _send_command(self, panel: Any, number: int, command: dict[str, int], done: Future[None]) -> None:
        """Send a command; for a reader that is reconnecting it stays queued until its caller's time-out."""
        if done.cancelled():
            return
        if not (self._links[number].up and self._links[number].online):
            self._commands.append((number, command, done))
        elif panel.submit_command(number, command):
            done.set_result(None)
        else:
            done.set_exception(DoorLost(f"door '{self._links[number].door}': the reader does not accept commands"))

    def _check_reader(self, panel: Any, line: SerialLine, number: int, now_ns: int, *, online: bool) -> None:
        link = self._links[number]
        last_frame_ns = line.check.last_frame_ns.get(link.settings.address, 0)
        silent_ns = now_ns - (last_frame_ns if link.up else max(last_frame_ns, link.tried_ns))
        resumed = online and not link.online
        link.online = online
        link.online_ns = now_ns if online else link.online_ns
        if link.off:
            if not panel.is_pd_enabled(number):  # disabling takes the library a few polls
                panel.enable_pd(number)
                link.off = False
        elif (
            link.status_requested_ns is not None
            and not online
            and now_ns - link.status_requested_ns < STATUS_REPLY_S * SECOND_NS
        ):
            link.supports_status_request, link.status_requested_ns, link.up = (
                False,
                None,
                None,
            )  # it only rejects this request
            self._reconnect(panel, number, now_ns)
        elif online and silent_ns < SILENT_S * SECOND_NS:
            if not link.up:
                self._on_reader_restored(panel, number, link)
            elif resumed:
                self._request_status(panel, number, link)
        elif link.up and max(silent_ns, now_ns - link.online_ns) < SILENT_S * SECOND_NS:
            if not online and now_ns - link.tried_ns > RESUME_S * SECOND_NS:
                self._reconnect(panel, number, now_ns)
        elif link.up or (link.up is None and now_ns - link.tried_ns > SILENT_S * SECOND_NS):
            link.up = False
            self._context.report(link.door, ControllerLost(self._loss_reason(line, link, now_ns)))
            self._reconnect(panel, number, now_ns)
        elif link.up is False and now_ns - link.tried_ns > RETRY_S * SECOND_NS:
            self._reconnect(panel, number, now_ns)

    def _reconnect(self, panel: Any, number: int, now_ns: int) -> None:
        """Disable a reader; once disabled it is enabled again, and the library connects to it at once."""
        panel.disable_pd(number)
        self._links[number].off, self._links[number].tried_ns = True, now_ns

    def _on_reader_restored(self, panel: Any, number: int, link: _Link) -> None:
        link.up = True
        link.reader.fresh()
        self._context.report(link.door, ControllerRestored())
        self._request_status(panel, number, link)

    def _request_status(self, panel: Any, number: int, link: _Link) -> None:
        """Request the input status: changes while the reader was offline were not reported."""
        import osdp

        link.status_requested_ns = None
        if link.supports_status_request and any(
            panel.check_capability(number, osdp.Capability.ContactStatusMonitoring)
        ):
            link.status_requested_ns = self._context.clock.monotonic_ns()
            panel.submit_command(number, {"command": osdp.Command.Status, "type": 0, "report": b"\0"})

    def _loss_reason(self, line: SerialLine, link: _Link, now_ns: int) -> str:
        """The reason of a loss, from the frames on the line."""
        check = line.check
        if now_ns - check.last_frame_ns.get(link.settings.address, -(10**12)) < SILENT_S * SECOND_NS:
            return "the secure channel cannot be set up: check the key and the line"
        return "its frames are invalid" if check.invalid_frames > check.valid_frames else "the reader does not answer"

    def _pulse(self, door: str, output: int, seconds: float) -> None:
        import osdp

        tenths = max(1, min(0xFFFF, round(seconds * 10)))
        command = {"command": osdp.Command.Output, "output_no": output, "control_code": _TEMPORARILY_ON}
        done: Future[None] = Future()
        self._commands.append((self.doors.index(door), {**command, "timer_count": tenths}, done))
        try:
            done.result(COMMAND_S)
        except FutureTimeout as error:
            done.cancel()
            raise DoorLost(f"door '{door}': the reader does not answer") from error

    def _fail_pending(self) -> None:
        while self._commands:
            done = self._commands.popleft()[2]
            if not done.cancelled():
                done.set_exception(DoorLost("the bus is closed"))


class _ReaderOutputs:
    """Outputs of one reader."""

    def __init__(self, bus: OsdpBus, door: str) -> None:
        self._bus, self._door = bus, door

    def pulse(self, output: int, seconds: float) -> None:
        """Switch an output on for a number of seconds."""
        if not 0 <= output <= 255:
            raise DoorRefused(f"there is no output {output}; 0 to 255")
        self._bus._pulse(self._door, output, seconds)


def osdp_buses(doors: Sequence[DoorSettings], context: AdapterContext) -> list[OsdpBus]:
    """One bus for each serial device."""
    ports: dict[str, list[DoorSettings]] = {}
    for door in doors:
        assert isinstance(door.control, OsdpDoor)
        ports.setdefault(door.control.port, []).append(door)
    return [OsdpBus(group_doors, context) for group_doors in ports.values()]
