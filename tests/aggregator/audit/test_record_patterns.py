"""What stands out in the record, as a table; and the auditor's page in a real browser."""

from __future__ import annotations

import pytest
from agg_support import Web, log_in
from auth.test_staff import add, as_user
from playwright.sync_api import Page, expect

from aggregator.audit import query
from aggregator.audit.query import PAGE, AuditFilter
from aggregator.domain import audit_entry
from aggregator.domain.audit_anomalies import BULK, HASTY_NS, HOUR_NS, NO_CASE, PAIR, findings
from aggregator.domain.audit_entry import Action, AuditEntry
from aggregator.domain.store_port import Store, Writer

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
    with as_user(web, watched) as client:
        client.get("/api/sites/village/list")
    name = add(web, "auditor")
    log_in(web, page, name)
    expect(page).to_have_url(web.url + "/record")
    page.get_by_test_id("record-who").fill(watched)
    page.get_by_test_id("show-record").click()
    expect(page.get_by_test_id("act").first).to_contain_text("list.viewed")
    expect(page.get_by_test_id("acts")).to_contain_text(watched)
    newest = [audit_entry.decode(entry) for _, entry in web.parts.core.reader.newest_audit_entries(None, 5)]
    assert any(it.who == name and it.target == "record" and it.detail == {"who": watched} for it in newest)
