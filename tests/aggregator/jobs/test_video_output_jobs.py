"""Video outputs: what runs follows the rows, also where they change twice within a turn."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from agg_support import START_NS, run_apart
from domain.feeds.test_consumer import consumer

from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.feeds.video_output import LiveOutput, OutputState, switched
from aggregator.jobs.video_output_jobs import VideoOutputRunner
from aggregator.services.video_out.output_service import SEALED
from aggregator.services.video_out.push.pusher import Pusher
from aggregator.storage.keyring import KeyRing
from common.clock import FakeClock


class Rows:
    """One output, and the queue that changes it."""

    def __init__(self, keys: KeyRing) -> None:
        self.row = LiveOutput(
            id="o", consumer="c", site="village", box="gate-1", camera="yard", scheme="rtsps", host="pool.example",
            address=keys.hidden(SEALED, "rtsps://pool.example/yard"), made_by="li", made_ns=START_NS,
        )  # fmt: skip

    def wanted_video_outputs(self, _now_ns: int, _limit: int) -> list[LiveOutput]:
        return [self.row] if self.row.state == "active" else []

    def consumer(self, _id: str) -> Consumer:
        return consumer()

    def video_output_now(self, _id: str) -> LiveOutput:
        return self.row

    def change_video_output(self, _before: LiveOutput, after: LiveOutput) -> None:
        self.row = after

    def switch(self, state: OutputState) -> None:
        self.row = switched(self.row, state)

    async def write(self, job: Callable[[Rows], None]) -> None:
        job(self)


class EndlessPusher:
    """Sends until it is cancelled."""

    networks = ()

    def __init__(self) -> None:
        self.begins = self.ends = 0

    async def run(self, _consumer: object, _key: object, _target: object, begun: Callable[[], Awaitable[None]]) -> None:
        self.begins += 1
        try:
            await begun()
            await asyncio.Event().wait()
        finally:
            self.ends += 1


def test_an_output_that_was_paused_and_resumed_within_a_turn_begins_again(tmp_path: Path) -> None:
    async def story() -> None:
        keys, pusher = KeyRing(tmp_path, secrets.token_bytes), EndlessPusher()
        rows = Rows(keys)
        runner = VideoOutputRunner(
            cast(Any, rows), cast(Any, rows), cast(Pusher, pusher), keys, FakeClock(START_NS), lambda: 0.0
        )

        async def turn(begins: int, ends: int) -> None:
            await runner.turn()
            async with asyncio.timeout(10):
                while (pusher.begins, pusher.ends, bool(rows.row.sending_ns)) != (begins, ends, begins > ends):
                    await asyncio.sleep(0.001)

        await turn(1, 0)
        await turn(1, 0)
        rows.switch("paused")
        rows.switch("active")
        await turn(1, 1)
        await turn(2, 1)
        rows.switch("paused")
        await turn(2, 2)

    run_apart(story())
