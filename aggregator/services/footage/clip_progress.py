"""How far a box is with a clip, by its status."""

from __future__ import annotations

import asyncio

from aggregator.domain.clip import Clip
from aggregator.domain.store_port.events import FleetReader

WHOLE = 100


async def clip_progress(reader: FleetReader, clip: Clip) -> int | None:
    """How much of a clip its own box has done, per cent; None where that is not known.

    Raises:
        StoreError: It cannot be read.
    """
    if clip.state == "stored":
        return WHOLE
    if clip.state != "asked":
        return None
    return (await asyncio.to_thread(reader.box_jobs, clip.site, clip.box)).get(clip.id)
