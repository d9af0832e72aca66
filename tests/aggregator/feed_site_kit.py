"""A site whose events a consumer gets: in the running aggregator, or in a store with the jobs that hand them over."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import httpx2
from agg_support import START_NS, Sender, Web, event, run_apart

from aggregator.domain.read_models import Batch, ReceivedEvent
from aggregator.domain.store_port import Store, Writer
from aggregator.jobs.job_runner import JobRunner
from aggregator.storage.write_queue import WriteQueue
from common.clock import FakeClock, SystemClock
from protocol.event_types import DoorGranted

from storage.test_feed_store import approved  # isort: skip
from web.test_consumers_web import decide, request  # isort: skip

_NUMBERS = itertools.count(8_600_000)


class FeedSite:
    """A site of the running aggregator with one box; it is known by its first event."""

    def __init__(self, web: Web, sender: Sender, place: str) -> None:
        self._web, self._sender, self._place = web, sender, place
        self.send(1)

    def send(self, count: int) -> list[str]:
        """Send events, and wait until they are committed; their ids."""
        now_ns, topics = SystemClock().wall_ns(), self._sender.topics
        made = [
            event(it, DoorGranted(door="hall"), time_ns=now_ns, place=self._place, box=topics.box, site=topics.site)
            for it in itertools.islice(_NUMBERS, count)
        ]
        self._sender.send(*made)
        self._sender.wait()
        return [it.id for it in made]

    def consumer(self, admin: httpx2.Client, **more: Any) -> dict[str, Any]:
        """An approved consumer of its events."""
        made = request(admin, **{"places": [self._sender.topics.site], "contents": ["events"]} | more)
        with self._web.logged_in() as other:
            assert decide(other, made, "approved").status_code == 200
        return made


@contextlib.contextmanager
def feed_site(web: Web, name: str, place: str) -> Iterator[FeedSite]:
    """A site of its own for a file of tests."""
    with contextlib.closing(Sender(web.broker_port, web.account, f"{name}-box", site=f"{name}site")) as sender:
        yield FeedSite(web, sender, place)


class FeedDesk:
    """A store with an approved consumer; who takes it over adds the jobs, and `runner`."""

    runner: JobRunner

    def __init__(self, store: Store, writer: Writer, clock: FakeClock) -> None:
        self.writer, self.clock, self.reader = writer, clock, store.reader()
        self.queue: WriteQueue[Any] = WriteQueue(writer)
        self.consumer = approved(writer)

    def events(self, count: int, site: str = "village", start: int = 0) -> None:
        made = [event(it, DoorGranted(door="hall"), site=site, number=start + it) for it in range(1, count + 1)]
        self.writer.apply(Batch(events=[ReceivedEvent(it, None, START_NS) for it in made]))

    def turns(self, count: int = 1, after_s: float = 0.0) -> None:
        """Let the jobs work, each time until nothing is left to do."""
        self.clock.advance(after_s)
        run_apart(self._work(count))

    async def _work(self, count: int) -> None:
        serving = asyncio.create_task(self._serve())
        for _ in range(count):
            await self.runner.turn()
            await self.runner.engine.settled()
        serving.cancel()

    async def _serve(self) -> None:
        while True:
            self.queue.serve()
            await asyncio.sleep(0)
