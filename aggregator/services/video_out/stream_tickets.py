"""Tickets in addresses, for players that cannot send headers: they open one camera for one consumer, soon.

A ticket is `CONSUMER.EXPIRY.MAC`; the MAC (HMAC-SHA-256) covers both, the camera, and the hash of the consumer's
present token, so that it ends with the token. Nothing is stored.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.store_port.feeds import ConsumerReader
from aggregator.storage.keyring import KeyRing
from common.clock import SECOND_NS, Clock
from protocol.identifiers import is_uuid7

LIFE_S = 60
"""A stream must begin within this time; it may then go on."""
USE = "video"
MOST_LENGTH = 200


@dataclass(frozen=True)
class StreamTickets:
    """Makes and checks tickets.

    Args:
        keys: Make the MAC.
        reader: Consumers.
        clock: The present.
    """

    keys: KeyRing
    reader: ConsumerReader
    clock: Clock

    def make(self, consumer: Consumer, camera: str) -> str:
        """A ticket for a camera, which is named as `site/box/camera`."""
        expiry_s = self.clock.wall_ns() // SECOND_NS + LIFE_S
        return f"{consumer.id}.{expiry_s}.{self._mac(consumer, camera, expiry_s)}"

    def holder(self, ticket: str, camera: str) -> Consumer | None:
        """Whose ticket for this camera it is; None: it is none, or not any more. Blocks."""
        consumer_id, _, rest = ticket[:MOST_LENGTH].partition(".")
        expiry, _, mac = rest.partition(".")
        if not (is_uuid7(consumer_id) and expiry.isascii() and expiry.isdecimal() and len(expiry) < 15):
            return None
        if not 0 <= int(expiry) - self.clock.wall_ns() // SECOND_NS <= LIFE_S:
            return None
        consumer = self.reader.consumer(consumer_id)
        if consumer is None or consumer.token_hash is None:
            return None
        good = self._mac(consumer, camera, int(expiry))
        return consumer if hmac.compare_digest(mac.encode(), good.encode()) else None

    def _mac(self, consumer: Consumer, camera: str, expiry_s: int) -> str:
        return self.keys.ticket(USE, f"{consumer.id}\0{camera}\0{expiry_s}\0{consumer.token_hash}")
