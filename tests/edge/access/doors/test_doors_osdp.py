from __future__ import annotations

import binascii
import os
import pty
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import osdp
import pytest
from door_kits import CARD, DOOR, OsdpKit
from edge_kit import wait_until
from hypothesis import given
from hypothesis import strategies as st

from common.clock import SECOND_NS, SystemClock
from common.errors import DoorLost, DoorRefused
from edge.access.doors.adapters import osdp_reader
from edge.access.doors.adapters.base import AdapterContext
from edge.access.doors.adapters.osdp_bus import OsdpBus
from edge.access.doors.adapters.osdp_line import FrameCheck, SerialLine
from edge.access.doors.adapters.osdp_reader import Reader
from edge.access.doors.door_signals import (
    ControllerLost,
    ControllerRestored,
    CredentialPresented,
    DoorContact,
    DoorSignal,
    RequestToExit,
    Tamper,
)
from edge.settings.doors import DoorSettings, OsdpDoor

TOLD = OsdpDoor(port="none", address=1, key_file="none", contact_input=0, exit_input=1)


def frame(address: int = 0x80 | 101, body: bytes = b"\x40", crc: bool = True) -> bytes:
    """A frame of a reader."""
    size = 5 + len(body) + (2 if crc else 1)
    head = bytes([0x53, address, size & 0xFF, size >> 8, 4 if crc else 0]) + body
    if crc:
        check = binascii.crc_hqx(head, 0x1D0F)
        return head + bytes([check & 0xFF, check >> 8])
    return head + bytes([-sum(head) & 0xFF])


def test_the_numbers_are_the_library_s() -> None:
    ours = [osdp_reader.CARD, osdp_reader.KEYS, osdp_reader.STATUS, osdp_reader.INPUTS, osdp_reader.LOCAL]
    event, report = osdp.Event, osdp.StatusReportType
    assert [event.CardRead, event.KeyPress, event.Status, report.Input, report.Local] == ours
    assert osdp.CardFormat.ASCII == osdp_reader.ASCII


@pytest.mark.parametrize("crc", [True, False])
def test_whole_frames_are_heard_by_address(crc: bool) -> None:
    check = FrameCheck()
    for byte in b"\xff" + frame(crc=crc) + frame(5, crc=crc) + frame(0x80 | 7, crc=crc):
        check.feed(bytes([byte]), 9)
    assert (check.valid_frames, check.invalid_frames, check.last_frame_ns) == (2, 0, {101: 9, 7: 9})


def test_a_garbled_frame_is_counted_and_the_next_one_found() -> None:
    check = FrameCheck()
    broken = bytearray(frame())
    broken[5] ^= 1
    check.feed(bytes(broken) + bytes([0x53, 1, 0xFF, 0xFF, 0]) + frame(), 5)
    assert (check.valid_frames, check.invalid_frames) == (1, 2)


@given(st.binary(max_size=200))
def test_noise_never_breaks_it_and_holds_back_one_frame_at_most(noise: bytes) -> None:
    check = FrameCheck()
    check.feed(noise, 1)
    check.feed(bytes(1500), 2)
    check.feed(frame(), 3)
    assert check.last_frame_ns.get(101) == 3


def typed(*keys: tuple[float, str]) -> list[str]:
    said: list[DoorSignal] = []
    reader = Reader(TOLD, said.append)
    for at_s, text in keys:
        reader.take({"event": 2, "data": text.encode()}, round(at_s * SECOND_NS))
    return [it.credential.reveal() for it in said if isinstance(it, CredentialPresented) and it.credential]


@pytest.mark.parametrize(
    ("keys", "codes"),
    [
        ([(0, "1"), (1, "2"), (2, "34#")], ["1234"]),
        ([(0, "12*34#")], ["34"]),
        ([(0, "12\x7f34\r")], ["34"]),
        ([(0, "12"), (11, "34#")], ["34"]),
        ([(0, "#")], []),
        ([(0, "9" * 40 + "#")], ["9" * 16]),
        ([(0, "1#2#")], ["1", "2"]),
    ],
)
def test_codes(keys: list[tuple[float, str]], codes: list[str]) -> None:
    assert typed(*keys) == codes


def test_inputs_say_what_has_changed() -> None:
    said: list[DoorSignal] = []
    reader = Reader(TOLD, said.append)
    for report in ([0, 0, 1], [0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]):
        reader.take({"event": 4, "type": 0, "report": bytes(report)}, 0)
    assert said == [DoorContact(open=False), DoorContact(open=True), RequestToExit(), DoorContact(open=False)]
    reader.fresh()
    reader.take({"event": 4, "type": 0, "report": bytes([0, 1])}, 0)
    assert said[4:] == [DoorContact(open=False)], "a button that is pressed when the reader comes back is no news"


def test_a_contact_that_says_off_while_open_and_the_housing() -> None:
    said: list[DoorSignal] = []
    told = OsdpDoor(port="n", address=1, key_file="n", contact_input=1, contact_open="off")
    reader = Reader(told, said.append)
    reader.take({"event": 4, "type": 0, "report": bytes([1, 0])}, 0)
    for report in ([1, 0], [1, 0], [0, 0]):
        reader.take({"event": 4, "type": 2, "report": bytes(report)}, 0)
    assert said == [DoorContact(open=True), Tamper(on=True), Tamper(on=False)]
    assert "1234" not in repr(Reader(TOLD, said.append, _keys="1234"))


class Bus:
    """A bus with one simulated reader."""

    def __init__(self, folder: Path) -> None:
        self.kit, self.stop = OsdpKit(folder), threading.Event()
        self.said: list[DoorSignal] = []
        parts = AdapterContext(folder, self.tell, SystemClock(), self.stop, lambda: 0.5)
        self.bus = OsdpBus([DoorSettings(id=DOOR, control=self.kit.control)], parts)
        self.error: list[Exception] = []
        self.thread = threading.Thread(target=self.run)

    def tell(self, door: str, what: DoorSignal, time_ns: int | None = None, done: Any = None) -> None:
        self.said.append(what)

    def run(self) -> None:
        try:
            self.bus.run_once()
        except DoorLost as error:
            self.error.append(error)

    def wait(self, what: DoorSignal) -> None:
        wait_until(lambda: what in self.said, what=f"{what}; so far {self.said}")


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    made = Bus(tmp_path)
    made.thread.start()
    try:
        made.wait(ControllerRestored())
        yield made
    finally:
        made.stop.set()
        made.thread.join()
        made.kit.close()


def test_cards_codes_and_the_button(bus: Bus) -> None:
    bus.kit.contact(is_open=False)
    bus.kit.card()
    wait_until(lambda: any(isinstance(it, CredentialPresented) for it in bus.said))
    bus.kit.reader.keys("42#")
    wait_until(lambda: sum(isinstance(it, CredentialPresented) for it in bus.said) == 2)
    bus.kit.reader.input(1, True)
    bus.wait(RequestToExit())
    cards = [it.credential.reveal() for it in bus.said if isinstance(it, CredentialPresented) and it.credential]
    assert cards == [CARD, "42"]


def test_an_output_is_pulsed_for_tenths_of_seconds(bus: Bus) -> None:
    bus.bus.outputs(DOOR).pulse(2, 1.5)
    wait_until(lambda: bus.kit.reader.orders)
    (order,) = bus.kit.reader.orders
    assert (order["output_no"], order["timer_count"], order["control_code"]) == (2, 15, 5)
    with pytest.raises(DoorRefused, match="no output 256"):
        bus.bus.outputs(DOOR).pulse(256, 1)


def test_another_key_is_named_as_the_reason_and_a_lost_reader_takes_no_orders(bus: Bus) -> None:
    bus.kit.reader.rekey(secrets.token_bytes(16))
    bus.wait(ControllerLost("the secure channel cannot be set up: check the key and the line"))
    with pytest.raises(DoorLost, match="does not answer"):
        bus.bus.unlock(DOOR)
    assert bus.kit.reader.orders == []
    bus.said.clear()
    bus.kit.reconcile()
    bus.wait(ControllerRestored())
    assert bus.kit.reader.orders == [], "an order that failed must not be done later"


def test_a_reply_that_is_lost_now_and_then_is_not_reported(bus: Bus) -> None:
    bus.kit.contact(is_open=False)
    bus.wait(DoorContact(open=False))
    bus.said.clear()
    for number in range(1, 5):
        lost = bus.kit.reader.swallowed
        bus.kit.reader.muted = True
        wait_until(lambda: bus.kit.reader.swallowed > lost, what="a lost reply")  # noqa: B023
        bus.kit.reader.muted = False
        bus.kit.card()
        wait_until(lambda: sum(isinstance(it, CredentialPresented) for it in bus.said) == number, what="the card")  # noqa: B023
    bus.bus.unlock(DOOR)
    assert {type(it) for it in bus.said} == {CredentialPresented}


def test_a_door_that_opens_while_a_reply_is_lost_is_open(bus: Bus) -> None:
    bus.kit.contact(is_open=False)
    bus.wait(DoorContact(open=False))
    bus.kit.reader.muted = True
    wait_until(lambda: bus.kit.reader.swallowed > 0, what="a lost reply")
    bus.kit.contact(is_open=True)
    bus.kit.reader.muted = False
    bus.wait(DoorContact(open=True))
    assert not any(isinstance(it, ControllerLost) for it in bus.said)


def test_a_device_that_goes_away_is_lost(tmp_path: Path) -> None:
    with pytest.raises(DoorLost, match="cannot be opened"):
        SerialLine(str(tmp_path / "ttyS9"), 9600, lambda: 0)
    (tmp_path / "file").write_text("")
    with pytest.raises(DoorLost, match="no serial device"):
        SerialLine(str(tmp_path / "file"), 9600, lambda: 0)
    master, slave = pty.openpty()
    line = SerialLine(os.ttyname(slave), 9600, lambda: 0)
    os.close(slave)
    os.close(master)
    assert (line.read(10), line.write(b"x")) == (b"", 0)
    assert "the serial device was removed" in line.problem
    line.close()
