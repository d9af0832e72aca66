"""The serial line of OSDP: bytes, and the time of each reader's last valid frame."""

from __future__ import annotations

import binascii
import os
import termios
import tty
from collections.abc import Callable
from dataclasses import dataclass, field

from common.errors import DoorLost

START_OF_MESSAGE, LONGEST = 0x53, 1440
_CRC_START = 0x1D0F
_REPLY, _WITH_CRC = 0x80, 0x04
_BAUD = {
    9600: termios.B9600, 19200: termios.B19200, 38400: termios.B38400, 57600: termios.B57600, 115200: termios.B115200,
}  # fmt: skip


@dataclass
class FrameCheck:
    """Checks the received frames (SIA OSDP 2.2, section 5: start, address, length, control, data, check).

    Attributes:
        last_frame_ns: Reader's address → time of its last valid frame, monotonic.
        valid_frames: Number of valid frames from readers.
        invalid_frames: Number of invalid frames.
    """

    last_frame_ns: dict[int, int] = field(default_factory=dict)
    valid_frames: int = 0
    invalid_frames: int = 0
    _buffer: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes, now_ns: int) -> None:
        """Add bytes from the line."""
        self._buffer += data
        while self._step(now_ns):
            pass

    def _step(self, now_ns: int) -> bool:
        """Remove one frame from the buffer; False if none is complete."""
        start = self._buffer.find(START_OF_MESSAGE)
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
        if not _is_valid(frame):
            return self._bad()
        del self._buffer[:length]
        if frame[1] & _REPLY:
            self.valid_frames += 1
            self.last_frame_ns[frame[1] & 0x7F] = now_ns
        return True

    def _bad(self) -> bool:
        self.invalid_frames += 1
        del self._buffer[:1]
        return True


def _is_valid(frame: bytes) -> bool:
    if frame[4] & _WITH_CRC:
        return binascii.crc_hqx(frame[:-2], _CRC_START) == frame[-2] | frame[-1] << 8
    return sum(frame) & 0xFF == 0


class SerialLine:
    """A serial device in raw, non-blocking mode.

    A C library that does not survive an exception calls it: errors are stored in `problem`.

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
        """The received bytes, up to `most`."""
        try:
            data = os.read(self._handle, most)
        except BlockingIOError:
            return b""
        except OSError as error:
            self.problem = f"the serial device was removed: {error.strerror}"
            return b""
        self.check.feed(data, self._now_ns())
        return data

    def write(self, data: bytes) -> int:
        """Write; returns the number of bytes written."""
        try:
            return os.write(self._handle, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.problem = f"the serial device was removed: {error.strerror}"
            return 0

    def close(self) -> None:
        """Close the device."""
        os.close(self._handle)
