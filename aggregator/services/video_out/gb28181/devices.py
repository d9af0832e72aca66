"""All devices at platforms of GB/T 28181, with the consumers that they belong to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from aggregator.services.video_out.gb28181.device import Gb28181Device


@dataclass
class Gb28181Devices:
    """Runs devices. Belongs to the event loop.

    Args:
        devices: Name of a consumer and its device.
    """

    devices: tuple[tuple[str, Gb28181Device], ...] = ()

    async def run(self) -> None:
        """Until it is cancelled; then all calls and registrations are ended."""
        await asyncio.gather(*(device.run() for _, device in self.devices))

    def check(self) -> None:
        """What consumers may get has changed."""
        for _, device in self.devices:
            device.check()

    def of(self, consumer: str) -> list[Gb28181Device]:
        """The devices of a consumer."""
        return [device for name, device in self.devices if name == consumer]
