"""How the recorder sends events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from protocol.envelope import UnsequencedEvent


@dataclass(frozen=True)
class BoxEvents:
    """Sends events in the name of a box.

    Attributes:
        box: The box's id: source of events that belong to no camera.
        send: Sends an event.
        put: Stores an event and returns once it is committed; raises OutboxError otherwise. None: `send`.
    """

    box: str
    send: Callable[[UnsequencedEvent], None]
    put: Callable[[UnsequencedEvent], None] | None = None

    def commit(self, event: UnsequencedEvent) -> None:
        """Store an event; returns once it is committed.

        Raises:
            OutboxError: It was not.
        """
        (self.put or self.send)(event)
