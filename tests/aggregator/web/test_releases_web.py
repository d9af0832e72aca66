"""Releases over the running server: who may ask and decide, what is refused, and the page of it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from agg_support import PASSWORD, Sender, Web, log_in, plain_client, wait_until
from auth.test_staff import add
from playwright.sync_api import Page, expect
from web.test_search_web import moment, new_case

from aggregator.domain.audit import audit_entry
from protocol.receipts import BoxStatus, CameraStatus, encode
from protocol.topics import BoxTopics

WHY = {"reason": "the insurer needs to see it"}


@pytest.fixture(scope="module")
def camera(web: Web) -> Iterator[str]:
    """A camera of a box that is not there any more: nothing answers."""
    sender = Sender(web.broker_port, web.account, box="release-box")
    cameras = [CameraStatus(id="release-cam", name="Barrier", state="up")]
    sender.raw(encode(BoxStatus(online=True, cameras=cameras)), BoxTopics("village", "release-box").status)
    wait_until(lambda: any(it.id == "release-cam" for it in web.parts.core.reader.cameras()))
    yield "release-cam"
    sender.close()


def ask(client: httpx2.Client, under: str, **changed: object) -> httpx2.Response:
    fields = {"case": under, "camera": "release-cam", "from": moment(-1), "to": moment(-0.9), "reason": "who it was"}
    return client.post("/api/releases", json={**fields, **changed})


def recorded(web: Web, target: str) -> list[tuple[str, str]]:
    found = (audit_entry.decode(entry) for _, entry in web.parts.core.reader.audit_entries(0, 1_000_000))
    return [(act.what, act.who) for act in found if act.target == target]


def test_one_asks_and_another_decides(web: Web, camera: str) -> None:
    li, wang = add(web, "investigator@village", "approver@village"), add(web, "approver@village")
    far, monitor = add(web, "approver@harbour", "investigator@harbour"), add(web, "monitor")
    with web.logged_in(li) as asker, web.logged_in(wang) as approver:
        answer = ask(asker, new_case(asker))
        assert answer.status_code == 201, answer.text
        it = answer.json()
        assert (it["state"], it["box"], it["asked_by"]) == ("requested", "release-box", li)
        assert it["camera"] == camera
        own = asker.post(f"/api/releases/{it['id']}/approve", json=WHY)
        assert own.status_code == 409
        assert "second person" in own.json()["error"]
        with web.logged_in(far) as other:
            assert other.get("/api/releases").json() == {"releases": [], "before": None}
            for deed in ("approve", "refuse"):
                assert other.post(f"/api/releases/{it['id']}/{deed}", json=WHY).status_code == 403
            assert other.post(f"/api/releases/{it['id']}/fetch").status_code == 403
        with web.logged_in(monitor) as other:
            assert other.get("/api/releases").status_code == 403
        assert approver.post(f"/api/releases/{it['id']}/approve", json={"reason": " "}).status_code == 409
        assert [one["id"] for one in approver.get("/api/releases").json()["releases"]][:1] == [it["id"]]
        assert "sealed" not in approver.get("/api/releases").text
        assert approver.post(f"/api/releases/{it['id']}/refuse", json=WHY).json()["decided_by"] == wang
        assert approver.post(f"/api/releases/{it['id']}/approve", json=WHY).status_code == 409
        assert asker.post(f"/api/releases/{it['id']}/fetch").status_code == 409  # nothing was approved
    done = recorded(web, it["id"])
    tried_own, fetched_without, decided = ("release.refused", li), ("release.refused", far), ("release.refused", wang)
    assert done == [("release.requested", li), tried_own, fetched_without, decided, decided, tried_own]


@pytest.mark.parametrize(
    ("changed", "status", "words"),
    [
        ({"case": "never opened"}, 409, "no case"),
        ({"camera": "../x"}, 409, "no camera"),
        ({"from": "yesterday"}, 422, "time"),
        ({"to": None}, 422, "to: "),
        ({"reason": ""}, 422, "3 to 200"),
        ({"from": moment(-9)}, 422, "an hour"),
        ({"to": moment(1)}, 422, "an hour"),
        ({"approved_by": "wang"}, 422, "approved_by: is not a field"),
        ({"state": "approved"}, 422, "state: is not a field"),
    ],
)
def test_requests_that_cannot_be(web: Web, camera: str, changed: dict[str, object], status: int, words: str) -> None:
    with web.logged_in(add(web, "investigator@village")) as client:
        answer = ask(client, new_case(client), **{"camera": camera, **changed})
        assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text


def test_a_token_reads_but_neither_asks_nor_decides_nor_fetches(web: Web, camera: str) -> None:
    name = add(web, "investigator@village", "approver@village")
    with web.logged_in(name) as client:
        case = new_case(client)
        it = ask(client, case, camera=camera).json()
        permissions = ["release.see", "release.ask", "release.decide"]
        wanted = {"label": "x", "permissions": permissions, "days": 1, "current": PASSWORD}
        token = client.post("/api/tokens", json=wanted).json()["token"]
    with plain_client(web.url, {"Authorization": f"Bearer {token}"}) as client:
        assert [one["id"] for one in client.get("/api/releases").json()["releases"]][:1] == [it["id"]]
        assert ask(client, case).status_code == 403
        for deed in ("approve", "refuse", "fetch"):
            assert client.post(f"/api/releases/{it['id']}/{deed}", json=WHY).status_code == 403


def test_the_page_asks_and_decides(web: Web, camera: str, page: Page) -> None:
    li, wang = add(web, "investigator@village"), add(web, "approver@village")
    with web.logged_in(li) as client:
        case = new_case(client)
    log_in(web, page, li, path=f"/releases?case={case}&camera={camera}&at=1790000000")
    expect(page.get_by_test_id("release-from")).to_have_value("2026-09-21T22:12:50")
    label = page.get_by_text("Reason of the request (3 to 200 characters)")
    assert label.evaluate("it => it.scrollWidth <= it.clientWidth")
    page.get_by_test_id("release-ask").click()
    expect(page.get_by_text("Write at least 3 characters.")).to_be_visible()
    page.get_by_test_id("release-reason").fill("who bent the <barrier>")
    page.get_by_test_id("release-ask").click()
    mine = page.get_by_test_id("release").filter(has_text=case)
    expect(mine).to_contain_text("who bent the <barrier>")
    expect(page.get_by_test_id("release-approve")).to_have_count(0)
    page.context.clear_cookies()
    log_in(web, page, wang, path="/releases")
    theirs = page.get_by_test_id("release").filter(has_text=case)
    expect(theirs).to_have_attribute("data-state", "requested")
    expect(page.get_by_test_id("release-ask")).to_have_count(0)
    for said in ("Stone Bridge <Village> · Barrier", "22:13:50 CST", f"Case {case}: who blocked the fire lane"):
        expect(theirs).to_contain_text(said)
    theirs.get_by_test_id("release-approve").click()
    page.get_by_test_id("release-decide").click()
    expect(page.get_by_text("Write a reason of 3 to 200 characters.")).to_be_visible()
    page.get_by_test_id("release-why").fill("the insurer needs to see it")
    page.get_by_test_id("release-decide").click()
    expect(theirs).to_have_attribute("data-state", "approved")
    expect(theirs.get_by_test_id("release-fetch")).to_have_count(0)
    (it,) = [one for one in web.parts.core.reader.unfinished_releases() if one.case_id == case]
    assert (it.decided_by, it.sealed != b"") == (wang, True)
    assert recorded(web, it.id) == [("release.requested", li), ("release.approved", wang)]
