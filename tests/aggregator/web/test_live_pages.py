"""Who may see a push is asked before each push, not when the page was opened."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from agg_support import Web, add_staff, log_in, run_apart, wait_until
from playwright.sync_api import Page

from aggregator import app
from aggregator.domain.accounts.authorization import Principal, parse
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from aggregator.web.dashboard.shell.page_updates import PageUpdates
from common.errors import StoreError


@dataclass
class Session:
    """Who a page's session belongs to, as the test has it."""

    caller: Principal | None
    problem: StoreError | None = None
    seen: list[tuple[ChangeSet, Principal]] = field(default_factory=list)

    async def who(self) -> Principal | None:
        await asyncio.sleep(0)
        if self.problem is not None:
            raise self.problem
        return self.caller

    def show(self, update: ChangeSet, caller: Principal) -> None:
        self.seen.append((update, caller))


def live() -> PageUpdates:
    return PageUpdates(ChangeFeed())


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def push(it: Any, **what: Any) -> None:
    it._on_change(ChangeSet(**what))


def test_each_push_is_shown_to_who_is_there_now_and_to_nobody_else() -> None:
    async def work() -> None:
        pages, session = live(), Session(Principal("li", (parse("monitor@village"),)))
        pages.follow(session.who, session.show)
        push(pages, passages=True)
        await settle()
        changed = session.caller = Principal("li", (parse("monitor@harbour"),))
        push(pages, passages=True)
        await settle()
        session.caller = None
        push(pages, passages=True)
        await settle()
        assert [caller for _, caller in session.seen] == [Principal("li", (parse("monitor@village"),)), changed]

    run_apart(work())


def test_where_the_store_does_not_answer_nothing_is_pushed_and_nothing_lost() -> None:
    async def work() -> None:
        pages, session = live(), Session(Principal("li", ()), StoreError("busy"))
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
    page.get_by_test_id("health").filter(has_text="All components normal").wait_for()
    page.route("**/login**", lambda route: route.fulfill(status=204))  # the browser does not leave
    page.evaluate("window.socket.on('disconnect', () => { window.cut = true; })")
    assert app.remove_user(web.parts.core.settings, name)
    wait_until(lambda: bool(page.evaluate("window.cut === true")))
