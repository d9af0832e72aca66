"""Which messages of a broker tell of now, and which are old ones that it hands on again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from common.clock import SECOND_NS

SETTLING_S = 2.0
"""After a session is taken up again, what comes within this time may have waited at the broker."""
GAP_S = 0.2
"""A longer backlog comes without pauses: it ends with the first pause of this length."""
REMEMBERED = 1024


class Backlog:
    """Tells messages that waited at the broker from those that come as they happen. MQTT itself does not say it."""

    def __init__(self) -> None:
        self._until_ns = -(2**62)

    def began(self, now_ns: int, session_present: bool) -> None:
        """A connection has begun.

        Args:
            now_ns: Monotonic.
            session_present: The broker kept the session, and with it perhaps messages.
        """
        self._until_ns = now_ns + round(SETTLING_S * SECOND_NS) if session_present else -(2**62)

    def waited(self, now_ns: int) -> bool:
        """Whether a message that comes now may have waited at the broker."""
        if now_ns >= self._until_ns:
            return False
        self._until_ns = max(self._until_ns, now_ns + round(GAP_S * SECOND_NS))
        return True


class Repetitions:
    """Remembers messages, so that one that a controller or a broker sends again is not taken for another one."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()

    def known(self, topic: str, payload: bytes) -> bool:
        """Whether this message came before; from now on it has."""
        digest = hashlib.blake2b(topic.encode() + b"\0" + payload, digest_size=16).digest()
        seen = digest in self._known
        self._known[digest] = None
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return seen
