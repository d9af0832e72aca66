"""Who may see a push is asked before each push, not when the page was opened."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from agg_support import Web, add_staff, log_in, run_apart, wait_until
from playwright.sync_api import Page

from aggregator import app
from aggregator.broadcast import Broadcast, Update
from aggregator.dashboard.live import Live
from aggregator.services import Services
from aggregator.staff.roles import Caller, parse
from common.errors import StoreError


@dataclass
class Session:
    """Who a page's session belongs to, as the test has it."""

    caller: Caller | None
    problem: StoreError | None = None
    seen: list[tuple[Update, Caller]] = field(default_factory=list)

    async def who(self) -> Caller | None:
        await asyncio.sleep(0)
        if self.problem is not None:
            raise self.problem
        return self.caller

    def show(self, update: Update, caller: Caller) -> None:
        self.seen.append((update, caller))


@dataclass
class _Parts:
    broadcast: Broadcast


def live() -> Live:
    return Live(cast(Services, _Parts(Broadcast())))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def push(it: Any, **what: Any) -> None:
    it._told(Update(**what))


def test_each_push_is_shown_to_who_is_there_now_and_to_nobody_else() -> None:
    async def work() -> None:
        pages, session = live(), Session(Caller("li", (parse("monitor@village"),)))
        pages.follow(session.who, session.show)
        push(pages, passages=True)
        await settle()
        changed = session.caller = Caller("li", (parse("monitor@harbour"),))
        push(pages, passages=True)
        await settle()
        session.caller = None
        push(pages, passages=True)
        await settle()
        assert [caller for _, caller in session.seen] == [Caller("li", (parse("monitor@village"),)), changed]

    run_apart(work())


def test_where_the_store_does_not_answer_nothing_is_pushed_and_nothing_lost() -> None:
    async def work() -> None:
        pages, session = live(), Session(Caller("li", ()), StoreError("busy"))
        pages.follow(session.who, session.show)
        push(pages, clips={"a"})
        await settle()
        assert session.seen == []
        session.problem = None
        push(pages, clips={"b"})
        await settle()
        assert [update.clips for update, _ in session.seen] == [{"a", "b"}]

    run_apart(work())


def test_a_page_whose_user_is_removed_is_cut_off_even_if_it_stays(page: Page, web: Web) -> None:
    name = add_staff(web, "monitor")
    log_in(web, page, name)
    page.get_by_test_id("health").filter(has_text="All parts work").wait_for()
    page.route("**/login", lambda route: route.fulfill(status=204))  # the browser does not leave
    page.evaluate("window.socket.on('disconnect', () => { window.cut = true; })")
    assert app.remove_user(web.services.settings, name)
    wait_until(lambda: bool(page.evaluate("window.cut === true")))
