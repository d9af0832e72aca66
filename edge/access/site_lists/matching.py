"""What a gate or a door asks of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Standing = Literal["registered", "visitor", "barred", "revoked"]


@dataclass(frozen=True)
class Match:
    """An entry that fits what was read.

    Attributes:
        entry: The entry's id; says nothing about the plate or the card.
        standing: What the entry is; `revoked` is for credentials only.
        valid: The entry's time has begun and has not run out.
        exact: The text itself is on the list, not only a variant that readers confuse with it.
    """

    entry: str
    standing: Standing
    valid: bool
    exact: bool = True


class SiteList(Protocol):
    """A list of one kind: the site's vehicles, or its revoked credentials."""

    def find(self, text: str, wall_ns: int) -> Match | None:
        """The entry for a normalised plate or a credential; None where there is none.

        Args:
            text: Lives only as long as the call.
            wall_ns: Now, UTC nanoseconds.
        """
