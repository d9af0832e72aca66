"""Where cameras and their pictures come from, and a fake for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aggregator.services.video_out.access_unit import AccessUnit
from aggregator.services.video_out.gb28181.sip.manscdp import Item


class VideoSource(Protocol):
    """Redacted live video of the cameras that a consumer may see. Checks and logs each access."""

    async def cameras(self) -> Sequence[Item]:
        """The cameras that the platform may see now."""

    def units(self, channel: str, receiver: str) -> AsyncGenerator[AccessUnit, None]:
        """Pictures of a camera, from a key picture on; ends at once when the consumer may not see it any more.

        Args:
            channel: Id of the camera.
            receiver: Where the pictures go, for the audit log.

        Raises:
            PaifangError: There are none, or there may not be any.
        """


@dataclass
class FakeSource:
    """Pictures from a list, for tests.

    Attributes:
        items: The cameras.
        pictures: Of each of them.
        open: Streams that are read now.
        over: Ends all streams; they wait for it after their last picture.
    """

    items: Sequence[Item]
    pictures: Sequence[AccessUnit] = ()
    receivers: list[tuple[str, str]] = field(default_factory=list)
    open: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def cameras(self) -> Sequence[Item]:
        """The list."""
        return self.items

    async def units(self, channel: str, receiver: str) -> AsyncGenerator[AccessUnit, None]:
        """The list, then nothing until `over`."""
        self.receivers.append((channel, receiver))
        self.open += 1
        try:
            for picture in self.pictures:
                yield picture
            await self.over.wait()
        finally:
            self.open -= 1
