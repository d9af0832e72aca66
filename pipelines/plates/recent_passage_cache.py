"""Plates that have just gone, known again by a keyed digest alone: the text is forgotten when the passage ends."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from common.clock import SECOND_NS
from common.secret import Secret
from pipelines.plates.plate_tracking import has_moved
from pipelines.types import Box
from protocol.plate_grammar import Grammar, variants

PARKED_S = 24 * 3600.0
"""One that reappears exactly where it stood, without having come, was only hidden: however long that took."""
MOST = 64


@dataclass(frozen=True)
class _Entry:
    digests: frozenset[bytes]
    box: Box
    until_ns: int
    parked_until_ns: int


@dataclass
class RecentPassageCache:
    """Who was here a moment ago.

    Args:
        key: Random, of this process; with it gone the digests mean nothing.
        grammars: For the texts that readers confuse with the one that was read.
    """

    key: bytes = field(repr=False)
    grammars: Sequence[Grammar] = field(repr=False)
    _entries: list[_Entry] = field(default_factory=list, repr=False)

    def add(self, text: Secret, box: Box, until_ns: int) -> None:
        """A passage has ended; the same plate within `until_ns` still belongs to it."""
        plain = text.reveal()
        digests = frozenset(self._digest(each) for each in (plain, *variants(plain, self.grammars)))
        parked_ns = until_ns + round(PARKED_S * SECOND_NS)
        self._entries = [*self._entries, _Entry(digests, box, until_ns, parked_ns)][-MOST:]

    def contains(self, text: Secret, box: Box, moved: bool, time_ns: int) -> bool:
        """Whether this is one who was just here, or who never left.

        Args:
            text: What is read now.
            box: Where.
            moved: It has been seen to move; then it may have gone and come back.
            time_ns: Now.
        """
        self._entries = [entry for entry in self._entries if entry.parked_until_ns > time_ns]
        if not self._entries:
            return False
        digest = self._digest(text.reveal())
        return any(
            digest in entry.digests and (time_ns < entry.until_ns or (not moved and not has_moved(entry.box, box)))
            for entry in self._entries
        )

    def _digest(self, text: str) -> bytes:
        return hmac.new(self.key, text.encode(), hashlib.blake2b).digest()[:16]
