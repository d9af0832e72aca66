"""UX.md faults 4, 7, 13 and 14 on the pages of lists and gates, and through the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from agg_support import Sender, Web, add_staff, event, log_in
from playwright.sync_api import Browser, Page, expect

from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.web.dashboard.i18n.texts import TEXTS
from protocol.event_types import VehicleBarred
from protocol.receipts import BoxStatus, GateStatus, encode

LIST = "/api/sites/village/list"
PLATE = "京D77777"
BARRED = {
    "text": PLATE, "standing": "barred", "owner": "office <2>", "reason": "court order 12", "valid_until": "2027-05-31"
}  # fmt: skip


@pytest.fixture
def barred(web: Web) -> Iterator[str]:
    """The id of a barred entry, which is gone after the test."""
    with web.logged_in() as client:
        made = client.post(LIST, json=BARRED)
        assert made.status_code == 201, made.text
        yield made.json()["id"]
        for it in client.get(LIST).json()["entries"]:
            client.delete(f"{LIST}/{it['id']}")


def recorded(web: Web, what: str) -> list[AuditEntry]:
    found = (audit_entry.decode(entry) for _, entry in web.parts.core.reader.audit_entries(0, 1_000_000))
    return [it for it in found if it.what == what]


def test_ux_04_the_api_answers_409_with_what_is_there(web: Web, barred: str) -> None:
    wanted = {"text": PLATE, "standing": "registered", "owner": "house 7"}
    with web.logged_in() as client:
        answer = client.post(LIST, json=wanted)
        assert answer.status_code == 409
        assert "this plate is BARRED until 2027-05-31T16:00:00" in answer.json()["error"]
        assert answer.json()["present"] | {"made": ""} == {
            "id": barred, "kind": "vehicle", "by": "li", "valid_from": None, "made": "",
            "valid_until": "2027-05-31T16:00:00.000000000Z", "text": PLATE, "standing": "barred", "owner": "office <2>",
            "reason": "court order 12",
        }  # fmt: skip
        assert recorded(web, "list.viewed")[-1].target == barred
        missing = client.post(LIST, json=wanted | {"replace": True})
        assert (missing.status_code, "reason: is missing" in missing.text) == (422, True)
        assert client.post(LIST, json=wanted | {"replace": True, "reason": "order lifted"}).status_code == 201
        assert [it["standing"] for it in client.get(LIST).json()["entries"]] == ["registered"]
    assert recorded(web, "list.added")[-1].reason == "order lifted"


def test_ux_04_a_file_is_previewed_and_leaves_conflicts_out(web: Web, barred: str) -> None:
    table = f"text,standing,owner\n京D88888,registered,house 1\n{PLATE},registered,house 2\nx,registered,house 3\n"
    with web.logged_in() as client:
        preview = client.post(f"{LIST}.csv?preview=true", content=table.encode()).json()
        assert (preview["added"], [it["line"] for it in preview["problems"]]) == (1, [4])
        (conflict,) = preview["conflicts"]
        assert (conflict["line"], conflict["standing"], conflict["present"]["id"]) == (3, "registered", barred)
        assert [it["id"] for it in client.get(LIST).json()["entries"]] == [barred], "a preview changes nothing"
        loaded = client.post(f"{LIST}.csv", content=table.encode()).json()
        assert (loaded["added"], len(loaded["conflicts"])) == (1, 1)
        standings = {it["text"]: it["standing"] for it in client.get(LIST).json()["entries"]}
        assert standings == {PLATE: "barred", "京D88888": "registered"}
        assert client.post(f"{LIST}.csv?replace=true", content=table.encode()).status_code == 422
        replaced = client.post(f"{LIST}.csv?replace=true&reason=order%20lifted", content=table.encode()).json()
        assert replaced["added"] == 2
        standings = {it["text"]: it["standing"] for it in client.get(LIST).json()["entries"]}
        assert standings == {PLATE: "registered", "京D88888": "registered"}


def test_ux_04_the_page_asks_before_it_replaces(web: Web, page: Page, barred: str) -> None:
    assert barred
    log_in(web, page, add_staff(web, "supervisor@village"), path="/lists")
    page.get_by_test_id("new-text").fill(PLATE)
    page.get_by_test_id("new-owner").fill("house 7")
    page.get_by_test_id("new-owner").press("Enter")
    conflict = page.get_by_test_id("conflict")
    expect(conflict).to_contain_text(f"{PLATE} is barred until 2027-05-31 (owner: office <2>; reason: court order 12)")
    page.get_by_test_id("conflict-replace").click()
    expect(page.get_by_text("Write why the entry is replaced.")).to_be_visible()
    expect(conflict).to_be_visible()
    page.get_by_test_id("conflict-reason").fill("order lifted")
    page.get_by_test_id("conflict-reason").press("Enter")
    expect(page.get_by_test_id("list-entry").filter(has_text=PLATE)).to_contain_text("registered")


def test_ux_04_the_page_shows_conflicts_of_a_file_first(web: Web, page: Page, barred: str) -> None:
    assert barred
    table = f"text,standing,owner\n京D88888,registered,house 1\n{PLATE},registered,house 2\nx,registered,house 3\n"
    log_in(web, page, add_staff(web, "supervisor@village"), path="/lists")
    file = {"name": "list.csv", "mimeType": "text/csv", "buffer": table.encode()}
    page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    expect(page.get_by_test_id("conflict")).to_contain_text(f"{PLATE} is barred until 2027-05-31")
    expect(page.get_by_test_id("import-report")).to_contain_text("Line 4: Not a valid plate for this site.")
    page.get_by_test_id("conflict-skip").click()
    expect(page.get_by_test_id("import-report")).to_contain_text("1 added, 1 rows rejected, 1 conflicts")
    expect(page.get_by_test_id("list-entry").filter(has_text=PLATE)).to_contain_text("barred")


def test_ux_07_visitor_until_today_is_taken_all_day(web: Web, page: Page, barred: str) -> None:
    assert barred
    log_in(web, page, add_staff(web, "supervisor@village"), path="/lists")
    expect(page.get_by_test_id("list-zone")).to_contain_text("Asia/Shanghai")
    page.get_by_test_id("new-text").fill("京D99999")
    page.get_by_test_id("new-owner").fill("house 7")
    page.get_by_test_id("new-standing").click(force=True)
    page.get_by_role("option", name="visitor").click()
    page.get_by_test_id("until-today").click()
    day = page.get_by_test_id("new-until").input_value()
    page.get_by_test_id("add-entry").click()
    expect(page.get_by_test_id("list-entry").filter(has_text="京D99999")).to_contain_text(day)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_ux_14_errors_stand_at_their_field_in_words(web: Web, browser: Browser, language: str) -> None:
    words = TEXTS[language]
    with browser.new_context(locale=language) as context:
        page = context.new_page()
        log_in(web, page, add_staff(web, "supervisor@village"), path="/lists")
        page.get_by_test_id("new-text").fill("京A")
        page.get_by_test_id("new-reason").fill("kept")
        page.get_by_test_id("new-text").press("Enter")
        expect(page.get_by_text(words["error.list.plate"].format(example="京A67890"))).to_be_visible()
        expect(page.get_by_test_id("new-text")).to_have_value("京A")
        expect(page.get_by_test_id("new-reason")).to_have_value("kept")
        page.get_by_test_id("new-text").fill("京A12345")
        page.get_by_test_id("add-entry").click()
        expect(page.get_by_text(words["error.list.owner"])).to_be_visible()


@pytest.fixture
def gate(web: Web) -> Iterator[Sender]:
    sender = Sender(web.broker_port, web.account, "gate-ux")
    status = BoxStatus(online=True, epoch="ab12", gates=[GateStatus(name="ux-cam", camera="ux-cam")])
    sender.raw(encode(status), sender.topics.status)
    yield sender
    sender.wait()
    sender.raw(encode(BoxStatus(online=True, epoch="ab12")), sender.topics.status)  # other tests count gates
    sender.close()


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_ux_14_a_short_reason_is_said_in_words_and_kept(
    web: Web, browser: Browser, gate: Sender, language: str
) -> None:
    assert gate
    words = TEXTS[language]
    with browser.new_context(locale=language) as context:
        page = context.new_page()
        log_in(web, page, path="/gates")
        page.locator("article", has_text="ux-cam").get_by_test_id("open-gate").click()
        page.get_by_test_id("reason").fill("x")
        page.get_by_test_id("reason").press("Enter")
        expect(page.get_by_text(words["error.field.short"].format(least=3))).to_be_visible()
        expect(page.get_by_test_id("reason")).to_have_value("x")
        assert "str" not in page.locator(".ask").inner_text()


def test_ux_13_a_monitor_sees_why_a_vehicle_is_barred(web: Web, page: Page, gate: Sender, barred: str) -> None:
    data = VehicleBarred(gate="ux-cam", confidence=0.97, opened=False, entry=barred)
    gone = VehicleBarred(gate="ux-cam", confidence=0.97, opened=False, entry="01890000-0000-7000-8000-000000000000")
    first, second = (
        event(it, one, place="ux-cam", box="gate-ux", number=7_300 + it) for it, one in ((1, data), (2, gone))
    )
    gate.send(first, second)
    name = add_staff(web, "monitor@village")
    log_in(web, page, name, path="/gates")
    card = page.locator("article", has_text="ux-cam")
    why = card.get_by_test_id("entry-reason")
    expect(why).to_contain_text("barred · owner: office <2> · reason: court order 12 · until 2027-05-31")
    expect(card.get_by_test_id("entry-gone")).to_have_count(1)
    assert barred not in page.content()
    assert PLATE not in page.content()
    before = len(recorded(web, "plate.viewed"))
    card.get_by_test_id("show-plate").click()
    expect(card.get_by_test_id("entry-plate")).to_have_text(PLATE)
    (looked,) = recorded(web, "plate.viewed")[before:]
    assert (looked.who, looked.site, looked.target, looked.detail) == (name, "village", barred, {"event": first.id})


def test_ux_13_the_reason_is_limited_to_the_callers_places(web: Web, gate: Sender, barred: str) -> None:
    data = VehicleBarred(gate="ux-cam", confidence=0.97, opened=False, entry=barred)
    sent = event(3, data, place="ux-cam", box="gate-ux", number=7_303)
    gate.send(sent)
    gate.wait()
    for role, status in (("monitor@village", 200), ("monitor@estate", 404), ("auditor", 403)):
        name = add_staff(web, role)
        with web.client() as client:
            client.post("/login", data={"name": name, "password": "a long enough password"})
            answer = client.get(f"/api/passages/{sent.id}/entry")
            assert answer.status_code == status, role
            if status == 200:
                assert (answer.json()["owner"], answer.json()["reason"]) == ("office <2>", "court order 12")
                assert PLATE not in answer.text
            before = len(recorded(web, "plate.viewed"))
            plate = client.post(f"/api/passages/{sent.id}/entry")
            assert plate.status_code == status
            assert (len(recorded(web, "plate.viewed")) > before) == (status == 200)
            assert (PLATE in plate.text) == (status == 200)
