"""A box's live view in small: real messages from the box's own encoder, and a box that sends them over and over."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np

from common.clock import SECOND_NS
from edge.jobs.live.fmp4_splitter import Fmp4Splitter
from edge.redaction.encoder import FRAGMENTS, Encoder, Origin
from edge.redaction.mask_renderer import FrameFormat, RedactedFrame
from protocol.commands import Command, Reply
from protocol.live_frames import pack

RATE, SIZE, BASE = 15, (160, 96), Fraction(1, 90_000)


@functools.cache
def live_messages(pictures: int = 45, size: tuple[int, int] = SIZE) -> tuple[bytes, ...]:
    """An initialisation and so many pictures at 15 a second, a key picture every two seconds."""
    cutter = Fmp4Splitter()
    encoder = Encoder(cutter, FrameFormat(*size, "yuv420p"), Origin(BASE, RATE), options=FRAGMENTS, live=True, kbps=500)
    for number in range(pictures + 1):  # the last one pushes out the one before
        shown = np.full((size[1], size[0], 3), number * 5 % 255, np.uint8)
        shown[: size[1] // 2] = np.random.default_rng(number).integers(0, 255, (size[1] // 2, size[0], 3), np.uint8)
        cutter.times.append((number + 1) * SECOND_NS // RATE)
        encoder.put(
            RedactedFrame(av.VideoFrame.from_ndarray(shown, "rgb24").reformat(format="yuv420p"), False), number * 6000
        )
    encoder.abandon()
    return tuple(pack(it) for it in cutter.ready)[: pictures + 1]


def endless(messages: tuple[bytes, ...], now_ns: int) -> Iterator[bytes]:
    """The messages, and their pictures again and again with times that go on."""
    yield messages[0]
    count = len(messages) - 1
    for number in range(10**6):
        message = messages[1 + number % count]
        yield shifted(message, number // count * count * 6000, now_ns + number * SECOND_NS // RATE)


def shifted(message: bytes, ticks: int, wall_ns: int) -> bytes:
    """A picture that is shown later: its `tfdt` (version 1, 64 bits) and its head are changed."""
    at = message.index(b"tfdt") + 8
    time = int.from_bytes(message[at : at + 8]) + ticks
    return message[:1] + wall_ns.to_bytes(8) + message[9:at] + time.to_bytes(8) + message[at + 8 :]


@dataclass
class FakeVideoBox:
    """Takes the place of `StreamRelay.remote`: answers the command `live`, and sends pictures while somebody looks.

    Args:
        relay: The relay whose streams it feeds.
        pause_s: Between two pictures.
        messages: What it sends.
        most: Pictures after which it breaks off; None: none.

    Attributes:
        asked: The commands.
    """

    relay: Any
    pause_s: float = 1 / RATE
    messages: tuple[bytes, ...] = field(default_factory=live_messages)
    most: int | None = None
    asked: list[Command] = field(default_factory=list)
    running: int = 0

    async def ask(self, _topics: object, command: Command) -> Reply:
        self.asked.append(command)
        view = next(it for it in self.relay.views.values() if it.job == command.job)
        view.connected = True
        self._task = asyncio.create_task(self._feed(view))
        return Reply(id=command.id, done=True)

    async def _feed(self, view: Any) -> None:
        self.running += 1
        for number, message in enumerate(endless(self.messages, self.relay.clock.wall_ns())):
            if view.over.is_set() or number == self.most:
                break
            view.hand_on(message)
            await asyncio.sleep(self.pause_s)
        self.running -= 1
        self.relay.end(view, "the box broke off")
