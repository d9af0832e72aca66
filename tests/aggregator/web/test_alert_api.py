"""The REST of alerts at a running aggregator: pages, filters, detail, decisions, conflicts, bulk, hostile input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from agg_support import JPEG, PASSWORD, USER, Sender, Web, add_staff, entered, event, plain_client

from common.clock import SystemClock
from protocol.event_types import CameraLost, DoorForced

SITE = "rest"
NOTHING = "00000000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def sender(web: Web) -> Iterator[Sender]:
    made = Sender(web.broker_port, web.account, "rest-box", site=SITE)
    yield made
    made.close()


@pytest.fixture
def client(web: Web) -> Iterator[httpx2.Client]:
    with web.logged_in() as made:
        yield made


_next = [0]


def see(sender: Sender, client: httpx2.Client, place: str, *zones: str, picture: bytes | None = None) -> list[Any]:
    """Send events of zones at a place, and return its alerts, the newest first."""
    for zone in zones:
        _next[0] += 1
        data = {"forced": DoorForced(door="d"), "lost": CameraLost()}.get(zone) or entered(zone)
        sender.send(
            event(
                _next[0], data, time_ns=SystemClock().wall_ns(), box="rest-box", site=SITE, place=place,
                picture=picture, number=93_000 + _next[0],
            )
        )  # fmt: skip
    sender.wait()
    found: list[Any] = client.get(f"/api/alerts?site={SITE}&camera={place}&order=newest&status=all").json()["alerts"]
    return found


def decide(client: httpx2.Client, alert: Any, action: str, **body: object) -> httpx2.Response:
    return client.post(f"/api/alerts/{alert['id']}/{action}", json=body)


def test_the_queue_page_by_page_with_counts(client: httpx2.Client, sender: Sender) -> None:
    see(sender, client, "q-1", "a", "b", "c", "forced", "lost")  # a lost camera hides what comes later
    query = f"/api/alerts?site={SITE}&camera=q-1&limit=2"
    seen, cursor = [], ""
    for _ in range(9):
        page = client.get(query + cursor).json()
        assert page["counts"] == {"critical": 1, "high": 1, "medium": 3, "low": 0, "total": 5}
        seen += page["alerts"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [it["severity"] for it in seen] == ["critical", "high", "medium", "medium", "medium"]
    assert len({it["id"] for it in seen}) == 5
    decide(client, seen[0], "acknowledge")
    assert [it["severity"] for it in client.get(query).json()["alerts"]] == ["high", "medium"]


@pytest.mark.parametrize(
    ("query", "subjects"),
    [
        ("severity=high&severity=critical", {"d", ""}), ("severity=low", set()), ("kind=camera.lost", {""}),
        ("kind=zone.entered&kind=door.forced", {"a", "d"}), ("from=2036-01-01T00:00:00Z", set()),
        ("to=2020-01-01T00:00:00Z", set()), ("status=closed&order=newest", set()), ("suppressed=only", set()),
        ("suppressed=include", {"a", "d", ""}), ("area=stairs", set()),
    ],
)  # fmt: skip
def test_filters(client: httpx2.Client, sender: Sender, query: str, subjects: set[str]) -> None:
    place = "f-1"
    if not client.get(f"/api/alerts?site={SITE}&camera={place}").json()["alerts"]:
        see(sender, client, place, "a", "forced", "lost")
    found = client.get(f"/api/alerts?site={SITE}&camera={place}&{query}").json()
    assert {it["subject"] for it in found["alerts"]} == subjects


def test_an_alert_with_its_events_and_history(client: httpx2.Client, sender: Sender) -> None:
    see(sender, client, "d-1", "a", picture=JPEG)
    (alert,) = see(sender, client, "d-1", "a")
    decide(client, alert, "note", note="值班 <b>\nand more")
    detail = client.get(f"/api/alerts/{alert['id']}").json()
    assert [it["picture"] is None for it in detail["events"]] == [True, False]
    assert client.get(detail["events"][1]["picture"]).content == JPEG
    assert [(it["actor"], it["via"], it["action"]) for it in detail["history"]] == [
        (USER, "dashboard", "noted"), ("system:alerts", "system", "opened"),
    ]  # fmt: skip
    assert detail["history"][0]["detail"] == {"origin": "127.0.0.1", "note": "值班 <b>\nand more"}
    assert detail["alert"]["note"] == "值班 <b>\nand more"


def test_who_may_not_see_pictures_sees_the_alert_without_one(web: Web, client: httpx2.Client, sender: Sender) -> None:
    (alert,) = see(sender, client, "p-1", "a", picture=JPEG)
    address = alert["picture"]
    with web.logged_in(add_staff(web, "responder")) as responder:
        detail = responder.get(f"/api/alerts/{alert['id']}").json()
        (listed,) = responder.get(f"/api/alerts?site={SITE}&camera=p-1").json()["alerts"]
        assert (detail["alert"]["picture"], listed["picture"], detail["events"][0]["picture"]) == (None, None, None)
        assert (listed["severity"], listed["status"]) == ("medium", "open")
        assert responder.get(address).status_code == 403
    with web.logged_in(add_staff(web, f"responder@{SITE}", "monitor@elsewhere")) as mixed:
        assert mixed.get(address).status_code == 404, "the right to pictures of another site is none to these"
        assert mixed.get(f"/api/alerts/{alert['id']}").json()["alert"]["picture"] is None
    assert client.get(address).content == JPEG


def test_who_does_not_work_on_alerts_sees_no_names_and_notes(web: Web, client: httpx2.Client, sender: Sender) -> None:
    (alert,) = see(sender, client, "n-1", "a")
    assert decide(client, alert, "acknowledge").status_code == 200
    assert decide(client, alert, "close", outcome="false_alarm", note="the neighbour's dog").status_code == 200
    with web.logged_in(add_staff(web, "responder")) as responder:
        detail = responder.get(f"/api/alerts/{alert['id']}").json()
        listed = responder.get(f"/api/alerts?site={SITE}&camera=n-1").json()["alerts"]
    assert (detail["alert"]["status"], detail["alert"]["outcome"]) == ("closed", "false_alarm")
    assert detail["history"][0]["action"] == "closed"
    assert {it["actor"] for it in detail["history"]} == {""}
    told = json.dumps([detail, listed], ensure_ascii=False)
    assert (f'"{USER}"' in told, "dog" in told) == (False, False)
    shown = client.get(f"/api/alerts/{alert['id']}").json()
    assert (shown["alert"]["closed_by"], shown["alert"]["note"]) == (USER, "the neighbour's dog")


def test_a_program_is_told_apart_from_the_dashboard(web: Web, client: httpx2.Client, sender: Sender) -> None:
    (alert,) = see(sender, client, "t-1", "a")
    name = add_staff(web, "monitor")
    with plain_client(web.url, {"Origin": web.url}) as person:
        person.post("/login", data={"name": name, "password": PASSWORD})
        body = {"label": "p", "permissions": ["alerts.see", "alerts.work"], "current": PASSWORD}
        token = person.post("/api/tokens", json=body).json()["token"]
    with plain_client(web.url, {"Authorization": f"Bearer {token}"}) as program:
        assert decide(program, alert, "acknowledge").status_code == 200
        assert program.get(f"/api/alerts/{alert['id']}").json()["history"][0]["via"] == "api"


def test_the_second_of_two_people_gets_the_newer_state(client: httpx2.Client, sender: Sender) -> None:
    (alert,) = see(sender, client, "c-1", "a")
    assert decide(client, alert, "close", outcome="test", version=alert["version"]).status_code == 200
    answer = decide(client, alert, "acknowledge", version=alert["version"])
    assert answer.status_code == 409
    assert answer.json()["error"] == "somebody has changed it in the meantime"
    assert (answer.json()["alert"]["status"], answer.json()["alert"]["closed_by"]) == ("closed", USER)
    assert decide(client, alert, "reopen").json()["status"] == "open"


def test_assign_to_whom_it_may_concern(web: Web, client: httpx2.Client, sender: Sender) -> None:
    (alert,) = see(sender, client, "a-1", "a")
    assert decide(client, alert, "assign").json()["assignee"] == USER
    other, stranger = add_staff(web, f"monitor@{SITE}"), add_staff(web, "monitor@elsewhere")
    assert decide(client, alert, "assign", to=other).json()["assignee"] == other
    for name in (stranger, "nobody-of-that-name"):
        answer = decide(client, alert, "assign", to=name)
        assert (answer.status_code, answer.json()["error"]) == (
            422, "to: no user of this name may work on this alert",
        )  # fmt: skip
    given_up = decide(client, alert, "assign", to="").json()
    assert (given_up["acknowledgement"], given_up["assignee"]) == ("acknowledged", "")


def test_a_shelved_alert_leaves_the_queue_and_comes_back(client: httpx2.Client, sender: Sender) -> None:
    (alert,) = see(sender, client, "s-1", "a")
    shelved = decide(client, alert, "shelve", minutes=30, reason="a ladder stands there").json()
    assert (shelved["suppression"]["kind"], shelved["suppression"]["by"]) == ("shelved", USER)
    query = f"/api/alerts?site={SITE}&camera=s-1"
    assert client.get(query).json()["counts"]["total"] == 0
    assert [it["id"] for it in client.get(f"{query}&suppressed=only").json()["alerts"]] == [alert["id"]]
    assert decide(client, alert, "unshelve").json()["suppression"] is None
    assert decide(client, alert, "unshelve").status_code == 409
    assert client.get(query).json()["counts"]["total"] == 1


def _detail(client: httpx2.Client, alert: dict[str, Any], action: str) -> dict[str, Any]:
    """Of an alert's history entry, without the caller's address."""
    entries = client.get(f"/api/alerts/{alert['id']}").json()["history"]
    (found,) = [it["detail"] for it in entries if it["action"] == action]
    return {key: value for key, value in found.items() if key != "origin"}


def test_merge_and_split(client: httpx2.Client, sender: Sender) -> None:
    one, two = see(sender, client, "m-1", "a", "b")
    merged = decide(client, one, "merge", alerts=[two["id"]]).json()
    assert merged["count"] == 2
    gone = client.get(f"/api/alerts/{two['id']}").json()["alert"]
    assert (gone["status"], gone["merged_into"]) == ("closed", one["id"])
    (three,) = see(sender, client, "m-2", "c", "c")
    events = client.get(f"/api/alerts/{three['id']}").json()["events"]
    split = decide(client, three, "split", events=[events[0]["id"]]).json()
    assert (split["alert"]["count"], split["created"]["count"]) == (1, 1)
    assert decide(client, three, "split", events=[events[1]["id"]]).status_code == 409
    name = {"kind": "zone.entered", "box": one["box"], "place": "m-1"}
    assert _detail(client, one, "absorbed") == {"count": 1, "alerts": [two["id"]], "names": [name]}
    assert _detail(client, two, "joined") == {"into": one["id"], "names": [name]}
    assert _detail(client, three, "split") == {"count": 1, "into": split["created"]["id"]}


def test_one_decision_about_many(web: Web, client: httpx2.Client, sender: Sender) -> None:
    alerts = see(sender, client, "b-1", *(f"z{it}" for it in range(5)))
    decide(client, alerts[0], "close", outcome="real")
    body: dict[str, Any] = {"ids": [it["id"] for it in alerts] + [NOTHING, "nonsense"], "action": "acknowledge"}
    results = client.post("/api/alerts/bulk", json=body).json()["results"]
    assert [it["result"] for it in results] == ["conflict", *["done"] * 4, "missing", "missing"]
    assert results[0]["error"] == f"it is closed, by {USER}"
    assert results[1]["alert"]["acknowledged_by"] == USER
    wishes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("note", {"note": "n"}), ("assign", {}), ("shelve", {"minutes": 5, "reason": "noise"}), ("unshelve", {}),
        ("close", {"outcome": "false_alarm"}), ("reopen", {}),
    )  # fmt: skip
    for action, more in wishes:
        body = {"ids": [alerts[1]["id"]], "action": action, **more}
        assert client.post("/api/alerts/bulk", json=body).json()["results"][0]["result"] == "done", action
    with plain_client(web.url, {"Origin": web.url}) as person:
        person.post("/login", data={"name": add_staff(web, "monitor@elsewhere"), "password": PASSWORD})
        body = {"ids": [alerts[2]["id"]], "action": "close", "outcome": "real"}
        assert person.post("/api/alerts/bulk", json=body).json()["results"][0]["result"] == "missing"
        assert person.get(f"/api/alerts/{alerts[2]['id']}").status_code == 404
    five_hundred = {"ids": [NOTHING[:-3] + f"{it:03}" for it in range(500)], "action": "acknowledge"}
    assert len(client.post("/api/alerts/bulk", json=five_hundred).json()["results"]) == 500


BAD: list[tuple[str, dict[str, object], int, str]] = [
    ("note", {"note": "x" * 2_001}, 422, "note"),
    ("note", {"note": ""}, 422, "note"),
    ("note", {"note": "x" * 1_000_000}, 413, ""),
    ("note", {"note": "a\u0000b"}, 422, "note"),
    ("close", {"outcome": "maybe"}, 422, "outcome"),
    ("close", {}, 422, "outcome"),
    ("shelve", {"minutes": 1441, "reason": "too long"}, 422, "minutes"),
    ("shelve", {"minutes": 0, "reason": "too short"}, 422, "minutes"),
    ("shelve", {"minutes": 5, "reason": " x "}, 422, "reason"),
    ("acknowledge", {"version": 0}, 422, "version"),
    ("acknowledge", {"versions": 1}, 422, "versions"),
    ("merge", {"alerts": []}, 422, "alerts"),
    ("merge", {"alerts": ["x"] * 51}, 422, "alerts"),
    ("split", {"events": ["x"] * 501}, 422, "events"),
    ("split", {"events": [NOTHING]}, 422, "events"),
]


@pytest.mark.parametrize("bad", BAD, ids=[f"{it[0]}-{it[2]}-{it[3]}" for it in BAD])
def test_bad_decisions_are_refused_with_the_field_and_change_nothing(
    client: httpx2.Client, sender: Sender, bad: tuple[str, dict[str, object], int, str]
) -> None:
    action, body, status, field = bad
    place = "bad-1"
    there = client.get(f"/api/alerts?site={SITE}&camera={place}").json()["alerts"]
    (alert,) = there or see(sender, client, place, "a")
    answer = client.post(f"/api/alerts/{alert['id']}/{action}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(field)
    assert client.get(f"/api/alerts/{alert['id']}").json()["alert"] == alert


@pytest.mark.parametrize(
    "query",
    [
        "cursor=u9", f"cursor=n0.1.{NOTHING}", f"cursor=u1.9999999999999999999.{NOTHING}", "cursor=" + "9" * 90,
        "order=urgency&status=all",
    ],
)  # fmt: skip
def test_a_cursor_of_another_order_or_of_nobody_is_refused(client: httpx2.Client, query: str) -> None:
    assert client.get(f"/api/alerts?{query}").status_code == 400


@pytest.mark.parametrize(
    "query", ["from=yesterday", "limit=501", "severity=urgent", "suppressed=x", "kind=" + "x" * 65, "area=" + "x" * 65]
)
def test_a_wrong_filter_is_named(client: httpx2.Client, query: str) -> None:
    answer = client.get(f"/api/alerts?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(query.split("=", maxsplit=1)[0])


def test_times_of_alerts_carry_the_zone_of_the_site(web: Web, client: httpx2.Client, sender: Sender) -> None:
    (alert,) = see(sender, client, "tz-1", "a")
    assert (alert["time_zone"], alert["local_time"][-6:]) == ("UTC", "+00:00")
