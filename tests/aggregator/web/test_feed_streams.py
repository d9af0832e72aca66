"""How many streams of the feed a consumer may have."""

from __future__ import annotations

import asyncio
from typing import Any

from agg_support import run_apart
from domain.feeds.test_consumer import consumer
from fastapi import FastAPI, HTTPException

from aggregator.services.feeds.feed_service import FeedPage
from aggregator.web.api.feeds import feed
from aggregator.web.api.feeds.feed import MOST_OF_A_CONSUMER, FeedStream


class Feed:
    """Its pages come when the database answers."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()

    async def read(self, *_asked: object) -> FeedPage:
        await self.answers.wait()
        return FeedPage([], 0, True)


async def streams(wanted: int) -> list[Any]:
    """The answers to streams that are opened at the same time."""
    app, source = FastAPI(), Feed()
    feed.add(app, source)  # type: ignore[arg-type]
    (opened,) = (getattr(it, "endpoint") for it in app.routes if getattr(it, "path", "") == "/api/feed/stream")  # noqa: B009
    tasks = [asyncio.create_task(opened(consumer())) for _ in range(wanted)]
    await asyncio.sleep(0)
    source.answers.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_streams_that_open_at_the_same_time_count_before_the_database_answers() -> None:
    found = run_apart(streams(MOST_OF_A_CONSUMER + 2))
    assert [type(it) for it in found] == [FeedStream] * MOST_OF_A_CONSUMER + [HTTPException] * 2
    assert [it.status_code for it in found[MOST_OF_A_CONSUMER:]] == [429, 429]
