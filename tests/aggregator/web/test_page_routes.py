"""Routes for what pages read themselves: entries and findings of the audit log, passages, the timeline of a camera."""

from __future__ import annotations

import httpx2
import pytest
from agg_support import JPEG, PASSWORD, START_NS, Sender, Web, add_staff, entered, event, plain_client

from aggregator.audit import query
from common.clock import SECOND_NS
from protocol.event_types import DoorForced, VehicleRegistered, VehicleUnlisted
from protocol.identifiers import to_rfc3339

SITE, BOX = "quarry", "quarry-1"
PSEUDONYM = "0123456789abcdef"
PLACE = f"/api/sites/{SITE}/boxes/{BOX}"


@pytest.fixture(scope="module")
def sent(web: Web) -> list[str]:
    """Two vehicles and a door, and three entries of a zone; their ids."""
    sender = Sender(web.broker_port, web.account, box=BOX, site=SITE)
    passed = VehicleRegistered(gate="lane", confidence=0.98, opened=True, vehicle=PSEUDONYM)
    events = [
        event(1, passed, site=SITE, place="lane", box=BOX, number=620_001, picture=JPEG),
        event(2, VehicleUnlisted(gate="lane", confidence=0.9, opened=False), site=SITE, place="lane", box=BOX,
              number=620_002, time_ns=START_NS + SECOND_NS),
        event(3, DoorForced(door="hall"), site=SITE, place="hall", box=BOX, number=620_003),
        *(event(it, entered(), site=SITE, place="pit", box=BOX, number=620_000 + it, time_ns=START_NS + it * SECOND_NS)
          for it in (4, 5, 6)),
    ]  # fmt: skip
    try:
        sender.send(*events)
        sender.wait()
    finally:
        sender.close()
    return [it.id for it in events]


def refused(web: Web, role: str, path: str) -> int:
    with web.logged_in(add_staff(web, role)) as client:
        return client.get(path).status_code


def test_passages_are_the_newest_first_within_the_scope_and_name_no_pseudonym(web: Web, sent: list[str]) -> None:
    path = f"{PLACE}/places/lane/passages"
    with web.logged_in(add_staff(web, f"guard@{SITE}")) as client:
        answer = client.get(path)
        assert [(it["id"], it["kind"]) for it in answer.json()["passages"]] == [
            (sent[1], "vehicle.unlisted"), (sent[0], "vehicle.registered"),
        ]  # fmt: skip
        assert [it["picture"] for it in answer.json()["passages"]] == [None, f"/api/pictures/{sent[0]}"]
        assert PSEUDONYM not in answer.text
        assert [it["id"] for it in client.get(f"{path}?limit=1").json()["passages"]] == [sent[1]]
        assert client.get(f"{path}?limit=101").status_code == 422
        hall = client.get(f"{PLACE}/places/hall/passages").json()["passages"]
        assert [it["kind"] for it in hall] == ["door.forced"]
    assert [refused(web, it, path) for it in ("guard@elsewhere", f"auditor@{SITE}")] == [403, 403]


def test_passages_name_pictures_only_to_those_who_may_see_them(web: Web, sent: list[str]) -> None:
    with plain_client(web.url, {"Origin": web.url}) as person:
        person.post("/login", data={"name": add_staff(web, f"guard@{SITE}"), "password": PASSWORD})
        wanted = {"label": "lanes", "permissions": ["passages.see"], "current": PASSWORD}
        token = person.post("/api/tokens", json=wanted).json()["token"]
    with plain_client(web.url, {"Authorization": f"Bearer {token}"}) as program:
        found = program.get(f"{PLACE}/places/lane/passages").json()["passages"]
    assert [(it["id"], it["picture"]) for it in found] == [(sent[1], None), (sent[0], None)]


def test_a_timeline_counts_and_lists_events_within_its_range(web: Web, sent: list[str]) -> None:
    assert sent
    begin, end = (to_rfc3339(START_NS + it * SECOND_NS) for it in (4, 8))
    path = f"{PLACE}/cameras/pit/timeline?from={begin}&to={end}&bins=2"
    with web.logged_in(add_staff(web, f"investigator@{SITE}")) as client:
        found = client.get(path).json()
        assert (found["bins"], [it["kind"] for it in found["events"]]) == ([2, 1], ["zone.entered"] * 3)
        backwards = client.get(f"{PLACE}/cameras/pit/timeline?from={end}&to={begin}")
        assert (backwards.status_code, backwards.json()["error"][:3]) == (422, "to:")
        assert client.get(f"{path}&bins=1001").status_code == 422
    assert [refused(web, it, path) for it in ("investigator@elsewhere", f"monitor@{SITE}")] == [403, 403]


def entries(client: httpx2.Client, words: str) -> dict[str, object]:
    answer = client.get(f"/api/record/entries?{words}")
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_entries_of_the_audit_log_are_filtered_paged_and_logged(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query, "PAGE", 2)
    name = add_staff(web, "auditor")
    with web.logged_in(name) as client:
        for _ in range(3):
            entries(client, f"who={name}&what=view")
        numbers: list[int] = []
        cursor: object = ""
        while cursor is not None:
            page = entries(client, f"who={name}&what=view" + (f"&cursor={cursor}" if cursor else ""))
            assert isinstance(page["entries"], list)
            numbers += [it["number"] for it in page["entries"]]
            assert all((it["who"], it["what"], it["target"]) == (name, "view", "record") for it in page["entries"])
            cursor = page["next"]
        assert (len(numbers), numbers) == (4, sorted(numbers, reverse=True))
        assert entries(client, f"who={name}&until=2000-01-01T00:00:00Z")["entries"] == []
        for wrong in ("what=nothing", "cursor=0", "from=yesterday", f"who={'x' * 65}"):
            assert client.get(f"/api/record/entries?{wrong}").status_code == 422, wrong
        findings = client.get("/api/record/findings").json()
        assert findings["days"] == query.DAYS
    looked = [it for it in web.audit_entries() if it.who == name and it.target == "record"]
    assert looked[0].detail == {"who": name, "what": "view"}
    assert looked[-1].detail == {"findings": "yes"}
    for path in ("entries", "findings"):
        assert [refused(web, it, f"/api/record/{path}") for it in ("auditor@village", "admin")] == [403, 403]
