"""The catalogue of cameras over HTTP, as JSON and as GeoJSON."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from agg_support import Web
from web.video_out.video_kit import BOX, SITE, approved, video_site

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.floor_plan import FloorPlan, SiteLocation, Symbol


@pytest.fixture(scope="module", autouse=True)
def _site(web: Web) -> Iterator[None]:
    with video_site(web):
        yield


def test_cameras_have_their_positions_and_what_is_not_known_is_null(web: Web) -> None:
    entry = AuditEntry(time_ns=1, who="li", what="plan.changed")
    symbol = Symbol(kind="camera", box=BOX, id="front", x=0.25, y=0.5, direction=90)
    plan = FloorPlan(site=SITE, width_px=8, height_px=5, digest="0", changed_by="li", changed_ns=1)
    placed = FloorPlan(
        site=SITE, width_px=8, height_px=5, digest="0", version=2, symbols=(symbol,), changed_by="li", changed_ns=1
    )
    consumer, queue = approved(web, media=["pictures"]), web.parts.core.queue
    before = consumer.client.get("/api/catalogue").json()["cameras"]
    assert [(it["id"], it["latitude"], it["plan"]) for it in before] == [("back", None, None), ("front", None, None)]
    location = SiteLocation(site=SITE, latitude_udeg=26_880_000, longitude_udeg=-120_000_001)
    queue.submit(lambda store: store.put_site_location(location, entry)).result(10)
    queue.submit(lambda store: store.put_floor_plan(plan, b"", entry)).result(10)
    assert queue.submit(lambda store: store.place_symbols(placed, entry)).result(10)
    back, front = consumer.client.get("/api/catalogue").json()["cameras"]
    assert front == {
        "id": "front", "name": "Front", "site": SITE, "site_name": SITE, "box": BOX, "areas": [], "latitude": 26.88,
        "longitude": -120.000001, "plan": {"area": "", "x": 0.25, "y": 0.5, "direction": 90}, "state": "up",
        "width": 640, "height": 360, "live": False, "address": None,
    }  # fmt: skip
    assert (back["plan"], back["width"], back["height"]) == (None, None, None)


@pytest.mark.parametrize(
    ("query", "accept", "kind"),
    [
        ("", "application/geo+json", "application/geo+json"), ("?format=geojson", "*/*", "application/geo+json"),
        ("?format=json", "application/geo+json", "application/json"), ("", "*/*", "application/json"),
    ],
)  # fmt: skip
def test_geojson_is_given_where_it_is_asked_for(web: Web, query: str, accept: str, kind: str) -> None:
    answer = approved(web).client.get(f"/api/catalogue{query}", headers={"Accept": accept})
    assert answer.headers["content-type"] == kind
    if kind == "application/geo+json":
        made = answer.json()
        assert (made["type"], {it["type"] for it in made["features"]}) == ("FeatureCollection", {"Feature"})
        assert [it["id"] for it in made["features"]] == [f"{SITE}/{BOX}/back", f"{SITE}/{BOX}/front"]
        assert made["features"][1]["properties"]["address"] == f"/api/feed/live/{SITE}/{BOX}/front"
        assert {tuple((it["geometry"] or {"coordinates": ()})["coordinates"]) for it in made["features"]} <= {
            (-120.000001, 26.88), (),
        }  # fmt: skip


def test_a_consumer_sees_the_cameras_of_its_places_only_and_nobody_else_sees_any(web: Web) -> None:
    assert all(
        it["site"] == "village" for it in approved(web, "village").client.get("/api/catalogue").json()["cameras"]
    )
    with web.logged_in() as client:
        assert client.get("/api/catalogue").status_code == 401
