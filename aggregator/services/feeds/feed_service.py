"""What consumers read: pages of the feed after a cursor, and redacted pictures; within scope and quota, and logged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aggregator.auth.client_address import prefix_of
from aggregator.auth.passwords import hash_token
from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import TOKEN_PREFIX, Consumer
from aggregator.domain.feeds.feed_entry import ConsumerUse, FeedEntry, Receipt, cloud_event, shown_to
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.feeds import FeedReader, FeedWriter
from aggregator.services.feeds.feed_tail import FeedTail
from aggregator.services.feeds.request_quota import RequestQuota
from common.clock import HOUR_NS, SECOND_NS, Clock
from common.errors import CursorExpired, FeedError, FeedThrottled, Forbidden

SCAN = 1_000
"""Entries that one query reads."""
MOST_SCANS = 5
"""Queries of one request that find nothing for the consumer; its cursor moves on all the same."""
MOST_PAGE = 500
MOST_WAIT_S = 30.0


@dataclass(frozen=True)
class FeedPage:
    """A part of the feed.

    Attributes:
        entries: For the consumer, in order.
        next: The cursor after everything that was read, also what was not for the consumer.
        end: Whether that is the end of the feed.
    """

    entries: list[FeedEntry]
    next: int
    end: bool


@dataclass(frozen=True)
class Limits:
    """Requests of consumers, and wrong tokens of an address."""

    requests: RequestQuota
    bad_tokens: RateLimiter


@dataclass(frozen=True)
class FeedService:
    """Reads the feed for consumers.

    Args:
        reader: Consumers, the feed and pictures.
        queue: Of the store's writer.
        record: Writes an audit entry; returns when it is on the disk.
        areas: The areas of each place.
        clock: The present.
        limits: Of requests.
        tail: Waits at the end of the feed.
    """

    reader: FeedReader
    queue: WriteJobs[FeedWriter]
    record: Callable[[AuditEntry], Awaitable[None]]
    areas: Areas
    clock: Clock
    limits: Limits
    tail: FeedTail

    def who(self, token: str, address: str) -> Consumer | None:
        """The consumer of a token; None: there is none.

        Raises:
            Forbidden: It is paused, or its end has passed.
            LoginThrottled: Too many wrong tokens from this address.
        """
        found = None
        if token.startswith(TOKEN_PREFIX):
            found = self.reader.consumer_by_token(hash_token(token[:200]))
        if found is None:
            self.limits.bad_tokens.take(prefix_of(address))
            return None
        self.serving(found.id)
        return found

    async def read(self, consumer: Consumer, after: int | None, limit: int, wait_s: float = 0.0) -> FeedPage:
        """The next part of the feed; counted before it is handed over.

        Args:
            consumer: Who reads.
            after: The cursor; None: the end of the feed, so that only what comes from now on is read.
            limit: The most entries.
            wait_s: How long to wait where there is nothing yet.

        Raises:
            CursorExpired: What follows the cursor is not kept any more.
            FeedError: No such cursor was ever given.
            FeedThrottled: The quota of requests or of events is used up.
            Forbidden: The consumer gets nothing any more.
        """
        self.limits.requests.take(consumer.id, consumer.requests_per_minute)
        if after is None:
            after = (await asyncio.to_thread(self.reader.feed_span)).newest
        return await self.follow(consumer, after, limit, wait_s)

    async def follow(self, consumer: Consumer, after: int, limit: int, wait_s: float) -> FeedPage:
        """As `read`, within a stream: it is no request of its own."""
        page = await self._scan(consumer.id, after, limit)
        until_s = asyncio.get_running_loop().time() + wait_s
        while not page.entries and page.end and (left_s := until_s - asyncio.get_running_loop().time()) > 0:
            await self.tail.wait(page.next, left_s)  # what came may not be for this consumer
            page = await self._scan(consumer.id, page.next, limit)
        if page.entries or page.next != after:
            await self._take(consumer, page)
        return page

    async def picture(self, consumer: Consumer, event_id: str) -> bytes | None:
        """The redacted JPEG of an event, after the access is in the audit log; None where the consumer may see none.

        Raises:
            FeedThrottled: The quota of requests is used up.
            StoreError: The access could not be logged, so nothing may be handed over.
        """
        self.limits.requests.take(consumer.id, consumer.requests_per_minute)
        entry = await asyncio.to_thread(self.reader.feed_entry_of, event_id)
        within = consumer.selection.within(self.areas)
        if entry is None or "pictures" not in consumer.selection.media or not shown_to(consumer, within, entry):
            return None
        jpeg = await asyncio.to_thread(self.reader.picture, event_id)
        if jpeg is not None:
            await self.record(
                AuditEntry(
                    time_ns=self.clock.wall_ns(), who=f"consumer:{consumer.name}", what="view", site=entry.site,
                    target=event_id, detail={"consumer": consumer.id},
                )
            )  # fmt: skip
        return jpeg

    @staticmethod
    def body(consumer: Consumer, entry: FeedEntry) -> dict[str, Any]:
        """The CloudEvents object that a consumer is handed."""
        return cloud_event(consumer, entry)

    async def _scan(self, consumer_id: str, after: int, limit: int) -> FeedPage:
        """Read on until there is something for the consumer, or the end, or enough was read."""
        page = FeedPage([], after, False)
        for _ in range(MOST_SCANS):
            page = await asyncio.to_thread(self._page, consumer_id, page.next, limit)
            if page.entries or page.end:
                break
        return page

    def _page(self, consumer_id: str, after: int, limit: int) -> FeedPage:
        consumer = self.serving(consumer_id)
        limit = min(limit, self._left(consumer))
        found = self.reader.feed_entries(after, SCAN)
        span = self.reader.feed_span()  # later than the entries: what was erased before them is seen as erased
        if after < span.oldest:
            raise CursorExpired(str(span.oldest))
        if after > span.newest:
            raise FeedError("after: no such cursor was given; take it from 'next' of an answer, or leave it out")
        chosen: list[FeedEntry] = []
        within, last = consumer.selection.within(self.areas), after
        for entry in found:
            if shown_to(consumer, within, entry):
                if len(chosen) == limit:
                    return FeedPage(chosen, last, False)
                chosen.append(entry)
            last = entry.position
        return FeedPage(chosen, last, len(found) < SCAN)

    def serving(self, consumer_id: str) -> Consumer:
        """The consumer as it is now.

        Raises:
            Forbidden: It gets nothing now.
        """
        it = self.reader.consumer(consumer_id)
        if it is None or not it.serves(self.clock.wall_ns()):
            state = "unknown" if it is None else "over" if it.ended(self.clock.wall_ns()) else it.state
            raise Forbidden(f"this consumer is {state}; ask its administrator")
        return it

    def _left(self, consumer: Consumer) -> int:
        """How many entries it may get in this hour."""
        hour = self.clock.wall_ns() // HOUR_NS
        left = consumer.events_per_hour - self.reader.consumer_uses(hour).get(consumer.id, ConsumerUse()).events
        if left <= 0:
            raise self._over()
        return left

    def _over(self) -> FeedThrottled:
        wait_s = (HOUR_NS - self.clock.wall_ns() % HOUR_NS) / SECOND_NS
        return FeedThrottled(wait_s, "the events of this hour are used up")

    async def _take(self, consumer: Consumer, page: FeedPage) -> None:
        now_ns = self.clock.wall_ns()
        receipt = Receipt(
            consumer=consumer.id, hour=now_ns // HOUR_NS, events=len(page.entries), position=page.next, now_ns=now_ns
        )
        if not await self.queue.write(lambda store: store.take_from_feed(receipt, consumer.events_per_hour)):
            await asyncio.to_thread(self.serving, consumer.id)
            raise self._over()
