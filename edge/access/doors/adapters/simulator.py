"""Doors without hardware: a button is a POST of `{"event": "exit"}` to /doors/ID on loopback; see `words`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from common.errors import DoorRefused
from edge.access.doors.adapters.base import AdapterContext, Outputs
from edge.access.doors.adapters.http import CommitWaiter, Listener, door_of
from edge.access.doors.door_signals import ControllerRestored, DoorContact, Lock, Refused
from edge.access.doors.json_message_format import decode
from edge.settings.doors import DoorSettings, SimulatedDoor


class Simulator:
    """A loopback listener whose doors have a lock and outputs that only record.

    Args:
        port: Where it listens; 0 for any.
        doors: Ids.
        context: Its dependencies.
    """

    def __init__(self, port: int, doors: Sequence[str], context: AdapterContext) -> None:
        self.doors = tuple(doors)
        self.pulses: list[tuple[str, int, float]] = []
        self._context = context
        self._listener = Listener("127.0.0.1", port, self._post)

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return self._listener.port

    def run_once(self) -> None:
        """Listen; a simulated door is online at once, closed and locked."""
        for door in self.doors:
            for what in (ControllerRestored(), Lock(locked=True), DoorContact(open=False)):
                self._context.report(door, what)
        self._listener.serve(self._context.stop)

    def unlock(self, door: str) -> None:
        """Record it."""
        self.pulses.append((door, 0, 0.0))

    def outputs(self, door: str) -> Outputs:
        """Outputs that record."""
        return RecordingOutputs(door, self.pulses)

    def _post(self, path: str, _headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        try:
            door = door_of(path, self.doors)
        except DoorRefused as error:
            return 404, f"{error}\n".encode()
        try:
            message = decode(body)
        except DoorRefused as error:
            self._context.report(door, Refused(str(error)))
            return 400, f"{error}\n".encode()
        committed = CommitWaiter()
        self._context.report(door, message.signal(), None, committed)
        return committed.answer()


class RecordingOutputs:
    """Outputs that record their pulses in a list."""

    def __init__(self, door: str, pulses: list[tuple[str, int, float]]) -> None:
        self._door, self._pulses = door, pulses

    def pulse(self, output: int, seconds: float) -> None:
        """Record it."""
        self._pulses.append((self._door, output, seconds))


def simulators(doors: Sequence[DoorSettings], context: AdapterContext) -> list[Simulator]:
    """One for each port."""
    ports: dict[int, list[str]] = {}
    for door in doors:
        assert isinstance(door.control, SimulatedDoor)
        ports.setdefault(door.control.port, []).append(door.id)
    return [Simulator(port, ids, context) for port, ids in ports.items()]
