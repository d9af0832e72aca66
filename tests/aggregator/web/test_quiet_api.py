"""Silences, maintenance, shelved sources and floods through the running aggregator."""

from __future__ import annotations

import itertools
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from agg_support import Sender, Web, add_staff, entered, event, wait_until

from aggregator.domain.quiet import silence as silencing
from common.running import fresh_value
from protocol.event_types import CameraBack, CameraLost, Data, DoorForced

NUMBERS = itertools.count(41_000)


def at(**ahead: float) -> str:
    return f"{datetime.now(UTC) + timedelta(**ahead):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What there is at a site is read anew for each request: the tests make sites faster than people do."""
    monkeypatch.setattr(fresh_value, "FRESH_NS", 0)


@pytest.fixture
def site() -> str:
    """A site of its own: the aggregator is shared."""
    return f"quiet-{next(NUMBERS)}"


def as_user(web: Web, *roles: str) -> AbstractContextManager[httpx2.Client]:
    return web.logged_in(add_staff(web, *roles))


def see(web: Web, site: str, *seen: tuple[str, Data]) -> None:
    """Events of a box at the site; (place, data), each seen now."""
    sender = Sender(web.broker_port, web.account, box="box-1", site=site)
    try:
        now_ns = web.parts.core.clock.wall_ns()
        for place, data in seen:
            it = event(next(NUMBERS), data, place=place, box="box-1", site=site, time_ns=now_ns, number=next(NUMBERS))
            sender.send(it)
        sender.wait()
    finally:
        sender.close()


def alerts(client: httpx2.Client, site: str, **asked: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/alerts", params={"site": site, **asked}).json()["alerts"]
    return found


def silence(site: str, **changed: Any) -> dict[str, Any]:
    match = {"site": [site], "place": ["cam-1"]}
    return {"match": match, "until": at(hours=1), "reason": "building work"} | changed


def test_a_silence_with_its_preview_hides_and_is_ended(web: Web, site: str) -> None:
    see(web, site, ("cam-1", entered()), ("cam-1", entered("gate")), ("cam-2", entered()))
    with as_user(web, f"supervisor@{site}") as client:
        preview = client.post("/api/silences/preview", json={"match": silence(site)["match"]}).json()
        assert (preview["count"], preview["complete"]) == (2, True)
        assert {it["camera"] for it in preview["examples"]} == {"cam-1"}
        assert len(alerts(client, site, suppressed="exclude")) == 3, "a preview hides nothing"
        answer = client.post("/api/silences", json=silence(site))
        assert answer.status_code == 201
        made = answer.json()["silence"]
        assert answer.json()["preview"]["count"] == 2
        assert (made["state"], made["reason"]) == ("active", "building work")
        assert [it["camera"] for it in alerts(client, site, suppressed="exclude")] == ["cam-2"]
        hidden = alerts(client, site, suppressed="only")
        assert {(it["suppression"]["kind"], it["suppression"]["by"]) for it in hidden} == {("silenced", made["id"])}
        assert [it["id"] for it in client.get("/api/silences").json()["silences"]] == [made["id"]]
        ended = client.post(f"/api/silences/{made['id']}/end").json()
        assert (ended["state"], ended["ended_by"]) == ("ended", made["owner"])
        assert len(alerts(client, site, suppressed="exclude")) == 3
        assert client.post(f"/api/silences/{made['id']}/end").status_code == 422
        assert client.get("/api/silences").json()["silences"] == []
        assert len(client.get("/api/silences?state=all").json()["silences"]) == 1
        history = client.get(f"/api/alerts/{hidden[0]['id']}").json()["history"]
        assert [it["action"] for it in history] == ["unsuppressed", "suppressed", "opened"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"match": {"place": ["cam-1"]}}, "site"),
        ({"until": at(days=31)}, "until: at most 30 days"),
        ({"until": at(days=-1)}, "until: has passed"),
        ({"until": None}, "until"),
        ({"reason": "a"}, "reason"),
        ({"reason": "x" * 100_000}, ""),
        ({"forever": True}, "forever"),
    ],
)
def test_a_silence_that_cannot_be_names_the_field(web: Web, site: str, changed: Any, problem: str) -> None:
    see(web, site, ("cam-1", entered()))
    with as_user(web, f"supervisor@{site}") as client:
        answer = client.post("/api/silences", json=silence(site, **changed))
        assert answer.status_code in (413, 422)
        assert problem in answer.json()["error"]
        assert client.get("/api/silences?state=all").json()["silences"] == []


@pytest.mark.parametrize(
    "match",
    [{}, {"severity": ["low", "medium", "high"]}, {"severity": ["low", "medium", "high", "critical"]}],
)
def test_a_matcher_that_covers_everything_is_refused(web: Web, site: str, match: Any) -> None:
    see(web, site, ("cam-1", entered()))
    with as_user(web, f"supervisor@{site}") as client:
        for path, body in (
            ("", silence(site, match={"site": [site], **match})),
            ("/preview", {"match": {"site": [site]}}),
        ):
            answer = client.post(f"/api/silences{path}", json=body)
            assert answer.status_code == 422
            assert answer.json()["error"].startswith("match: covers everything of a site; narrow it by place")


def test_a_monitor_shelves_and_does_not_silence(web: Web, site: str) -> None:
    see(web, site, ("cam-1", entered()), ("door-1", DoorForced(door="door-1")))
    with as_user(web, f"monitor@{site}") as client:
        assert client.post("/api/silences", json=silence(site)).status_code == 403
        assert client.post("/api/maintenance", json={}).status_code == 403
        body = {"site": site, "place": "cam-1", "minutes": 60, "reason": "a branch in the wind"}
        made = client.post("/api/sources/shelve", json=body)
        assert made.status_code == 201
        assert [it["camera"] for it in alerts(client, site, suppressed="exclude")] == ["door-1"]
        door = body | {"place": "door-1", "critical": True}
        answer = client.post("/api/sources/shelve", json=door)
        assert (answer.status_code, answer.json()["error"][:9]) == (422, "critical:")
        (forced,) = alerts(client, site, severity="critical")
        shelve = {"minutes": 60, "reason": "being repaired"}
        answer = client.post(f"/api/alerts/{forced['id']}/shelve", json=shelve)
        assert answer.status_code == 422
        assert "supervisor" in answer.json()["error"]
        bulk = client.post("/api/alerts/bulk", json={"ids": [forced["id"]], "action": "shelve", **shelve}).json()
        assert [it["result"] for it in bulk["results"]] == ["refused"]
        shelf = client.get("/api/sources/shelved").json()["shelves"][0]
        assert client.post(f"/api/sources/shelved/{shelf['id']}/end").json()["state"] == "ended"
        assert len(alerts(client, site, suppressed="exclude")) == 2
    with as_user(web, f"supervisor@{site}") as client:
        assert client.post(f"/api/alerts/{forced['id']}/shelve", json=shelve).status_code == 200
        assert client.post("/api/sources/shelve", json=door).status_code == 201


def test_one_alert_is_shelved_until_its_condition_ends(web: Web, site: str) -> None:
    see(web, site, ("cam-1", CameraLost()), ("cam-1", entered()))
    with as_user(web, f"monitor@{site}") as client:
        (lost,) = alerts(client, site, kind="camera.lost")
        body = {"site": site, "place": "cam-1", "alert": lost["id"], "mode": "one_shot", "minutes": 600}
        wrong = client.post("/api/sources/shelve", json=body | {"reason": "being replaced", "place": "cam-2"})
        assert (wrong.status_code, wrong.json()["error"]) == (422, "alert: is no alert of this device")
        made = client.post("/api/sources/shelve", json=body | {"reason": "being replaced"}).json()
        hidden = [it["id"] for it in alerts(client, site, suppressed="only") if it["suppression"]["kind"] == "shelved"]
        assert hidden == [lost["id"]]
        see(web, site, ("cam-1", CameraBack()))
        (ended,) = client.get("/api/sources/shelved?state=all").json()["shelves"]
        assert (ended["id"], ended["state"], ended["ended_by"]) == (made["id"], "ended", "system")


@pytest.mark.parametrize("minutes", [0, 1441, "60", None])
def test_a_source_is_shelved_for_a_day_at_most(web: Web, site: str, minutes: Any) -> None:
    with as_user(web, f"monitor@{site}") as client:
        body = {"site": site, "place": "cam-1", "minutes": minutes, "reason": "a branch in the wind"}
        answer = client.post("/api/sources/shelve", json=body)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith("minutes")


def test_a_maintenance_window_hides_its_devices_and_is_ended(web: Web, site: str) -> None:
    see(web, site, ("cam-1", entered()), ("cam-2", entered()))
    with as_user(web, f"supervisor@{site}") as client:
        body = {"site": site, "devices": ["cam-1"], "until": at(hours=2), "reason": "cleaning of lenses"}
        made = client.post("/api/maintenance", json=body)
        assert made.status_code == 201
        assert [it["camera"] for it in alerts(client, site, suppressed="exclude")] == ["cam-2"]
        weekly = {"days": [1, 2], "at": "22:00", "minutes": 120}
        series = client.post("/api/maintenance", json=body | {"until": at(days=300), "weekly": weekly}).json()
        assert series["weekly"] == weekly
        assert len(client.get("/api/maintenance").json()["windows"]) == 2
        assert client.post(f"/api/maintenance/{made.json()['id']}/end").json()["state"] == "ended"
        wrong = body | {"until": at(days=8)}
        assert client.post("/api/maintenance", json=wrong).json()["error"].startswith("until: at most 7 days")
        nothing = body | {"devices": []}
        assert client.post("/api/maintenance", json=nothing).json()["error"].startswith("devices: name at least one")


def test_nobody_reaches_beyond_their_scope(web: Web, site: str) -> None:
    see(web, site, ("cam-1", entered()))
    with as_user(web, f"supervisor@{site}") as own:
        made = own.post("/api/silences", json=silence(site)).json()["silence"]
        window = {"site": site, "devices": ["cam-1"], "until": at(hours=2), "reason": "cleaning of lenses"}
        planned = own.post("/api/maintenance", json=window).json()
        shelf = {"site": site, "place": "cam-1", "minutes": 60, "reason": "a branch in the wind"}
        shelved = own.post("/api/sources/shelve", json=shelf).json()
    with as_user(web, "supervisor@village") as other:
        refused = other.post("/api/silences", json=silence(site))
        misspelt = other.post("/api/silences", json=silence("no-such-site"))
        assert (refused.status_code, refused.json()) == (misspelt.status_code, misspelt.json()), (
            "as if it were not there"
        )
        assert other.post("/api/silences/preview", json={"match": silence(site)["match"]}).status_code == 422
        assert other.post("/api/maintenance", json=window).status_code == 422
        assert other.post("/api/sources/shelve", json=shelf).status_code == 403
        for path in (f"silences/{made['id']}", f"maintenance/{planned['id']}", f"sources/shelved/{shelved['id']}"):
            assert other.post(f"/api/{path}/end").status_code == 404
        assert other.get("/api/silences?state=all").json()["silences"] == [
            it for it in other.get("/api/silences?state=all").json()["silences"] if "village" in it["match"]["site"]
        ]
        assert {it["site"] for it in other.get("/api/maintenance?state=all").json()["windows"]} <= {"village"}
        assert {it["site"] for it in other.get("/api/sources/shelved?state=all").json()["shelves"]} <= {"village"}


def test_a_supervisor_of_an_area_silences_their_places_only(web: Web) -> None:
    with as_user(web, "supervisor@village/stairs") as client:
        here = silence("village", match={"site": ["village"], "place": ["stairs-1"]})
        assert client.post("/api/silences", json=here).status_code == 201
        by_area = silence("village", match={"site": ["village"], "area": ["stairs"]})
        assert client.post("/api/silences", json=by_area).status_code == 201
        for match in ({"place": ["stairs-1", "hall-7"]}, {"kind": ["camera.lost"]}, {"area": ["yards"]}):
            answer = client.post("/api/silences", json=silence("village", match={"site": ["village"], **match}))
            assert answer.status_code == 403, match
        for it in client.get("/api/silences").json()["silences"]:
            client.post(f"/api/silences/{it['id']}/end")


def test_a_site_has_a_limit_of_silences(web: Web, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silencing, "MOST_SILENCES", 2)
    see(web, site, ("cam-1", entered()))
    with as_user(web, f"supervisor@{site}") as client:
        answers = [client.post("/api/silences", json=silence(site)) for _ in range(3)]
        assert [it.status_code for it in answers] == [201, 201, 422]
        assert answers[2].json()["error"].startswith("match.site: one has 2 silences already")


def test_each_decision_is_in_the_audit_log(web: Web, site: str) -> None:
    see(web, site, ("cam-1", entered()))
    with as_user(web, f"supervisor@{site}") as client:
        made = client.post("/api/silences", json=silence(site)).json()["silence"]
        client.post(f"/api/silences/{made['id']}/end")
    entries = [entry for _, entry in web.parts.core.reader.newest_audit_entries(None, 50)]
    found = [bytes(entry) for entry in entries if made["id"].encode() in bytes(entry)]
    assert len(found) == 2
    assert any(b'"silence.created"' in it and b"building work" in it for it in found)


def test_a_flood_counts_what_is_shown(web: Web, site: str) -> None:
    see(web, site, *((f"cam-{number}", entered()) for number in range(12)))
    with as_user(web, f"monitor@{site}") as client:
        wait_until(lambda: client.get("/api/flood").json()["recent"] == 12)
        flood = client.get("/api/flood").json()
        assert (flood["active"], flood["operators"], flood["starts_above"], flood["ends_below"]) == (True, 1, 10, 5)
    with as_user(web, "monitor@nowhere") as client:
        assert client.get("/api/flood").json()["recent"] == 0
