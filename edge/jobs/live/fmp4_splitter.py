"""Cuts what the encoder writes into messages: the initialisation, then one fragment a frame."""

from __future__ import annotations

from collections import deque

from edge.media.nal import IDR_H264, prefixed_units, unit_type
from protocol.live_frames import FrameType, LiveFrame


class Fmp4Splitter:
    """Takes the bytes of a fragmented MP4 as they are written (`edge.redaction.encoder.Writable`).

    Attributes:
        ready: Complete pieces that were not taken yet.
        times: When the frames were taken that are in the encoder, nanoseconds; put one before each frame.
    """

    def __init__(self) -> None:
        self.ready: deque[LiveFrame] = deque()
        self.times: deque[int] = deque()
        self._rest = bytearray()
        self._boxes: list[tuple[bytes, bytes]] = []

    def write(self, data: bytes) -> int:
        """Take it."""
        self._rest += data
        while len(self._rest) >= 8 and len(self._rest) >= (size := int.from_bytes(self._rest[:4], "big")) >= 8:
            self._boxes.append((bytes(self._rest[4:8]), bytes(self._rest[:size])))
            del self._rest[:size]
            self._cut()
        return len(data)

    def _cut(self) -> None:
        name, data = self._boxes[-1]
        if name not in (b"moov", b"mdat"):
            return
        whole = b"".join(box for _, box in self._boxes)
        self._boxes.clear()
        if name == b"moov":
            self.ready.append(LiveFrame(FrameType.INIT, 0, whole))
        elif self.times:
            what = FrameType.KEY if is_key(data[8:]) else FrameType.FRAME
            self.ready.append(LiveFrame(what, self.times.popleft(), whole))


def is_key(units: bytes) -> bool:
    """Whether a coded picture (H.264, units with four bytes of length before each) can be decoded by itself."""
    return any(unit and unit_type(unit, "h264") == IDR_H264 for unit in prefixed_units(units, 4))
