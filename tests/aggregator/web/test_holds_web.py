"""Legal holds over the running server, with a box whose answers the test writes: who may, what is logged and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from agg_support import PASSWORD, Web, log_in, plain_client
from auth.test_staff import add
from playwright.sync_api import Page, expect
from web.test_case_footage import SITE, Box, box, marked, of_case
from web.test_case_pages import pages
from web.test_search_web import moment, new_case

from aggregator.messaging.command_client import CommandClient
from common.errors import CommandError
from protocol.commands import Command, Reply
from protocol.topics import BoxTopics

__all__ = ["box"]
WHY = {"reason": "handed to the police"}


class Answers:
    """What the box is asked about holds, and what it answers next; None: nothing. Nothing answers other commands."""

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.next: Callable[[Command], Reply | None] = lambda it: Reply(id=it.id, done=True)

    async def reply(self, _topics: BoxTopics, command: Command) -> Reply:
        reply = None
        if command.name in ("hold", "end-hold"):
            self.asked.append(command)
            reply = self.next(command)
        if reply is None:
            raise CommandError("the box did not answer within 10 s", sentence="error.box_silent", seconds="10")
        return reply

    def refuse(self, problem: str, code: str = "") -> None:
        self.next = lambda it: Reply(id=it.id, done=False, problem=problem, code=code)

    def be_silent(self) -> None:
        self.next = lambda _it: None

    def be_done(self) -> None:
        self.next = lambda it: Reply(id=it.id, done=True)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, box: Box) -> Answers:
    box.report()
    made = Answers()
    monkeypatch.setattr(CommandClient, "ask", made.reply)
    return made


@pytest.fixture
def client(web: Web, answers: Answers) -> Iterator[httpx2.Client]:
    with web.logged_in(add(web, f"investigator@{SITE}")) as made:
        yield made


def place(client: httpx2.Client, case: str) -> httpx2.Response:
    return client.post("/api/holds", json=marked(case, until=moment(24), reason="theft, reported"))


def listed(client: httpx2.Client, case: str) -> list[dict[str, Any]]:
    answer = client.get(f"/api/holds?case={quote(case)}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["holds"]
    return found


def end(client: httpx2.Client, it: dict[str, Any], **changed: str) -> httpx2.Response:
    return client.post(f"/api/holds/{it['id']}/end", json=WHY | changed)


def test_another_investigator_ends_a_hold_of_a_closed_case_and_the_history_stays(
    web: Web, client: httpx2.Client, answers: Answers
) -> None:
    case = new_case(client, site=SITE)
    it = place(client, case).json()
    assert (it["state"], it["ended_by"], it["ended"], it["reason"]) == ("placed", "", None, "theft, reported")
    client.post("/api/cases/close", json={"case": case})
    second = add(web, f"investigator@{SITE}")
    with web.logged_in(second) as other:
        answer = end(other, it)
    assert answer.status_code == 200, answer.text
    assert [(it.name, it.case, it.hold) for it in answers.asked] == [("hold", case, ""), ("end-hold", case, it["id"])]
    assert answers.asked[1].reason == "handed to the police"
    (kept,) = listed(client, case)
    assert kept == answer.json()
    assert (kept["state"], kept["ended_by"], kept["end_reason"]) == ("ended", second, "handed to the police")
    assert (kept["placed_by"], kept["reason"], kept["until"]) == (it["placed_by"], "theft, reported", it["until"])
    log = [act for act in of_case(web, case) if act.what != "case.closed"]
    assert [(act.what, act.who, act.reason) for act in log] == [
        ("hold", it["placed_by"], "theft, reported"),
        ("hold.ended", second, "handed to the police"),
    ]
    again = end(client, it)
    assert (again.status_code, "has ended" in again.json()["error"]) == (409, True)
    assert len(answers.asked) == 2


def test_what_the_box_refuses_is_said_kept_and_logged(web: Web, client: httpx2.Client, answers: Answers) -> None:
    case = new_case(client, site=SITE)
    answers.refuse("there is no footage in this range; nothing can be held")
    assert "no footage" in place(client, case).json()["error"]
    (refused,) = listed(client, case)
    assert (refused["state"], refused["problem"][:20]) == ("refused", "there is no footage ")
    assert end(client, refused).status_code == 409
    answers.be_done()
    it = place(client, case).json()
    answers.refuse("the disk failed", "hold.unknown")  # a hold that was confirmed cannot be unknown
    assert "the disk failed" in end(client, it).json()["error"]
    assert (listed(client, case)[0]["state"], listed(client, case)[0]["ended_by"]) == ("placed", "")
    assert [act.what for act in of_case(web, case)] == ["hold", "hold.refused", "hold", "hold.ended", "hold.refused"]


def test_a_silent_box_leaves_a_hold_unconfirmed_until_it_answers(client: httpx2.Client, answers: Answers) -> None:
    case = new_case(client, site=SITE)
    answers.be_silent()
    assert place(client, case).status_code == 409
    assert [it["state"] for it in listed(client, case)] == ["asked"]
    answers.be_done()
    it = place(client, case).json()
    answers.be_silent()
    assert "cannot end holds" in end(client, it).json()["error"]
    assert [it["state"] for it in listed(client, case)] == ["ending", "asked"]
    answers.refuse("there is no such hold", "hold.unknown")  # it was ended, and its answer was lost; or never placed
    assert [end(client, it).status_code for it in listed(client, case)] == [200, 200]
    assert [it["state"] for it in listed(client, case)] == ["ended", "ended"]


@pytest.mark.parametrize("reason", ["", "x", " " * 9, "a" * 201, "a\nb"])
def test_an_end_needs_a_reason(client: httpx2.Client, answers: Answers, reason: str) -> None:
    case = new_case(client, site=SITE)
    it = place(client, case).json()
    answer = end(client, it, reason=reason)
    assert (answer.status_code in (409, 422), "reason" in answer.text) == (True, True)
    assert listed(client, case)[0]["state"] == "placed"


def test_only_those_who_may_place_a_hold_there_end_it(web: Web, client: httpx2.Client, answers: Answers) -> None:
    case = new_case(client, site=SITE)
    it = place(client, case).json()
    for role in (f"supervisor@{SITE}", f"approver@{SITE}", "admin", "auditor", "investigator@elsewhere"):
        with web.logged_in(add(web, role)) as other:
            expected = 409 if role == "investigator@elsewhere" else 403
            assert end(other, it).status_code == expected
            assert other.get(f"/api/holds?case={quote(case)}").status_code == expected
    wanted = {"label": "x", "permissions": ["footage.hold", "case.work"], "days": 1, "current": PASSWORD}
    token = client.post("/api/tokens", json=wanted).json()["token"]
    with plain_client(web.url, {"Authorization": f"Bearer {token}"}) as program:
        assert end(program, it).status_code == 403
        assert [one["state"] for one in listed(program, case)] == ["placed"]
    assert client.post("/api/holds/nothing/end", json=WHY).status_code == 409
    assert (listed(client, case)[0]["state"], len(answers.asked)) == ("placed", 1)


def test_holds_come_in_pages(client: httpx2.Client) -> None:
    case = new_case(client, site=SITE)
    made = [place(client, case).json()["id"] for _ in range(3)][::-1]
    assert pages(client, f"/api/holds?case={quote(case)}&limit=2", "holds") == [made[:2], made[2:]]
    assert client.get(f"/api/holds?case={quote(case)}&before=x").status_code == 400


def test_holds_are_listed_while_the_box_is_silent(web: Web, page: Page, answers: Answers) -> None:
    """Its footage cannot be shown then; what is held under the case is known to the aggregator."""
    name = add(web, f"investigator@{SITE}")
    with web.logged_in(name) as client:
        case = new_case(client, site=SITE)
        assert place(client, case).is_success
    answers.be_silent()
    log_in(web, page, name, path="/footage")
    page.get_by_test_id("footage-case").fill(case)
    page.get_by_test_id("footage-case").press("Enter")
    expect(page.get_by_role("alert").filter(has_text="did not answer within 10 s")).to_be_visible()
    expect(page.get_by_test_id("case-hold")).to_contain_text("On hold until")
