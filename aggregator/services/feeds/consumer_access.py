"""Who a request of a consumer comes from: by its token, or by a ticket in the address."""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.auth.client_address import prefix_of
from aggregator.domain.feeds.consumer import Consumer
from aggregator.services.feeds.feed_service import FeedService
from aggregator.services.video_out.stream_tickets import StreamTickets


@dataclass(frozen=True)
class ConsumerAccess:
    """An `aggregator.web.auth_middleware.ConsumerTokens`. Blocks.

    Args:
        feed: Knows tokens, and counts wrong ones.
        tickets: Knows tickets.
    """

    feed: FeedService
    tickets: StreamTickets

    def who(self, token: str, address: str) -> Consumer | None:
        """As `FeedService.who`.

        Raises:
            Forbidden: It is paused, or its end has passed.
            LoginThrottled: Too many wrong tokens from this address.
        """
        return self.feed.who(token, address)

    def holder(self, ticket: str, camera: str, address: str) -> Consumer | None:
        """The consumer whose ticket for a camera (`site/box/camera`) this is; None: it is none.

        Raises:
            Forbidden: It is paused, or its end has passed.
            LoginThrottled: Too many wrong tokens from this address.
        """
        found = self.tickets.holder(ticket, camera)
        if found is None:
            self.feed.limits.bad_tokens.take(prefix_of(address))
            return None
        return self.feed.serving(found.id)
