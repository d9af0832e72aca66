"""Whether the aggregator does its work, as its parts say themselves. Written by one thread, read by others."""

from __future__ import annotations

from dataclasses import dataclass

from common.clock import Clock

STALLED_S = 20.0
"""The ingest loop turns at least once a second; after this long it hangs."""


@dataclass
class Health:
    """The state of the parts.

    Attributes:
        broker: Connected means: logged in and subscribed.
        store: The last write succeeded.
        problem: What is wrong, without secrets; empty when nothing is.
    """

    clock: Clock
    broker: bool = False
    store: bool = False
    problem: str = ""
    turned_ns: int = 0

    def turn(self) -> None:
        """The ingest loop went round."""
        self.turned_ns = self.clock.monotonic_ns()

    def report(self) -> dict[str, bool | str]:
        """Each part and whether it works; `ok` is all of them."""
        turning = (self.clock.monotonic_ns() - self.turned_ns) / 1e9 < STALLED_S
        ok = self.broker and self.store and turning
        return {"ok": ok, "broker": self.broker, "store": self.store, "ingest": turning, "problem": self.problem}
