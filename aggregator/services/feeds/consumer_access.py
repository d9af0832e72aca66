"""Who a request of a consumer comes from: by its token and client certificate, or by a ticket in the address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.auth.client_address import prefix_of
from aggregator.auth.client_certificate import check_certificate
from aggregator.domain.feeds.consumer import Consumer
from aggregator.services.feeds.feed_service import FeedService
from aggregator.services.video_out.stream_tickets import StreamTickets
from common.errors import CertificateRefused


@dataclass(frozen=True)
class ConsumerAccess:
    """An `aggregator.web.auth_middleware.ConsumerTokens`. Blocks.

    Args:
        feed: Knows tokens, and counts wrong ones.
        tickets: Knows tickets.
    """

    feed: FeedService
    tickets: StreamTickets

    def who(self, token: str, address: str, certificates: Sequence[str]) -> Consumer | None:
        """As `FeedService.who`; the client certificate is checked where the consumer must have one.

        Raises:
            CertificateRefused: It is missing, or another one; counted like a wrong token.
            Forbidden: It is paused, or its end has passed.
            LoginThrottled: Too many wrong tokens or certificates from this address.
        """
        found = self.feed.who(token, address)
        if found is not None and found.certificate is not None:
            try:
                check_certificate(found.certificate, certificates)
            except CertificateRefused:
                self.feed.limits.bad_tokens.take(prefix_of(address))
                raise
        return found

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
