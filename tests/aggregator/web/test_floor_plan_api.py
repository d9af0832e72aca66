"""Plans through the running aggregator: who sees and changes them, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import httpx2
import numpy as np
import pytest
from agg_support import Sender, Web, add_staff, event, run_apart, wait_until
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from aggregator.auth.client_address import Clients
from aggregator.domain.floor_plan import MOST_SYMBOLS
from aggregator.settings.aggregator import Http, MapSettings
from aggregator.web.auth_middleware import AuthMiddleware
from common.errors import SettingsError
from common.settings_loader import loads

SITE = "/api/plans/village"
SYMBOLS = [
    {"kind": "camera", "box": "plans", "id": "stairs-1", "x": 0.25, "y": 0.5, "direction": 90},
    {"kind": "camera", "box": "plans", "id": "yard", "x": 0.5, "y": 0.5},
    {"kind": "box", "box": "plans", "id": "plans", "x": 1.0, "y": 0.0},
]


def picture(width: int = 300) -> bytes:
    done, data = cv2.imencode(".png", np.full((200, width, 3), 240, np.uint8))
    assert done
    return bytes(data)


@pytest.fixture
def installer(web: Web) -> Iterator[httpx2.Client]:
    """Takes the site's plans away again: other tests of this server show them."""
    with web.logged_in(add_staff(web, "installer@village")) as client:
        yield client
        for area in ("", "stairs", "yards"):
            client.delete(SITE, params={"area": area})
        client.delete(f"{SITE}/location")


def plans_of(client: httpx2.Client) -> list[dict[str, Any]]:
    found = client.get("/api/plans")
    assert found.status_code == 200, found.text
    return [it for it in found.json()["plans"] if it["site"] == "village"]


def test_a_plan_is_uploaded_placed_shown_and_deleted_and_each_change_is_logged(
    web: Web, installer: httpx2.Client
) -> None:
    before = len(web.audit_entries())
    made = installer.put(f"{SITE}/picture", content=picture())
    assert (made.status_code, made.json()["version"], made.json()["width_px"]) == (200, 1, 300), made.text
    placed = installer.put(f"{SITE}/symbols", json={"version": 1, "symbols": SYMBOLS})
    assert placed.status_code == 200, placed.text
    late = installer.put(f"{SITE}/symbols", json={"version": 1, "symbols": []})
    assert late.status_code == 409
    assert "changed the plan meanwhile" in late.json()["error"]
    with web.logged_in(add_staff(web, "responder@village")) as responder:
        (plan,) = plans_of(responder)
        assert [it["id"] for it in plan["symbols"]] == ["stairs-1", "yard", "plans"]
        shown = responder.get(plan["picture"])
        assert (shown.headers["content-type"], shown.content[8:12]) == ("image/webp", b"WEBP")
        assert "immutable" in shown.headers["cache-control"]
        refused = responder.put(f"{SITE}/symbols", json={"version": 2, "symbols": []})
        assert refused.status_code == 403
    again = installer.put(f"{SITE}/picture", content=picture(400)).json()
    assert (again["version"], len(again["symbols"]), again["width_px"]) == (3, 3, 400)
    assert again["picture"] != plan["picture"]
    assert installer.delete(SITE).json() == {"removed": True}
    assert installer.delete(SITE).status_code == 404
    assert installer.get(plan["picture"]).status_code == 404
    done = [(it.what, it.site, it.detail.get("change", "")) for it in web.audit_entries()[before:]]
    mine = [it for it in done if it[0].startswith("plan.")]
    assert mine == [
        ("plan.changed", "village", "picture"), ("plan.changed", "village", "symbols"),
        ("plan.changed", "village", "picture"), ("plan.removed", "village", ""),
    ]  # fmt: skip


def test_each_sees_the_plans_and_symbols_of_their_own_places(web: Web, installer: httpx2.Client) -> None:
    for area in ("", "stairs", "yards"):
        installer.put(f"{SITE}/picture", params={"area": area}, content=picture())
        installer.put(f"{SITE}/symbols", params={"area": area}, json={"version": 1, "symbols": SYMBOLS})
    with web.logged_in(add_staff(web, "monitor@village/stairs")) as client:
        (plan,) = plans_of(client)
        assert (plan["area"], [it["id"] for it in plan["symbols"]]) == ("stairs", ["stairs-1", "plans"])
        assert client.get(f"{SITE}/picture", params={"area": "stairs"}).status_code == 200
        for area in ("", "yards"):
            assert client.get(f"{SITE}/picture", params={"area": area}).status_code == 404
    with web.logged_in(add_staff(web, "monitor@harbour")) as client:
        assert plans_of(client) == []
        assert client.get(f"{SITE}/picture").status_code == 404
    with web.logged_in(add_staff(web, "installer@harbour")) as client:
        assert client.put(f"{SITE}/picture", content=picture()).status_code == 403
    with web.logged_in(add_staff(web, "installer@village/stairs")) as client:
        assert client.put(f"{SITE}/picture", params={"area": "stairs"}, content=picture()).status_code == 403
    with web.logged_in(add_staff(web, "approver@village")) as client:
        assert client.get("/api/plans").status_code == 403


SYMBOL = SYMBOLS[0]


@pytest.mark.parametrize(
    ("symbols", "problem"),
    [
        ([SYMBOL | {"x": 1.5}], "symbols.0.x"),
        ([SYMBOL | {"y": -0.1}], "symbols.0.y"),
        ([SYMBOL | {"direction": 360}], "symbols.0.direction"),
        ([SYMBOL | {"kind": "person"}], "symbols.0.kind"),
        ([SYMBOL | {"id": "<b>"}], "symbols.0.id"),
        ([SYMBOL | {"kind": "door"}], "only a camera has one"),
        ([SYMBOL, SYMBOL], "symbols.1: this camera is on the plan already"),
        ([{"kind": "box", "box": "a", "id": "b", "x": 0, "y": 0}], "the same as 'box'"),
        ([SYMBOL | {"id": f"c{it}"} for it in range(MOST_SYMBOLS + 1)], "symbols"),
    ],
)
def test_a_wrong_symbol_is_named(installer: httpx2.Client, symbols: list[Any], problem: str) -> None:
    installer.put(f"{SITE}/picture", content=picture())
    refused = installer.put(f"{SITE}/symbols", json={"version": 1, "symbols": symbols})
    assert refused.status_code == 422
    assert problem in refused.json()["error"]
    assert plans_of(installer)[0]["version"] == 1


def test_pictures_areas_and_plans_that_cannot_be_are_refused(installer: httpx2.Client) -> None:
    svg = installer.put(f"{SITE}/picture", content=b"<svg xmlns='http://www.w3.org/2000/svg'></svg>")
    assert (svg.status_code, "PNG, JPEG or WebP" in svg.json()["error"]) == (422, True)
    area = installer.put(f"{SITE}/picture", params={"area": "halls"}, content=picture())
    assert area.json()["error"] == "area: there is no such area at this site; known: stairs, yards"
    assert installer.put(f"{SITE}/picture", params={"area": "../x"}, content=picture()).status_code == 422
    none = installer.put(f"{SITE}/symbols", json={"version": 1, "symbols": []})
    assert none.json()["error"] == "area: there is no plan of it; upload a picture first"
    assert installer.put(f"{SITE}/picture", content=bytes(10_000_001)).status_code == 413


def test_a_site_has_a_position_for_the_map_of_sites(web: Web, installer: httpx2.Client) -> None:
    where = {"latitude": 26.882123, "longitude": 120.005}
    assert installer.put(f"{SITE}/location", json=where).json() == {"site": "village"} | where
    with web.logged_in(add_staff(web, "monitor@village/stairs")) as client:
        assert client.get("/api/plans").json()["locations"] == [{"site": "village"} | where]
    with web.logged_in(add_staff(web, "monitor@harbour")) as client:
        assert client.get("/api/plans").json()["locations"] == []
    for wrong in ({"latitude": 91, "longitude": 0}, {"latitude": 0, "longitude": 181}, {"latitude": 0}):
        assert installer.put(f"{SITE}/location", json=wrong).status_code == 422
    assert installer.delete(f"{SITE}/location").status_code == 200
    assert installer.delete(f"{SITE}/location").status_code == 404


def test_open_alerts_of_each_place_are_counted_within_the_caller_s_places(web: Web) -> None:
    sender = Sender(web.broker_port, web.account, box="plans", site="plans-site")
    try:
        sender.send(event(1, box="plans", site="plans-site", place="hall", number=81_001))
        sender.wait()
    finally:
        sender.close()
    with web.logged_in(add_staff(web, "monitor@plans-site")) as client:
        wait_until(lambda: client.get("/api/places/alerts").json()["places"] != [])
        assert client.get("/api/places/alerts").json()["places"] == [
            {"site": "plans-site", "id": "hall", "critical": 0, "high": 0, "medium": 1, "low": 0}
        ]
    with web.logged_in(add_staff(web, "monitor@harbour")) as client:
        assert all(it["site"] == "harbour" for it in client.get("/api/places/alerts").json()["places"])


@pytest.mark.parametrize(
    ("tiles", "problem"),
    [
        ("tiles.example/{z}/{x}/{y}.png", "must begin with https"),
        ("https://{s}.tiles.example/{z}/{x}/{y}.png", "one server"),
        ("https://tiles.example; script-src */{z}/{x}/{y}.png", "one server"),
        ("https://tiles.example/{z}/{x}.png", "{y} is missing"),
        ("https://user:pw@tiles.example/{z}/{x}/{y}.png", "tiles"),
    ],
)
def test_an_address_of_tiles_names_one_server_and_no_secret(tiles: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        loads(f"tiles: '{tiles}'", MapSettings)


def test_pages_load_pictures_from_here_and_from_the_tiles_server_only() -> None:
    async def policy(tiles: str) -> str:
        async def page(scope: Scope, receive: Receive, send: Send) -> None:
            await PlainTextResponse("")(scope, receive, send)

        nobody: Any = None
        app = AuthMiddleware(page, nobody, Clients(Http()), MapSettings(tiles=tiles).origin)
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://here") as client:
            return str((await client.get("/healthz")).headers["content-security-policy"])

    assert "img-src 'self' data:; " in run_apart(policy(""))
    tiles = "https://tiles.example:8443/osm/{z}/{x}/{y}.png"
    assert "img-src 'self' data: https://tiles.example:8443; " in run_apart(policy(tiles))
