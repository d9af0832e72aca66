"""OSDP: the box is the control panel of a bus with readers, over libosdp, in one thread a bus.

A reader that falls silent is noticed here, by the frames on the line and not by the library, which takes 8 s and then
rests for 300 s. Switching a reader off and on inside the library makes it try again at once, and leaves the other
readers of the bus alone. For the library a single lost reply ends the secure channel; that is set up again at once,
and is reported only where the reader stays away for as long as a silent one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
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
"""No whole frame for so long: the reader is lost. At 9600 baud with 8 readers one is asked every 0.5 s."""
RETRY_S = 2.0
"""So often a lost reader is tried again."""
RESUME_S = 1.0
"""So often a secure channel that has just ended is set up again; a handshake takes about half of it."""
ASKED_S = 1.0
"""A reader that is gone so soon after it was asked how its inputs stand has answered NAK: it is not asked again. (For
the library every NAK is a reader that is lost.)"""
COMMAND_S = 1.0
KEY_BYTES = 16
_TEMPORARILY_ON = 5
"""Control code of an output: on, then what it was before (SIA OSDP 2.2, table 18)."""


@dataclass
class _Link:
    """A reader's place on the bus."""

    door: str
    settings: OsdpDoor
    reader: Reader
    up: bool | None = None
    online: bool = False
    online_ns: int = 0
    tried_ns: int = 0
    off: bool = False
    asked_ns: int | None = None
    asks: bool = True


class OsdpBus:
    """One bus.

    Args:
        doors: Settings of its doors; they have the serial device in common.
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
            self._links.append(_Link(door.id, door.control, Reader(door.control, self._teller(door.id))))
        self._orders: deque[tuple[int, dict[str, int], Future[None]]] = deque()
        self.garbled = 0

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
                self._round(panel, line)
        finally:
            self._give_up()
            line.close()

    def unlock(self, door: str) -> None:
        """Switch the door's lock output on for `unlock_s`."""
        settings = self._link(door).settings
        self._pulse(door, settings.output, settings.unlock_s)

    def outputs(self, door: str) -> Outputs:
        """The reader's outputs."""
        self._link(door)
        return _ReaderOutputs(self, door)

    def _teller(self, door: str) -> Any:
        def report(what: DoorSignal) -> None:
            self._context.report(door, what)

        return report

    def _link(self, door: str) -> _Link:
        return self._links[self.doors.index(door)]

    def _panel(self, line: SerialLine) -> Any:
        import osdp
        import osdp_sys

        class Channel(osdp.Channel):  # type: ignore[misc]
            """The library's view of the line."""

            def read(self, max_bytes: int) -> bytes:
                return line.read(max_bytes)

            def write(self, buf: bytes) -> int:
                return line.write(buf)

            def flush(self) -> None:
                """Nothing is held back."""

        osdp_sys.set_loglevel(osdp.LogLevel.Emergency)
        channel = Channel()
        readers = [
            osdp.PDInfo(link.settings.address, channel, scbk=key, flags=[osdp.LibFlag.EnforceSecure], name=link.door)
            for link, key in zip(self._links, self._keys, strict=True)
        ]
        panel = osdp_sys.ControlPanel([reader.get() for reader in readers])
        panel.set_event_callback(self._heard)
        return panel

    def _heard(self, number: int, event: dict[str, Any]) -> int:
        """From inside of the library: nothing may be raised here."""
        try:
            self._links[number].reader.take(event, self._context.clock.monotonic_ns())
        except Exception:
            return -1
        return 0

    def _round(self, panel: Any, line: SerialLine) -> None:
        panel.refresh()
        if line.problem:
            raise DoorLost(line.problem)
        self.garbled = line.check.garbled
        now_ns, mask = self._context.clock.monotonic_ns(), panel.status()
        for number in range(len(self._links)):
            self._watch(panel, line, number, now_ns, online=bool(mask >> number & 1))
        for _ in range(len(self._orders)):
            self._order(panel, *self._orders.popleft())

    def _order(self, panel: Any, number: int, order: dict[str, int], done: Future[None]) -> None:
        """Give an order; one for a reader that is being tried again waits, for as long as somebody waits for it."""
        if done.cancelled():
            return
        if not (self._links[number].up and self._links[number].online):
            self._orders.append((number, order, done))
        elif panel.submit_command(number, order):
            done.set_result(None)
        else:
            done.set_exception(DoorLost(f"door '{self._links[number].door}': the reader takes no orders"))

    def _watch(self, panel: Any, line: SerialLine, number: int, now_ns: int, *, online: bool) -> None:
        link = self._links[number]
        heard_ns = line.check.heard_ns.get(link.settings.address, 0)
        silent_ns = now_ns - (heard_ns if link.up else max(heard_ns, link.tried_ns))
        resumed = online and not link.online
        link.online = online
        link.online_ns = now_ns if online else link.online_ns
        if link.off:
            if not panel.is_pd_enabled(number):  # switching off takes the library a few rounds
                panel.enable_pd(number)
                link.off = False
        elif link.asked_ns is not None and not online and now_ns - link.asked_ns < ASKED_S * SECOND_NS:
            link.asks, link.asked_ns, link.up = False, None, None  # it does not take the question, that is all
            self._try_again(panel, number, now_ns)
        elif online and silent_ns < SILENT_S * SECOND_NS:
            if not link.up:
                self._found(panel, number, link)
            elif resumed:
                self._ask(panel, number, link)
        elif link.up and max(silent_ns, now_ns - link.online_ns) < SILENT_S * SECOND_NS:
            if not online and now_ns - link.tried_ns > RESUME_S * SECOND_NS:
                self._try_again(panel, number, now_ns)
        elif link.up or (link.up is None and now_ns - link.tried_ns > SILENT_S * SECOND_NS):
            link.up = False
            self._context.report(link.door, ControllerLost(self._why(line, link, now_ns)))
            self._try_again(panel, number, now_ns)
        elif link.up is False and now_ns - link.tried_ns > RETRY_S * SECOND_NS:
            self._try_again(panel, number, now_ns)

    def _try_again(self, panel: Any, number: int, now_ns: int) -> None:
        """Switch a reader off; when that is done it is switched on again, and the library tries it at once."""
        panel.disable_pd(number)
        self._links[number].off, self._links[number].tried_ns = True, now_ns

    def _found(self, panel: Any, number: int, link: _Link) -> None:
        link.up = True
        link.reader.fresh()
        self._context.report(link.door, ControllerRestored())
        self._ask(panel, number, link)

    def _ask(self, panel: Any, number: int, link: _Link) -> None:
        """Ask how the inputs stand: what changed while the reader was away was not reported."""
        import osdp

        link.asked_ns = None
        if link.asks and any(panel.check_capability(number, osdp.Capability.ContactStatusMonitoring)):
            link.asked_ns = self._context.clock.monotonic_ns()
            panel.submit_command(number, {"command": osdp.Command.Status, "type": 0, "report": b"\0"})

    def _why(self, line: SerialLine, link: _Link, now_ns: int) -> str:
        """Why a reader is lost, from what was on the line."""
        check = line.check
        if now_ns - check.heard_ns.get(link.settings.address, -(10**12)) < SILENT_S * SECOND_NS:
            return "the secure channel cannot be set up: check the key and the line"
        return "what it sends is garbled" if check.garbled > check.whole else "the reader does not answer"

    def _pulse(self, door: str, output: int, seconds: float) -> None:
        import osdp

        tenths = max(1, min(0xFFFF, round(seconds * 10)))
        order = {"command": osdp.Command.Output, "output_no": output, "control_code": _TEMPORARILY_ON}
        done: Future[None] = Future()
        self._orders.append((self.doors.index(door), {**order, "timer_count": tenths}, done))
        try:
            done.result(COMMAND_S)
        except FutureTimeout as error:
            done.cancel()
            raise DoorLost(f"door '{door}': the reader does not answer") from error

    def _give_up(self) -> None:
        while self._orders:
            done = self._orders.popleft()[2]
            if not done.cancelled():
                done.set_exception(DoorLost("the bus is not there"))


class _ReaderOutputs:
    """Outputs of one reader."""

    def __init__(self, bus: OsdpBus, door: str) -> None:
        self._bus, self._door = bus, door

    def pulse(self, output: int, seconds: float) -> None:
        """Switch an output on for so long."""
        if not 0 <= output <= 255:
            raise DoorRefused(f"there is no output {output}; 0 to 255")
        self._bus._pulse(self._door, output, seconds)


def osdp_buses(doors: Sequence[DoorSettings], context: AdapterContext) -> list[OsdpBus]:
    """One for each serial device."""
    ports: dict[str, list[DoorSettings]] = {}
    for door in doors:
        assert isinstance(door.control, OsdpDoor)
        ports.setdefault(door.control.port, []).append(door)
    return [OsdpBus(theirs, context) for theirs in ports.values()]
