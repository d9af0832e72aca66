"""Cases and search over the running server: what is shown, what is refused, and that it is on the record first."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest
from agg_support import JPEG, Sender, Web, entered, event, log_in
from auth.test_staff import add
from playwright.sync_api import Page, expect

from aggregator.domain import clip as clips
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.services import search_service
from common.clock import SECOND_NS, SystemClock
from protocol.event_types import LineCrossed
from protocol.identifiers import to_rfc3339

HOUR_NS = 3600 * SECOND_NS
SITE = "hamlet"
"""Of this file only: what other files send is not found here."""


def moment(hours: float) -> str:
    return to_rfc3339(SystemClock().wall_ns() + round(hours * HOUR_NS))


@pytest.fixture(scope="module")
def filed(web: Web) -> Iterator[dict[str, str]]:
    """Some events of two sites, an hour ago; name → id."""
    now_ns = SystemClock().wall_ns()
    made = {}
    senders = []
    for number, (name, site, place, data, picture) in enumerate(
        [
            ("person", SITE, "yard-1", entered("search-yard", "person"), JPEG),
            ("car", SITE, "yard-1", entered("search-yard", "car"), None),
            ("line", SITE, "yard-2", LineCrossed(line="in", direction="forward", object="person", track=7), None),
            ("foreign", "harbour", "quay", entered("search-quay", "person"), JPEG),
        ]
    ):
        sender = Sender(web.broker_port, web.account, box=f"search-{site}", site=site)
        its = event(
            number + 1, data, site=site, place=place, box=f"search-{site}", number=810_000 + number,
            time_ns=now_ns - HOUR_NS + number, picture=picture,
        )  # fmt: skip
        sender.send(its)
        sender.wait()
        senders.append(sender)
        made[name] = its.id
    yield made
    for sender in senders:
        sender.close()


def new_case(client: httpx2.Client, **changed: object) -> str:
    fields = {
        "id": f"2026/{secrets.token_hex(6)}", "purpose": "who blocked the fire lane", "basis": "incident",
        "site": "village", "expires": moment(24),
    }  # fmt: skip
    answer = client.post("/api/cases", json=fields | changed)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def case_here(client: httpx2.Client, **changed: object) -> str:
    """A case of this file's site."""
    return new_case(client, **({"site": SITE} | changed))


def search(client: httpx2.Client, case: str, words: str = "site=hamlet") -> httpx2.Response:
    return client.get(f"/api/footage?case={quote(case)}&from={moment(-2)}&until={moment(0)}&{words}")


def recorded(web: Web, case: str) -> list[AuditEntry]:
    found = (audit_entry.decode(entry) for _, entry in web.parts.core.reader.audit_entries(0, 1_000_000))
    return [act for act in found if act.case == case]


def test_a_question_under_a_case_is_answered_and_recorded(web: Web, filed: dict[str, str]) -> None:
    name = add(web, "investigator@hamlet")
    with web.logged_in(name) as client:
        case = case_here(client)
        hits = search(client, case).json()["hits"]
        assert [hit["id"] for hit in hits if hit["id"] in filed.values()] == [
            filed[it] for it in ("line", "car", "person")
        ]
        assert set(hits[0]) == {"id", "site", "box", "place", "kind", "time", "object", "zone", "picture"}
        only = search(client, case, "place=hamlet/yard-1&object=car&kind=zone.entered&zone=search-yard").json()["hits"]
        assert [hit["id"] for hit in only] == [filed["car"]]
        first = search(client, case, "place=hamlet/yard-1&place=hamlet/yard-2&limit=1")
        after = client.get(str(first.url) + "&after=" + first.json()["after"]).json()
        assert [hit["id"] for hit in after["hits"]] == [filed["car"]]
        picture = f"/api/footage/{filed['person']}/picture?case={quote(case)}"
        assert client.get(picture).content == JPEG
        assert client.post("/api/cases/close", json={"case": case}).status_code == 200
        assert search(client, case).status_code == 409
        assert client.get(picture).status_code == 409
    kinds = [act.what for act in recorded(web, case)]
    assert kinds == ["case.opened", "search", "search", "search", "search", "view", "case.closed"]
    assert recorded(web, case)[2].detail["objects"] == "car"
    assert {act.who for act in recorded(web, case)} == {name}


def test_visits_have_the_rights_the_audit_and_the_pages_of_a_search(web: Web, filed: dict[str, str]) -> None:
    def visits(client: httpx2.Client, case: str, words: str) -> httpx2.Response:
        return client.get(f"/api/footage/visits?case={quote(case)}&from={moment(-2)}&until={moment(0)}&{words}")

    with web.logged_in(add(web, "investigator@hamlet")) as client:
        case = case_here(client)
        found = visits(client, case, "site=hamlet").json()
        assert [(it["place"], it["kind"], it["object"], it["count"]) for it in found["visits"]] == [
            ("yard-2", "line.crossed", "person", 1), ("yard-1", "zone.entered", "car", 1),
            ("yard-1", "zone.entered", "person", 1),
        ]  # fmt: skip
        assert found["visits"][2]["hit"]["picture"] == f"/api/footage/{filed['person']}/picture"
        assert (found["after"], [it["continues"] for it in found["visits"]]) == (None, [False] * 3)
        assert visits(client, case, "site=harbour").status_code == 409
        assert visits(client, case, "site=hamlet&after=x").status_code == 422
        assert visits(client, "nothing", "site=hamlet").status_code == 409
    assert [it.what for it in recorded(web, case)] == ["case.opened", "search"]
    with web.logged_in(add(web, "monitor")) as client:
        assert visits(client, case, "site=hamlet").status_code == 403


def test_pages_of_visits_end_and_say_which_go_on(
    web: Web, filed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_service, "MOST_VISITS", 1)
    span = f"from={moment(-2)}&until={moment(0)}"
    with web.logged_in(add(web, "investigator@hamlet")) as client:
        address = f"/api/footage/visits?case={quote(case_here(client))}&{span}&site=hamlet&limit=1"
        seen, after = [], ""
        while after is not None:
            page = client.get(f"{address}&after={after}" if after else address).json()
            seen += [(it["hit"]["id"], it["continues"]) for it in page["visits"]]
            after = page["after"]
    assert [it for it, _ in seen] == [filed[it] for it in ("line", "car", "person")]
    assert [it for _, it in seen[:2]] == [True, True]


def test_ux_19_a_preview_in_the_results_is_no_deliberate_access(web: Web, filed: dict[str, str]) -> None:
    with web.logged_in(add(web, "investigator@hamlet")) as client:
        case = case_here(client)
        picture = f"/api/footage/{filed['person']}/picture?case={quote(case)}"
        assert client.get(picture, headers={"Sec-Fetch-Dest": "image"}).status_code == 200
        assert client.get(picture).status_code == 200
    views = [act for act in recorded(web, case) if act.what == "view"]
    assert [act.detail for act in views] == [{"shown_by": "page"}, {}]


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("site=harbour", 409),
        ("site=hamlet&site=harbour", 409),
        ("place=harbour/quay", 409),
        ("", 409),
        ("site=hamlet&track=7", 422),
        ("site=hamlet&credential=00112233445566778899", 422),
        ("site=hamlet&vehicle=x", 422),
        ("site=hamlet&person=li", 422),
        ("site=hamlet&kind=no.such", 422),
        ("site=hamlet&limit=100000", 422),
        ("site=hamlet&after=forged", 422),
        ("site=hamlet&area=nowhere", 409),
        ("site=hamlet&from=2020-01-01T00:00:00Z", 422),
    ],
)  # fmt: skip
def test_what_goes_beyond_is_refused_and_shows_nothing(
    web: Web, filed: dict[str, str], words: str, status: int
) -> None:
    with web.logged_in(add(web, "investigator")) as client:
        case = case_here(client)
        answer = search(client, case, words)
        assert answer.status_code == status
        assert set(answer.json()) == {"error"}


def test_a_clip_is_asked_for_under_the_case(web: Web, filed: dict[str, str]) -> None:
    with web.logged_in(add(web, "investigator@hamlet")) as client:
        case = case_here(client)
        clip = f"/api/footage/{filed['car']}/clip?case={quote(case)}"
        assert client.get(clip).status_code == 404
        asked = client.post(clip)
        assert asked.status_code == 202
        assert asked.json()["state"] in ("wanted", "asked")
        assert client.post(clip).status_code == 202  # asking twice is asking once
        assert client.get(clip).json()["state"] in ("wanted", "asked")
        foreign = f"/api/footage/{filed['foreign']}/clip?case={quote(case)}"
        assert (client.post(foreign).status_code, client.get(foreign).status_code) == (404, 404)
        kept = web.parts.core.reader.clip(filed["car"])
        assert kept is not None
        assert (kept.box, kept.camera, kept.to_ns - kept.from_ns) == (f"search-{SITE}", "yard-1", 30 * SECOND_NS)
        web.parts.files.objects.put(kept.object, whole(web))
        stored = clips.mark_stored(kept, 4, "00")
        assert web.parts.core.queue.submit(lambda store: store.change_clip(kept, stored)).result(10)
        film = client.get(clip, headers={"Range": "bytes=1-2"})
        assert (film.status_code, film.content, film.headers["content-type"]) == (206, b"il", "video/mp4")
        assert client.get(f"/api/clips/{filed['car']}").status_code == 403  # not without the case
    with web.logged_in(add(web, f"monitor@{SITE}")) as monitor:
        assert monitor.get(f"/api/clips/{filed['car']}").status_code == 404
    acts_of_it = [(act.what, act.detail) for act in recorded(web, case)]
    assert acts_of_it == [("case.opened", acts_of_it[0][1]), ("clip", {"asked": "yes"}), ("clip", {})]


def whole(web: Web) -> Path:
    path = Path(web.parts.core.settings.data) / "film"
    path.write_bytes(b"film")
    return path


def test_a_case_narrows_what_may_be_asked(web: Web, filed: dict[str, str]) -> None:
    with web.logged_in(add(web, "investigator@hamlet")) as client:
        case = case_here(client, places=["hamlet/yard-2"], **{"from": moment(-1.5), "until": moment(1)})
        long_ago = f"&from={moment(-1.4)}&until={moment(0)}"
        inside = client.get(f"/api/footage?case={quote(case)}&place=hamlet/yard-2{long_ago}")
        assert [hit["id"] for hit in inside.json()["hits"]] == [filed["line"]]
        assert client.get(f"/api/footage?case={quote(case)}&place=hamlet/yard-1{long_ago}").status_code == 409
        assert search(client, case, "place=hamlet/yard-2").status_code == 409  # begins before the case does
        assert client.get(f"/api/footage/{filed['person']}/picture?case={quote(case)}").status_code == 404
        assert client.get(f"/api/footage/{filed['foreign']}/picture?case={quote(case)}").status_code == 404


def test_cases_of_other_sites_do_not_exist(web: Web) -> None:
    with web.logged_in(add(web, "investigator@harbour")) as other:
        case = new_case(other, site="harbour")
    with web.logged_in(add(web, "investigator@hamlet")) as client:
        assert client.post("/api/cases", json={"id": "x", "site": "harbour"}).status_code == 422
        mine = case_here(client)
        shown = {it["id"] for it in client.get("/api/cases").json()["cases"]}
        assert mine in shown
        assert case not in shown
        for answer in (search(client, case, "site=harbour"), client.post("/api/cases/close", json={"case": case})):
            assert answer.status_code == 409
            assert "no case" in answer.json()["error"]


@pytest.mark.parametrize(
    "changed",
    [
        {"purpose": "short"}, {"basis": "curiosity"}, {"expires": moment(-1)}, {"expires": moment(24 * 365)},
        {"site": "harbour"}, {"places": ["harbour/quay"]}, {"id": ""}, {"opened_by": "somebody"}, {"from": 5},
        {"expires": "soon"},
    ],
)  # fmt: skip
def test_impossible_cases_are_refused(web: Web, changed: dict[str, object]) -> None:
    with web.logged_in(add(web, "investigator@hamlet")) as client:
        fields = {
            "id": "bad",
            "purpose": "long enough to be one",
            "basis": "incident",
            "site": SITE,
            "expires": moment(1),
        }
        assert client.post("/api/cases", json=fields | changed).status_code in (403, 422)
        assert "bad" not in {it["id"] for it in client.get("/api/cases").json()["cases"]}


def test_the_page_searches(web: Web, filed: dict[str, str], page: Page) -> None:
    name = add(web, "investigator@hamlet")
    log_in(web, page, name)
    page.get_by_test_id("page-search").click()
    page.get_by_test_id("new-case").click()
    page.get_by_test_id("case-id").fill("page case")
    page.get_by_test_id("case-purpose").fill("who blocked the fire lane")
    page.get_by_test_id("open-case").click()
    expect(page.get_by_test_id("search-told")).to_contain_text("fire lane")
    page.get_by_test_id("search-go").click()
    hit = page.locator(f'[data-event="{filed["person"]}"]')
    expect(hit.locator("img")).to_be_attached()
    expect(page.locator(f'[data-event="{filed["foreign"]}"]')).to_have_count(0)
    assert [act.what for act in recorded(web, "page case")][:2] == ["case.opened", "search"]
    page.get_by_test_id("close-case").click()
    expect(page.get_by_test_id("hits").locator("article")).to_have_count(0)
    assert recorded(web, "page case")[-1].what == "case.closed"
