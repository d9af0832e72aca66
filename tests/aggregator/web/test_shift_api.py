"""Procedures, hand-overs and reports through the running aggregator."""

from __future__ import annotations

import contextlib
import csv
import io
import secrets
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from agg_support import Sender, Web, add_staff, entered, event

from protocol.event_types import CameraBack, CameraLost, DoorForced


@pytest.fixture
def site() -> str:
    """A site of the test's own."""
    return f"shift-{secrets.token_hex(4)}"


@contextlib.contextmanager
def as_user(web: Web, *roles: str) -> Iterator[tuple[httpx2.Client, str]]:
    name = add_staff(web, *roles)
    with web.logged_in(name) as client:
        yield client, name


def send(web: Web, site: str, *events: Any) -> None:
    sender = Sender(web.broker_port, web.account, box="shift", site=site)
    try:
        sender.send(*events)
        sender.wait()
    finally:
        sender.close()


def noise(site: str) -> int:
    """A number for ids that no other test uses."""
    return int(site[-8:], 16)


def now(web: Web) -> int:
    return web.parts.core.clock.wall_ns()


def forced(web: Web, site: str, number: int = 1) -> Any:
    return event(
        number, DoorForced(door="d1"), place="d1", box="shift", site=site, time_ns=now(web), number=noise(site)
    )


def the_alert(client: httpx2.Client, site: str) -> dict[str, Any]:
    (alert,) = client.get("/api/alerts", params={"site": site}).json()["alerts"]
    return dict(alert)


def audited(web: Web, target: str) -> list[str]:
    return [it.what for it in reversed(web.audit_entries()) if it.target == target]


STEPS = [{"en": "Look.", "required": True}, {"zh_CN": "通知保安。"}]


def test_an_alert_keeps_its_version_and_closing_asks_for_a_reason(web: Web, site: str) -> None:
    with as_user(web, f"supervisor@{site}") as (client, name):
        made = client.post("/api/procedures", json={"kind": "door.forced", "site": site, "steps": STEPS, "after": 0})
        assert (made.status_code, made.json()["version"], made.json()["made_by"]) == (201, 1, name)
        send(web, site, forced(web, site))
        alert = the_alert(client, site)
        path = f"/api/alerts/{alert['id']}/procedure"
        late = client.post(
            "/api/procedures", json={"kind": "door.forced", "site": site, "steps": STEPS[:1] * 5, "after": 1}
        )
        assert late.status_code == 201
        shown = client.get(path).json()
        assert (shown["site"], shown["version"], len(shown["steps"]), shown["open_required"]) == (site, 1, 2, [1])
        close = {"outcome": "false_alarm", "note": ""}
        refused = client.post(f"/api/alerts/{alert['id']}/close", json=close)
        assert refused.status_code == 422
        assert refused.json()["error"].startswith("note: required steps are not ticked off (1)")
        ticked = client.put(f"{path}/1", json={"done": True}).json()
        assert (ticked["steps"][0]["done_by"], ticked["open_required"]) == (name, [])
        assert client.put(f"{path}/1", json={"done": True}).status_code == 200, "a second press changes nothing"
        assert client.put(f"{path}/3", json={"done": True}).json()["error"] == "step: must be from 1 to 2"
        assert client.post(f"/api/alerts/{alert['id']}/close", json=close).status_code == 200
        assert client.put(f"{path}/1", json={"done": False}).status_code == 422
        history = client.get(f"/api/alerts/{alert['id']}").json()["history"]
        assert [it["actor"] for it in history if it["action"] == "step_done"] == [name]
        assert audited(web, alert["id"]).count("procedure.ticked") == 1
        versions = client.get("/api/procedures/door.forced", params={"site": site}).json()["procedures"]
        assert [(it["version"], len(it["steps"])) for it in versions] == [(2, 5), (1, 2)]


def test_a_reason_or_another_outcome_closes_without_the_steps(web: Web, site: str) -> None:
    with as_user(web, f"supervisor@{site}") as (client, _):
        send(web, site, forced(web, site))
        alert = the_alert(client, site)
        bulk = {"ids": [alert["id"]], "action": "close", "outcome": "real"}
        (result,) = client.post("/api/alerts/bulk", json=bulk).json()["results"]
        assert result["result"] == "refused"
        path = f"/api/alerts/{alert['id']}"
        assert client.post(f"{path}/close", json={"outcome": "test", "note": ""}).status_code == 200
        assert client.post(f"{path}/reopen", json={}).status_code == 200
        assert client.post(f"{path}/close", json={"outcome": "real", "note": "police came"}).status_code == 200


def test_procedures_are_changed_within_the_scope_and_never_over_a_newer_one(web: Web, site: str) -> None:
    body = {"kind": "zone.entered", "site": site, "steps": STEPS, "after": 0}
    with as_user(web, f"supervisor@{site}") as (client, _), as_user(web, f"monitor@{site}") as (monitor, _):
        assert monitor.post("/api/procedures", json=body).status_code == 403
        assert client.post("/api/procedures", json={**body, "site": ""}).status_code == 403
        assert client.post("/api/procedures", json={**body, "site": "harbour"}).status_code == 403
        assert client.post("/api/procedures", json=body).status_code == 201
        assert client.post("/api/procedures", json=body).status_code == 409
        wrong = client.post("/api/procedures", json={**body, "after": 1, "steps": [{"en": " "}]})
        assert (wrong.status_code, wrong.json()["error"][:8]) == (422, "steps.1:")
        mine = [it for it in monitor.get("/api/procedures").json()["procedures"] if it["site"]]
        assert [it["site"] for it in mine] == [site]
        assert audited(web, "zone.entered").count("procedure.changed") >= 1


def test_two_people_sign_a_hand_over(web: Web, site: str) -> None:
    with (
        as_user(web, f"monitor@{site}") as (leaving, left_by),
        as_user(web, f"supervisor@{site}") as (coming, taken_by),
        as_user(web, "monitor@harbour") as (elsewhere, _),
    ):
        send(web, site, forced(web, site))
        note = leaving.post("/api/shift-notes", json={"scope": site, "text": "门禁已修。\n明天复查。"})
        assert note.status_code == 201
        made = leaving.post("/api/handovers", json={"scope": site})
        assert made.status_code == 201
        document = made.json()
        assert [it["kind"] for it in document["content"]["alerts"]] == ["door.forced"]
        assert [it["text"] for it in document["content"]["notes"]] == ["门禁已修。\n明天复查。"]
        assert document["content"]["counts"] == {"critical": 1}
        path, signature = f"/api/handovers/{document['id']}", {"digest": document["digest"]}
        assert leaving.post(f"{path}/take", json=signature).status_code == 409
        assert coming.post(f"{path}/take", json={"digest": "0" * 64}).status_code == 409
        assert elsewhere.post(f"{path}/take", json=signature).status_code == 404
        assert elsewhere.get(path).status_code == 404
        assert elsewhere.post("/api/handovers", json={"scope": site}).status_code == 403
        taken = coming.post(f"{path}/take", json=signature)
        assert (taken.status_code, taken.json()["left_by"], taken.json()["taken_by"]) == (200, left_by, taken_by)
        assert coming.post(f"{path}/take", json=signature).status_code == 409
        assert coming.get(path).json()["frozen"] == document["frozen"]
        assert audited(web, document["id"]) == ["handover.taken", "handover.made"]
        after = coming.get("/api/handovers/current", params={"scope": site}).json()
        assert (after["since"], after["notes"]) == (document["left"], [])
        newer = coming.post("/api/handovers", json={"scope": site}).json()
        coming.post("/api/handovers", json={"scope": site})
        first = coming.get("/api/handovers", params={"limit": 2}).json()
        assert site in first["scopes"] or first["scopes"] == ["*"]
        assert [it["state"] for it in first["handovers"]] == ["waiting", "replaced"]
        assert first["handovers"][1]["id"] == newer["id"]
        rest = coming.get("/api/handovers", params={"limit": 2, "before": first["before"]}).json()
        assert [it["state"] for it in rest["handovers"]] == ["taken"]


def test_what_a_hand_over_refuses(web: Web) -> None:
    with as_user(web, "monitor@village/yards") as (client, _):
        for scope, status in (("village", 403), ("*", 403), ("village/yards/x", 409), ("village/yards", 201)):
            assert client.post("/api/handovers", json={"scope": scope}).status_code == status, scope
        long = {"scope": "village/yards", "text": "x" * 1_001}
        assert client.post("/api/shift-notes", json=long).json()["error"].startswith("text: ")
        assert client.post("/api/shift-notes", json={**long, "text": "x" * 1_000_000}).status_code == 413
        assert client.get("/api/handovers", params={"before": "1.x"}).status_code == 400


def test_figures_are_those_of_the_scope(web: Web, site: str) -> None:
    made = [
        event(1, entered(), box="shift", site=site, time_ns=now(web), number=noise(site)),
        event(2, CameraLost(), place="cam-2", box="shift", site=site, time_ns=now(web), number=noise(site) + 1),
        event(3, CameraBack(), place="cam-2", box="shift", site=site, time_ns=now(web) + 1, number=noise(site) + 2),
    ]
    with as_user(web, f"supervisor@{site}") as (client, _), as_user(web, f"supervisor@{site}-b") as (elsewhere, _):
        send(web, site, *made)
        found = client.get("/api/statistics", params={"operators": 2}).json()
        assert (found["alerts"], found["severities"], found["operators"]) == (2, {"medium": 1, "high": 1}, 2)
        assert found["retention"] == []
        assert {it["id"]: it["outages"] for it in found["availability"]} == {"cam-2": 1} | (
            {"": 0} if len(found["availability"]) > 1 else {}
        )
        assert elsewhere.get("/api/statistics").json()["alerts"] == 0
        assert elsewhere.get("/api/statistics", params={"site": site}).status_code == 403
        rows = list(csv.reader(io.StringIO(client.get("/api/statistics.csv").text)))
        assert ["load", "alerts", "2"] in rows
        assert sum(int(row[2]) for row in rows if row[0] == "day") == 2
        for wrong in ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, {"from": "2020-01-01T00:00:00Z"}):
            assert client.get("/api/statistics", params=wrong).status_code == 422
    with web.logged_in() as everyone:
        kept = everyone.get("/api/statistics").json()["retention"]
        assert [it["what"] for it in kept] == ["pictures", "events", "alerts", "record"]


def test_a_change_of_a_rule_is_replayed_before_it_is_made(web: Web, site: str) -> None:
    rule = {"site": site, "box": "shift", "camera": "cam-1", "kind": "zone.entered", "subject": "yard"}
    with as_user(web, f"supervisor@{site}") as (client, _), as_user(web, "supervisor@harbour") as (elsewhere, _):
        send(web, site, event(1, entered(), box="shift", site=site, time_ns=now(web), number=noise(site)))
        alert = the_alert(client, site)
        close = {"outcome": "false_alarm", "note": "a cat"}
        assert client.post(f"/api/alerts/{alert['id']}/close", json=close).status_code == 200
        (quality,) = client.get("/api/quality").json()["rules"]
        assert (quality["false_alarm"], quality["share"], quality["source"]) == (1, 1.0, rule)
        shown = client.get("/api/quality/rule", params=rule).json()
        assert shown["events"] == 1
        assert {it["change"]["change"] for it in shown["proposals"]} == {"minimum_height", "mask"}
        assert all(it["effect"]["not_opened_by_outcome"] == {"false_alarm": 1} for it in shown["proposals"])
        span = {"from": "2026-01-01T00:00:00Z", "to": "2026-12-31T00:00:00Z"}
        wanted = {**rule, **span, "change": {"change": "minimum_height", "height_px": 1.0}}
        effect = client.post("/api/quality/replay", json=wanted).json()["effect"]
        assert (effect["events"], effect["dropped"], effect["not_opened"]) == (1, 0, 0)
        assert client.post("/api/quality/replay", json={**wanted, "change": {"change": "mask"}}).status_code == 422
        assert elsewhere.post("/api/quality/replay", json=wanted).status_code == 403
        assert elsewhere.get("/api/quality/rule", params=rule).status_code == 403
