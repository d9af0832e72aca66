"""The page of escalation, and that of one's own notification targets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from agg_support import PASSWORD, Web, add_staff, log_in
from playwright.sync_api import Browser, Page, Route, expect

from aggregator.web.dashboard.i18n.texts import TEXTS
from aggregator.web.dashboard.shell.assets import WORKER

EN, ZH = TEXTS["en"], TEXTS["zh-CN"]
SITE = "village"
LETTER = {
    "id": "01890000-0000-7000-8000-000000000001", "alert": "01890000-0000-7000-8000-000000000002", "site": SITE,
    "recipient": "wang", "channel": "wecombot", "level": "town", "state": "dead",
    "made": "2026-11-27T08:00:00.000000000Z", "ended": "2026-11-27T08:30:00.000000000Z", "tries": 3,
    "problem": "it answered with HTTP 403",
}  # fmt: skip


def document(first: str, second: str) -> dict[str, Any]:
    levels = [
        {"name": "village", "notify": ["rota:night"], "minutes": {"critical": 5, "high": 15}},
        {"name": "town", "notify": [f"user:{second}"], "minutes": {"critical": 10}},
    ]
    return {
        "chains": {"yards": {"areas": ["yards"], "levels": levels}},
        "rotas": {"night": {"people": [first, second], "start": "2026-11-23T08:00"}},
        "calendars": {"office": {"hours": {"mon": ["08:00-18:00"]}, "holidays": "CN"}},
    }


class Staff:
    """A supervisor's session beside the browser's, and who is there."""

    def __init__(self, web: Web, client: httpx2.Client) -> None:
        self.web, self.client = web, client
        self.boss, self.first, self.second = (add_staff(web, f"supervisor@{SITE}") for _ in range(3))
        client.post("/login", data={"name": self.boss, "password": PASSWORD})

    def saved(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/api/escalation/{SITE}").json()
        return found

    def save(self, escalation: dict[str, Any]) -> None:
        body = {"version": self.saved()["version"], "escalation": escalation}
        assert self.client.put(f"/api/escalation/{SITE}", json=body).status_code == 200


@pytest.fixture
def staff(web: Web) -> Iterator[Staff]:
    """Two people on a rota; afterwards nobody is escalated to: the aggregator is shared."""
    with web.client() as client:
        made = Staff(web, client)
        made.save(document(made.first, made.second))
        yield made
        made.save({"chains": {}, "rotas": {}, "calendars": {}})


def open_page(staff: Staff, page: Page) -> None:
    log_in(staff.web, page, staff.boss, path="/escalation")
    page.get_by_test_id("on-call").first.wait_for()


def edit(staff: Staff, page: Page) -> None:
    open_page(staff, page)
    page.get_by_test_id("edit").click()


def test_who_is_on_call_in_each_area_and_the_levels_are_shown(staff: Staff, page: Page) -> None:
    open_page(staff, page)
    now = staff.saved()["on_call"][0]["user"]
    expect(page.get_by_test_id("on-call")).to_contain_text("yards")
    expect(page.get_by_test_id("on-call")).to_contain_text(now)
    expect(page.get_by_test_id("level").first).to_contain_text("Critical 5 min, High 15 min")
    expect(page.get_by_test_id("rota")).to_contain_text(f"{staff.first} → {staff.second}")
    expect(page.get_by_test_id("calendar")).to_contain_text("08:00-18:00")


def test_people_are_swapped_an_override_added_and_a_time_limit_changed(staff: Staff, page: Page) -> None:
    edit(staff, page)
    page.get_by_role("button", name=EN["escalation.later"].format(name=staff.first)).click()
    page.get_by_test_id("chains.yards.levels.0.minutes.critical").fill("3")
    page.get_by_test_id("add-override").click()
    page.get_by_test_id("override").get_by_role("combobox").fill(staff.second)
    page.get_by_test_id("escalation-save").click()
    expect(page.get_by_test_id("page-status")).to_contain_text(EN["escalation.saved"])
    found = staff.saved()["escalation"]
    assert found["rotas"]["night"]["people"] == [staff.second, staff.first]
    assert [it["user"] for it in found["rotas"]["night"]["overrides"]] == [staff.second]
    assert found["chains"]["yards"]["levels"][0]["minutes"] == {"critical": 3, "high": 15}
    assert found["calendars"]["office"]["holidays"] == "CN", "what has no field stays"
    expect(page.get_by_test_id("on-call")).to_contain_text(staff.second)


def test_ux_14_errors_stand_at_the_field_and_the_change_outlives_a_reload(staff: Staff, browser: Browser) -> None:
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        edit(staff, page)
        page.get_by_test_id("person").nth(1).get_by_role("combobox").fill("nobody-of-that-name")
        page.get_by_test_id("chains.yards.levels.0.minutes.high").fill("9999")
        page.get_by_test_id("escalation-save").click()
        expect(page.get_by_test_id("wrong-chains.yards.levels.0.minutes.high")).to_have_text(ZH["form.error.minutes"])
        page.get_by_test_id("chains.yards.levels.0.minutes.high").fill("20")
        page.get_by_test_id("escalation-save").click()
        wrong = page.get_by_test_id("wrong-rotas.night.people.1")
        expect(wrong).to_have_text(ZH["form.error.no_user"].format(name="nobody-of-that-name"))
        page.reload()
        expect(page.get_by_test_id("kept")).to_have_text(ZH["escalation.kept"])
        expect(page.get_by_test_id("chains.yards.levels.0.minutes.high")).to_have_value("20")
        page.get_by_test_id("discard").click()
        expect(page.get_by_test_id("rota")).to_contain_text(staff.second)


def test_a_change_of_somebody_else_is_not_overwritten(staff: Staff, page: Page) -> None:
    edit(staff, page)
    page.get_by_test_id("chains.yards.levels.0.minutes.critical").fill("4")
    other = document(staff.second, staff.first)
    staff.save(other)
    page.get_by_test_id("escalation-save").click()
    expect(page.get_by_test_id("conflict")).to_be_visible()
    expect(page.get_by_test_id("chains.yards.levels.0.minutes.critical")).to_have_value("4")
    assert staff.saved()["escalation"]["rotas"]["night"]["people"] == [staff.second, staff.first]
    page.get_by_test_id("read-again").click()
    expect(page.get_by_test_id("rota")).to_contain_text(f"{staff.second} → {staff.first}")


def test_the_rest_is_edited_as_text_and_its_mistakes_are_named(staff: Staff, page: Page) -> None:
    edit(staff, page)
    page.get_by_test_id("open-document").click()
    text = page.get_by_test_id("document")
    text.fill("{")
    page.get_by_test_id("escalation-save").click()
    expect(page.get_by_test_id("wrong-document")).to_have_text(EN["escalation.json"])
    expect(page.get_by_test_id("document-waiting")).to_be_visible()
    assert page.get_by_test_id("chain-fields").evaluate("it => Boolean(it.closest('[inert]'))")
    for shape in ("[]", '{"rotas": {"a": null}}', '{"chains": {"a": {"levels": 5}}}'):
        text.fill(shape)
        page.get_by_test_id("apply-document").click()
        if shape != "[]":
            expect(page.get_by_test_id("wrong-document")).to_have_text(EN["escalation.shape"])
            expect(text).to_have_value(shape)
    wanted = document(staff.first, staff.second)
    wanted["chains"]["yards"]["then"] = "yards"
    text.fill(json.dumps(wanted))
    page.get_by_test_id("escalation-save").click()
    expect(page.get_by_test_id("wrong-chains.yards.then")).to_contain_text("yards → yards")
    wanted["chains"]["yards"]["then"] = ""
    wanted["calendars"]["office"]["closed"] = ["2026-12-24"]
    text.fill(json.dumps(wanted))
    page.get_by_test_id("apply-document").click()
    expect(page.get_by_test_id("rota-fields")).to_have_count(1)
    expect(page.get_by_test_id("document-waiting")).to_be_hidden()
    page.get_by_test_id("escalation-save").click()
    expect(page.get_by_test_id("calendar")).to_contain_text("2026-12-24")


def test_a_message_that_was_given_up_is_sent_again(staff: Staff, page: Page) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(f"{route.request.method} {route.request.url.removeprefix(staff.web.url)}")
        if route.request.method == "POST":
            route.fulfill(status=202, json={"notification": LETTER["id"]})
        else:
            route.fulfill(json={"notifications": [LETTER], "before": None})

    page.route("**/api/notifications*", answer)
    page.route("**/api/notifications/**", answer)
    open_page(staff, page)
    letter = page.get_by_test_id("dead-letter")
    expect(letter).to_contain_text(EN["form.error.http"].format(status=403))
    expect(letter.get_by_role("link")).to_have_attribute("href", f"/?alert={LETTER['alert']}")
    letter.get_by_test_id("send-again").click()
    expect(letter).to_have_count(0)
    assert asked[-1] == f"POST /api/notifications/{LETTER['id']}/replay"


def test_a_target_is_added_tested_and_removed(web: Web, page: Page) -> None:
    log_in(web, page, add_staff(web, "guard"))
    page.get_by_test_id("user-menu").locator("summary").click()
    page.get_by_test_id("page-notifications").click()
    url = page.locator("#target-url")
    url.fill("gopher://nowhere")
    page.get_by_test_id("target-send").click()
    expect(page.get_by_test_id("wrong-url")).to_have_text(EN["form.error.address"])
    expect(url).to_have_value("gopher://nowhere")
    assert "gopher" not in page.evaluate("JSON.stringify(sessionStorage)"), "an address holds secrets"
    url.fill("json://127.0.0.1:9/hook")
    page.get_by_test_id("target-label").fill("phone")
    page.get_by_test_id("target-language").select_option("zh-CN")
    page.get_by_test_id("target-label").press("Enter")
    target = page.get_by_test_id("target")
    expect(target).to_contain_text("phone")
    expect(target).to_contain_text(EN["notify.language.zh-CN"])
    target.get_by_test_id("target-row-language").select_option("en")
    changed = EN["notify.language.changed"].format(label="phone", language="English")
    expect(page.get_by_test_id("target-status")).to_have_text(changed)
    expect(target.get_by_test_id("target-row-language")).to_have_value("en")
    target.get_by_test_id("test-target").click()
    expect(page.get_by_test_id("target-status")).to_have_text(EN["notify.test.queued"].format(label="phone"))
    expect(target).to_contain_text(EN["notify.state.failed"], timeout=25_000)
    target.get_by_test_id("remove-target").click()
    page.get_by_test_id("confirm").click()
    expect(target).to_have_count(0)


SUBSCRIBE_JS = """
Notification.requestPermission = async () => 'granted';
Object.defineProperty(Notification, 'permission', {get: () => 'granted'});
PushManager.prototype.getSubscription = async () => null;
PushManager.prototype.subscribe = async options => {
  window.asked = options.applicationServerKey.length;
  const bytes = n => btoa(String.fromCharCode(...n)).replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=+$/, '');
  const pair = await crypto.subtle.generateKey({name: 'ECDH', namedCurve: 'P-256'}, true, ['deriveBits']);
  const p256dh = bytes(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
  const made = {endpoint: 'https://push.example/1', keys: {p256dh, auth: bytes(new Uint8Array(16))}};
  return {toJSON: () => made};
};
"""
"""Chromium's push service is on the Internet: what it gives is made here."""


def test_this_browser_is_subscribed_with_the_local_worker_until_it_is_stopped(web: Web, page: Page) -> None:
    page.add_init_script(SUBSCRIBE_JS)
    log_in(web, page, add_staff(web, "monitor"), path="/notifications")
    page.get_by_test_id("push-on").click()
    expect(page.get_by_test_id("push-state")).to_have_text(EN["notify.push.is_on"])
    assert page.evaluate("asked") == 65, "an uncompressed point of P-256"
    worker = page.evaluate(
        "navigator.serviceWorker.getRegistration('/notifications/').then(it => [it.scope, it.active.scriptURL])"
    )
    assert worker == [f"{web.url}/notifications/", f"{web.url}{WORKER}"]
    expect(page.get_by_test_id("target")).to_contain_text(EN["notify.channel.webpush"])
    page.get_by_test_id("push-off").click()
    expect(page.get_by_test_id("target")).to_have_count(0)


def test_without_https_the_page_says_why_the_browser_cannot_be_notified(web: Web, page: Page) -> None:
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', {get: () => false})")
    log_in(web, page, add_staff(web, "monitor"), path="/notifications")
    expect(page.get_by_test_id("push-state")).to_have_text(EN["notify.push.insecure"])
    expect(page.get_by_test_id("push-on")).to_be_hidden()


def test_the_worker_needs_a_session_and_is_read_anew(web: Web) -> None:
    with web.client() as client:
        assert client.get(WORKER).status_code == 401
    with web.logged_in() as client:
        answer = client.get(WORKER)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")
        assert answer.headers["content-type"].startswith("text/javascript")
