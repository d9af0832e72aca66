"""The demonstration's doors: presses the buttons of the box's `simulator` doors, scene after scene.

A scene is half a minute at a door; the box receives it over HTTP on loopback, as from `curl -d '{"event": "granted"}' http://127.0.0.1:PORT/doors/ID`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2

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
        message = {"event": event, **({"credential": card} if card else {})}
        try:
            answer = httpx2.post(
                f"http://127.0.0.1:{self.port}/doors/{self.door}", json=message, timeout=TIMEOUT_S, trust_env=False
            )
        except httpx2.HTTPError:
            return False
        return answer.status_code == 204

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
