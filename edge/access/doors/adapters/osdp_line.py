"""The serial line below OSDP: bytes, and which reader has lately sent a frame that is whole."""

from __future__ import annotations

import binascii
import os
import termios
import tty
from collections.abc import Callable
from dataclasses import dataclass, field

from common.errors import DoorLost

SOM, LONGEST = 0x53, 1440
_CRC_START = 0x1D0F
_REPLY, _WITH_CRC = 0x80, 0x04
_BAUD = {
    9600: termios.B9600, 19200: termios.B19200, 38400: termios.B38400, 57600: termios.B57600, 115200: termios.B115200,
}  # fmt: skip


@dataclass
class FrameCheck:
    """Reads along, frame by frame (SIA OSDP 2.2, section 5: start, address, length, control, data, check).

    Attributes:
        heard_ns: Reader's address → when its last whole frame came, monotonic.
        whole: Frames of readers that were whole.
        garbled: Frames that were not.
    """

    heard_ns: dict[int, int] = field(default_factory=dict)
    whole: int = 0
    garbled: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes, now_ns: int) -> None:
        """Take bytes as they come from the line."""
        self._buffer += data
        while self._step(now_ns):
            pass

    def _step(self, now_ns: int) -> bool:
        """Take one frame off the buffer; False when there is no whole one."""
        start = self._buffer.find(SOM)
        if start < 0:
            self._buffer.clear()
            return False
        del self._buffer[:start]
        if len(self._buffer) < 5:
            return False
        length = self._buffer[2] | self._buffer[3] << 8
        if not 7 <= length <= LONGEST:
            return self._bad()
        if len(self._buffer) < length:
            return False
        frame = bytes(self._buffer[:length])
        if not _whole(frame):
            return self._bad()
        del self._buffer[:length]
        if frame[1] & _REPLY:
            self.whole += 1
            self.heard_ns[frame[1] & 0x7F] = now_ns
        return True

    def _bad(self) -> bool:
        self.garbled += 1
        del self._buffer[:1]
        return True


def _whole(frame: bytes) -> bool:
    if frame[4] & _WITH_CRC:
        return binascii.crc_hqx(frame[:-2], _CRC_START) == frame[-2] | frame[-1] << 8
    return sum(frame) & 0xFF == 0


class SerialLine:
    """A serial device, raw and not blocking.

    It is read from inside of a C library that does not survive an exception: what fails is kept in `problem`.

    Args:
        path: The device.
        baud: Its speed.
        now_ns: The monotonic clock.

    Raises:
        DoorLost: It cannot be opened, or is no serial device.
    """

    def __init__(self, path: str, baud: int, now_ns: Callable[[], int]) -> None:
        self.check, self.problem = FrameCheck(), ""
        self._now_ns = now_ns
        try:
            self._handle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise DoorLost(f"{path} cannot be opened: {error.strerror}") from error
        try:
            tty.setraw(self._handle)
            settings = termios.tcgetattr(self._handle)
            settings[4] = settings[5] = _BAUD[baud]
            termios.tcsetattr(self._handle, termios.TCSANOW, settings)
        except termios.error as error:
            os.close(self._handle)
            raise DoorLost(f"{path} is no serial device") from error

    def read(self, most: int) -> bytes:
        """What has come, up to `most` bytes."""
        try:
            data = os.read(self._handle, most)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.problem = f"the serial device is gone: {error.strerror}"
            return b""
        self.check.feed(data, self._now_ns())
        return data

    def write(self, data: bytes) -> int:
        """Send; returns how many bytes were taken."""
        try:
            return os.write(self._handle, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.problem = f"the serial device is gone: {error.strerror}"
            return 0

    def close(self) -> None:
        """Close the device."""
        os.close(self._handle)
