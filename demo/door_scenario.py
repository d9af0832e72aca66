"""The demonstration's doors: presses the buttons of the box's `simulator` doors, scene after scene.

A scene is what people would see at a door in half a minute; the box hears it over HTTP on loopback, as from a person
who tries it with `curl -d '{"event": "granted"}' http://127.0.0.1:PORT/doors/ID`.
"""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

TIMEOUT_S = 6.0
Press = tuple[float, str, str]
"""Seconds to wait before, the event, the card (empty: none)."""

SCENES: dict[str, tuple[Press, ...]] = {
    "in": ((0, "granted", "demo-1001"), (1, "opened", ""), (4, "closed", "")),
    "out": ((0, "exit", ""), (0.5, "opened", ""), (4, "closed", "")),
    "refused": ((0, "denied", "demo-2002"),),
    "forced": ((0, "opened", ""), (6, "closed", "")),
    "held": ((0, "granted", "demo-1001"), (1, "opened", ""), (40, "closed", "")),
    "duress": ((0, "duress", "demo-3003"), (1, "opened", ""), (3, "closed", "")),
    "lost": ((0, "offline", ""), (8, "online", "")),
}
"""Name → what is pressed."""
ORDER = ("in", "out", "in", "refused", "held", "out", "forced", "in", "lost", "duress")


@dataclass(frozen=True)
class Panel:
    """The buttons of one simulated door."""

    port: int
    door: str

    def press(self, event: str, card: str = "") -> bool:
        """Press one; False when the box does not take it."""
        body = json.dumps({"event": event, **({"credential": card} if card else {})}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/doors/{self.door}", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return bool(answer.status == 204)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    def play(self, scene: str, stop: threading.Event) -> None:
        """Play one scene, unless it is stopped."""
        for wait_s, event, card in SCENES[scene]:
            if stop.wait(wait_s):
                return
            self.press(event, card)


def play(panels: Sequence[Panel], stop: threading.Event, pause_s: float = 10.0) -> None:
    """Play scenes at the doors in turn until the stop."""
    number = 0
    while panels and not stop.wait(pause_s):
        panels[number % len(panels)].play(ORDER[number % len(ORDER)], stop)
        number += 1
