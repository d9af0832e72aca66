"""What stands out in the record, as a table; and the auditor's page in a real browser."""

from __future__ import annotations

from typing import get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest
from agg_support import JPEG, Sender, Web, event, log_in
from auth.test_staff import add
from playwright.sync_api import Page, expect

from aggregator.audit import query
from aggregator.audit.names import AuditNames
from aggregator.audit.query import PAGE, AuditFilter
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_anomalies import BULK, BULK_SHOWN, HASTY_NS, NO_CASE, PAIR, SHOWN, findings
from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.read_models import TargetLabel
from aggregator.domain.store_port import Store, Writer
from aggregator.web.dashboard.html.audit_html import detail_text, sentence, time_text
from aggregator.web.dashboard.i18n.texts import TEXTS
from common.clock import HOUR_NS
from protocol.identifiers import to_rfc3339

MINUTE_NS = HOUR_NS // 60


def act(at_min: float, what: Action = "view", who: str = "li", target: str = "e", case: str = "") -> AuditEntry:
    return AuditEntry(time_ns=round(at_min * MINUTE_NS), who=who, what=what, target=target, case=case)


def spread(count: int, minutes: float, who: str = "li", begin: float = 0) -> list[AuditEntry]:
    return [act(begin + minutes * place / (count - 1), who=who) for place in range(count)]


@pytest.mark.parametrize(
    ("done", "signs"),
    [
        ([], []),
        (spread(BULK, 59), [("bulk", "li", BULK)]),
        (spread(BULK - 1, 10), []),
        (spread(BULK, 61), []),
        (spread(BULK // 2, 10) + spread(BULK // 2, 10, who="wang"), []),
        (spread(BULK, 10) + spread(BULK, 10, begin=300), [("bulk", "li", BULK), ("bulk", "li", BULK)]),
        (spread(3 * BULK, 150), [("bulk", "li", 3 * BULK)]),
        ([act(0, "login")] * 500, []),
        ([act(it, "search", target="gate-1/cam") for it in range(NO_CASE)], [("no_case", "li", NO_CASE)]),
        ([act(it, "search", target="gate-1/cam", case="7") for it in range(NO_CASE)], []),
        ([act(it * 20, "view", target="gate-1/cam") for it in range(NO_CASE)], []),
        (
            [act(0, "release.requested", target="r"), act(0.9, "release.approved", "wu", "r")],
            [("hasty", "wu", 1)],
        ),
        ([act(0, "release.requested", target="r"), act(1.1, "release.approved", "wu", "r")], []),
        ([act(0, "release.approved", "wu", "unknown")], []),
        (
            [
                it
                for number in range(PAIR)
                for it in (
                    act(number * 60, "release.requested", target=f"r{number}"),
                    act(number * 60 + 30, "release.approved", "wu", f"r{number}"),
                )
            ],
            [("always_the_same", "wu", PAIR)],
        ),
    ],
)
def test_what_stands_out(done: list[AuditEntry], signs: list[tuple[str, str, int]]) -> None:
    assert [(it.sign, it.who, it.count) for it in findings(reversed(done))] == signs
    assert HASTY_NS == MINUTE_NS


def test_pages_go_back_through_everything_that_fits(store: Store, writer: Writer) -> None:
    who = ("wang", "li", "li")
    writer.append_audit_entries([act(number, who=who[number % 3], case=f"c-{number % 2}") for number in range(2_500)])
    reader = store.reader()
    seen: list[int] = []
    before: int | None = None
    while True:
        found, before = query.page(reader, AuditFilter(who="wang", case="c-1"), before)
        assert len(found) <= PAGE
        seen += [number for number, _ in found]
        if before is None:
            break
    assert seen == [number + 1 for number in reversed(range(2_500)) if number % 3 == 0 and number % 2 == 1]
    assert query.page(reader, AuditFilter(who="nobody")) == ([], None)


def test_the_auditor_sees_who_looked_and_is_seen_looking(web: Web, page: Page) -> None:
    watched = add(web, "supervisor@village")
    with web.logged_in(watched) as client:
        client.get("/api/sites/village/list")
    name = add(web, "auditor")
    log_in(web, page, name)
    expect(page).to_have_url(web.url + "/record")
    page.get_by_test_id("record-who").fill(watched)
    page.get_by_test_id("show-record").click()
    expect(page.get_by_test_id("act").first).to_contain_text(f"{watched} viewed the list")
    expect(page.get_by_test_id("acts")).to_contain_text(watched)
    newest = [audit_entry.decode(entry) for _, entry in web.parts.core.reader.newest_audit_entries(None, 5)]
    assert any(it.who == name and it.target == "record" and it.detail == {"who": watched} for it in newest)


def test_ux_19_what_a_page_shows_by_itself_is_no_deliberate_access() -> None:
    shown = [
        AuditEntry(time_ns=it.time_ns, who=it.who, what="view", target=f"e{number}", detail={SHOWN: "page"})
        for number, it in enumerate(spread(BULK_SHOWN - 1, 50))
    ]
    assert findings(shown) == []
    assert [it.sign for it in findings([*shown, *spread(BULK, 59)])] == ["bulk"]
    more = [*shown, AuditEntry(time_ns=1, who="li", what="view", detail={SHOWN: "page"})]
    assert [(it.sign, it.count) for it in findings(more)] == [("bulk_shown", BULK_SHOWN)]


def test_ux_19_entries_are_found_by_date(store: Store, writer: Writer) -> None:
    writer.append_audit_entries([act(number * 60) for number in range(3_000)])
    reader = store.reader()
    day = AuditFilter(from_ns=100 * HOUR_NS, until_ns=124 * HOUR_NS)
    found, before = query.page(reader, day)
    assert [number for number, _ in found] == list(range(124, 100, -1))
    assert before is None
    assert query.first_after(reader, 500 * HOUR_NS) == 501
    assert query.first_after(reader, 5_000 * HOUR_NS) == 3_001


def test_ux_19_a_dossier_has_everything_of_a_case(store: Store, writer: Writer) -> None:
    acts = [
        act(0, "case.opened", target="INC-1"), act(1, "search", case="INC-1"), act(2, "view", case="INC-10"),
        act(3, "release.requested", target="r", case="INC-1"), act(4, "release.approved", "wu", "r"),
        act(5, "release.approved", "wu", "other"), act(6, "case.closed", target="INC-1"),
    ]  # fmt: skip
    writer.append_audit_entries(acts)
    assert [number for number, _ in query.dossier(store.reader(), "INC-1")] == [1, 2, 4, 5, 7]


def test_ux_19_every_action_is_a_sentence_with_names() -> None:
    event = "01890000-0000-7000-8000-000000000001"
    label = TargetLabel("event", "village", "hall", "door.forced")
    names = AuditNames({event: label}, {("village", "hall"): "Hall door", ("village", "barrier"): "Main gate"})
    for words in TEXTS.values():
        for what in (*get_args(Action), "something.new"):
            done = AuditEntry(time_ns=1, who="Li", what=what, site="village", target=event)
            text = sentence(done, names, words)
            assert "Hall door" in text or what in ("login", "login.failed", "logout") or "view" in text, (what, text)
            assert event not in text
            assert what == "something.new" or f"action.{what}" in words
    words = TEXTS["en"]
    view = AuditEntry(time_ns=1, who="Li", what="view", site="village", target=event)
    assert sentence(view, names, words) == "Li viewed the picture or video of Door forced, Hall door"
    opened = AuditEntry(time_ns=1, who="Li", what="gate.opened", site="village", target="gate-1/barrier")
    assert sentence(opened, names, words) == "Li opened Main gate"


def test_ux_19_site_time_stands_beside_utc() -> None:
    assert time_text(1_795_000_000_000_000_000, ZoneInfo("Asia/Shanghai")) == "2026-11-18 19:06:40 CST · 11:06:40 UTC"
    assert time_text(1_795_000_000_000_000_000, ZoneInfo("UTC")) == "2026-11-18 11:06:40 UTC"


def pictures_of(web: Web, who: str) -> list[bool]:
    found = (audit_entry.decode(entry) for _, entry in web.parts.core.reader.audit_entries(0, 1_000_000))
    return [SHOWN in it.detail for it in found if it.who == who and it.what == "view"]


def test_times_in_details_are_the_site_s_and_other_details_stay() -> None:
    detail = {"from": to_rfc3339(0), "size": "2026", "to": "9999-99-99T00:00:00Z"}
    entry = msgspec.structs.replace(act(0), detail=detail)
    text = detail_text(entry, TEXTS["en"], ZoneInfo("Asia/Shanghai"))
    assert "1970-01-01 08:00:00 CST · 00:00:00 UTC" in text
    assert "2026" in text
    assert "9999-99-99T00:00:00Z" in text
    assert to_rfc3339(0) not in text


def test_ux_19_opening_the_board_counts_no_deliberate_access(web: Web, page: Page) -> None:
    name = add(web, "monitor@village")
    sender = Sender(web.broker_port, web.account, "gate-19")
    sent = event(1, box="gate-19", place="cam-19", number=19_001, picture=JPEG)
    try:
        sender.send(sent)
        sender.wait()
        log_in(web, page, name)
        page.evaluate(
            "source => new Promise(done => { const it = new Image(); it.onerror = it.onload = done; it.src = source })",
            f"/api/pictures/{sent.id}",
        )
        assert pictures_of(web, name)
        assert all(pictures_of(web, name)), "what the page loads by itself"
        page.goto(f"{web.url}/api/pictures/{sent.id}")
        assert pictures_of(web, name).count(False) == 1, "opened by the user"
    finally:
        sender.close()


def test_ux_19_the_page_shows_sentences_and_a_dossier(web: Web, page: Page) -> None:
    with web.logged_in(add(web, "investigator@village")) as client:
        tomorrow = to_rfc3339(web.parts.core.clock.wall_ns() + 24 * HOUR_NS)
        wanted = {
            "id": "INC-19",
            "purpose": "bicycle theft in the yard",
            "basis": "incident",
            "site": "village",
            "expires": tomorrow,
        }
        assert client.post("/api/cases", json=wanted).status_code == 201
        assert client.post("/api/cases/close", json={"case": "INC-19"}).status_code == 200
    name = add(web, "auditor")
    log_in(web, page, name, path="/record")
    page.get_by_test_id("record-case").fill("INC-19")
    page.get_by_test_id("show-dossier").click()
    acts = page.get_by_test_id("act")
    expect(acts.first).to_contain_text("opened the case INC-19")
    expect(page.get_by_test_id("dossier-link")).to_contain_text("entries of case INC-19")
    page.get_by_test_id("record-from").fill("2099-13-01")
    page.get_by_test_id("record-from").press("Enter")
    expect(page.get_by_text("Write a date or time from 1970 to 2115")).to_be_visible()
    page.get_by_test_id("record-from").fill("2099-01-01")
    page.get_by_test_id("record-from").press("Enter")
    expect(page.get_by_text("No entries fit.")).to_be_visible()
    with web.logged_in(name) as client:
        lines = client.get("/api/record/dossier.jsonl?case=INC-19").text.splitlines()
        assert '"case":"INC-19"' in lines[0]
        assert "case.opened" in lines[1]
        assert client.get("/api/record/dossier.jsonl?case=none").status_code == 404
