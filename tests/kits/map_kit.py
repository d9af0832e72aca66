"""The API of plans and places in small, answered to a browser's requests: for tests of the map's scripts alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Page, Route

PICTURE = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")
"""A GIF of one pixel."""


def place(kind: str, name: str, state: str = "up", **fields: Any) -> dict[str, Any]:
    """A camera, door or gate of the API; its id is its name in small letters."""
    return {
        "kind": kind, "site": "village", "site_name": "Stone Bridge Village", "areas": ["halls"], "box": "gate-1",
        "id": name.lower().replace(" ", "-"), "name": name, "time_zone": "Asia/Shanghai", "state": state,
        "online": True, "seen": None, "since": None, "problem": "", **fields,
    }  # fmt: skip


def symbol(of: dict[str, Any], x: float, y: float, **fields: Any) -> dict[str, Any]:
    """A device on a plan."""
    return {"kind": of["kind"], "box": of["box"], "id": of["id"], "x": x, "y": y, "direction": None, **fields}


PLACES = [
    place("camera", "Forecourt"), place("camera", "Stairs", "lost"), place("door", "Hall door", "forced"),
    place("gate", "Main gate", ""), place("camera", "Store room"),
]  # fmt: skip


@dataclass
class FakeMap:
    """One plan with four devices, two sites on the map of sites; a fifth device is not placed.

    Attributes:
        counts: What `GET /api/places/alerts` says.
        places: What `GET /api/places` says.
    """

    counts: list[dict[str, Any]] = field(default_factory=list)
    places: list[dict[str, Any]] = field(default_factory=lambda: list(PLACES))

    def install(self, page: Page) -> None:
        """Answer the requests of the map; other pages know their own places."""

        def answer(route: Route, content: dict[str, Any]) -> None:
            route.fulfill(json=content) if page.url.split("?")[0].endswith(("/map", "/overview")) else route.fallback()

        page.route("**/api/places", lambda route: answer(route, {"places": self.places}))
        page.route("**/api/boxes", lambda route: answer(route, {"boxes": []}))
        page.route("**/api/places/alerts", lambda route: route.fulfill(json={"places": self.counts}))
        page.route("**/api/plans", self.answer_plans)
        page.route("**/api/plans/*/picture*", lambda it: it.fulfill(body=PICTURE, content_type="image/gif"))

    def count(self, place_id: str, **counts: int) -> None:
        """A place has so many open alerts."""
        none = {"critical": 0, "high": 0, "medium": 0, "low": 0}
        self.counts.append({"site": "village", "id": place_id} | none | counts)

    def answer_plans(self, route: Route) -> None:
        """Answer `GET /api/plans`."""
        symbols = [symbol(it, 0.2 + 0.2 * number, 0.5) for number, it in enumerate(PLACES[:4])]
        symbols[0]["direction"] = 90
        plan = {
            "site": "village", "area": "", "picture": "/api/plans/village/picture?area=&v=1", "width_px": 800,
            "height_px": 500, "version": 1, "symbols": symbols, "changed_by": "li",
            "changed": "2026-11-23T08:00:00.000000000Z",
        }  # fmt: skip
        locations = [
            {"site": "village", "latitude": 26.88, "longitude": 120.0},
            {"site": "harbour", "latitude": 26.9, "longitude": 120.1},
        ]
        route.fulfill(json={"plans": [plan], "locations": locations, "tiles": "", "attribution": ""})
