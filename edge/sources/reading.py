"""When the pictures of a connection came. Pure: the clock is passed in.

FFmpeg hands a picture over when the first bytes of the next one come. So a picture came when the one before it was
handed over. Where FFmpeg gave up waiting (`READ_S`), nothing of the next one has come yet: its time is when the socket
has something to read.
"""

from __future__ import annotations

from common.clock import SECOND_NS, Clock
from edge.sources.base import TimedPacket, VideoPacket
from edge.sources.patience import Patience

READ_S = 4.0
"""FFmpeg hands over what it has when nothing more has come for this long."""
WAITED_NS = 2_000_000
"""A read that took this long waited for the network."""
_FLUSHED_NS = round(0.95 * READ_S * SECOND_NS)


class Reading:
    """When the picture came that is handed over next.

    Args:
        clock: Both clocks.
        patience: CopyOptions of pictures.
        late_s: How long ago the first came.

    Attributes:
        waited: The last read of a picture waited for the network: all that had come before was read.
    """

    def __init__(self, clock: Clock, patience: Patience, late_s: float = 0.0) -> None:
        self._clock, self.patience = clock, patience
        self._mono_ns: int | None = None
        self._wall_ns = 0
        self._guessed = False
        self._called_ns = 0
        self._last_ns = clock.monotonic_ns()
        self._any = False
        self.waited = False
        patience.connected()
        self.begins(late_s, guessed=True)

    def begins(self, ago_s: float = 0.0, *, guessed: bool = False) -> None:
        """Something of the next picture came so long ago; `guessed`: of that, or of another track."""
        ago_ns = round(ago_s * SECOND_NS) if ago_s else 0
        self._guessed = guessed
        self._wall_ns = self._clock.wall_ns() - ago_ns
        self._mono_ns = self._clock.monotonic_ns() - ago_ns

    def calls(self) -> None:
        """FFmpeg is called for the next packet."""
        self._called_ns = self._clock.monotonic_ns()

    @property
    def idle(self) -> bool:
        """Nothing of the next picture has come, as far as is known."""
        return self._mono_ns is None

    def none(self) -> None:
        """FFmpeg gave up waiting, with nothing to hand over."""
        self._mono_ns = None

    def other(self) -> None:
        """FFmpeg handed over something that is no picture."""
        if self._guessed and self._any:
            self._mono_ns = None

    @property
    def now_ns(self) -> int:
        """Monotonic clock."""
        return self._clock.monotonic_ns()

    def handed(self, packet: VideoPacket, picture: bool) -> TimedPacket:
        """FFmpeg handed over a packet of video; `picture`: there is one in it."""
        if self._mono_ns is None:
            self.begins()
        assert self._mono_ns is not None
        arrival = TimedPacket(packet, self._wall_ns, self._mono_ns)
        if picture:
            self._last_ns, self._any = self._mono_ns, True
            self.patience.picture(self._mono_ns, packet.is_keyframe)
        now_ns = self._clock.monotonic_ns()
        self.waited = now_ns - self._called_ns >= WAITED_NS
        if now_ns - self._called_ns >= _FLUSHED_NS:
            self._mono_ns = None
        else:
            self._guessed, self._wall_ns, self._mono_ns = False, self._clock.wall_ns(), now_ns
        return arrival

    @property
    def silent_s(self) -> float:
        """Seconds by which the patience is over; negative: it is not."""
        limit_s = self.patience.silence_s if self._any else self.patience.first_s
        known = self._any and not self._guessed and self._mono_ns is not None
        since_ns = max(self._last_ns, self._mono_ns or 0) if known else self._last_ns
        return (self._clock.monotonic_ns() - since_ns) / SECOND_NS - limit_s
