"""A card reader without hardware: libosdp's simulated peripheral behind a pseudo-terminal, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import os
import pty
import threading
import tty
from typing import Any

import osdp
import osdp_sys

LOOP_S = 0.005


class SimulatedReader:
    """A reader with two inputs and four outputs, in a thread of its own. `path` is the serial device to talk to.

    Args:
        key: The secure channel's, 16 bytes.
        address: On the bus.
    """

    def __init__(self, key: bytes, address: int = 101) -> None:
        self.orders: list[dict[str, Any]] = []
        self.inputs, self.muted, self.swallowed = bytearray(4), False, 0
        self._address = address
        self.master, self._slave = pty.openpty()
        self.path = os.ttyname(self._slave)
        tty.setraw(self.master)
        os.set_blocking(self.master, False)
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._reader = self._make(key)
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def rekey(self, key: bytes) -> None:
        """Start again with another key."""
        with self._lock:
            self._reader = self._make(key)

    def card(self, data: bytes) -> None:
        """Somebody holds a card to the reader."""
        self._event({"event": 1, "reader_no": 0, "direction": 0, "format": 1, "length": len(data) * 8, "data": data})

    def keys(self, keys: str) -> None:
        """Somebody types."""
        self._event({"event": 2, "reader_no": 0, "data": keys.encode()})

    def input(self, number: int, on: bool) -> None:
        """A contact closes or opens."""
        self.inputs[number] = on
        self._event({"event": 4, "type": 0, "report": bytes(self.inputs)})

    def close(self) -> None:
        """End the thread and close the terminal."""
        self._stop.set()
        self._thread.join()
        os.close(self.master)
        os.close(self._slave)

    def _event(self, event: dict[str, Any]) -> None:
        with self._lock:
            self._reader.submit_event(event)

    def _run(self) -> None:
        while not self._stop.wait(LOOP_S):
            with self._lock:
                self._reader.refresh()

    def _make(self, key: bytes) -> Any:
        outer = self

        class Channel(osdp.Channel):  # type: ignore[misc]
            """The terminal, as the library sees it."""

            def read(self, max_bytes: int) -> bytes:
                with contextlib.suppress(OSError):
                    return os.read(outer.master, max_bytes)
                return b""

            def write(self, buf: bytes) -> int:
                outer.swallowed += outer.muted
                return len(buf) if outer.muted else os.write(outer.master, buf)

            def flush(self) -> None:
                """Nothing is held back."""

        able = osdp.PDCapabilities(
            [(osdp.Capability.OutputControl, 1, 4), (osdp.Capability.ContactStatusMonitoring, 1, 4)]
        )
        info = osdp.PDInfo(self._address, Channel(), scbk=key, flags=[osdp.LibFlag.EnforceSecure])
        osdp_sys.set_loglevel(osdp.LogLevel.Emergency)
        reader = osdp_sys.PeripheralDevice(info.get(), capabilities=able.get())
        reader.set_command_callback(self._ordered)
        return reader

    def _ordered(self, order: dict[str, Any]) -> tuple[int, None]:
        if order["command"] == osdp.Command.Status:
            return -1, None  # NAK: the library's simulated reader cannot answer this one
        if order["command"] == osdp.Command.Output:
            self.orders.append(order)
        return 0, None
