"""The shell: navigation by role, connection, session, drafts, error pages, sound, size."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from agg_support import PASSWORD, USER, Web, add_staff, log_in
from playwright.sync_api import Browser, BrowserContext, Page, expect
from queue_kit import FakeApi, made, until

from aggregator import app
from aggregator.domain.accounts.authorization import ROLES, Principal, Role, RoleAssignment
from aggregator.web.dashboard.i18n.texts import LANGUAGES, TEXTS
from aggregator.web.dashboard.shell.rail import PAGES, RAILS, page_name, rail_of
from aggregator.web.first_pages import FIRST_PAGE, login_address, own_page
from common.secret import Secret

HTML = {"Accept": "text/html"}
TYPED = "guard is on the way"
LINKS = re.compile(r'<a href="(/\w*)"[^>]*data-testid="page-\w+">(?:<svg.*?</svg><span>)?(.*?)</')
"""To pages, in the navigation and in the account menu."""


@pytest.mark.parametrize(
    "target",
    [
        "//elsewhere.example", "https://elsewhere.example/", "/\\elsewhere.example", "javascript:alert(1)",
        "/api/alerts",
        "/login", "/logout", "/..//elsewhere.example", "/nowhere", "", "/\n//x", "/?" + "a" * 600, "http:///", "/\x00",
        "//[", "/lists/../record",
    ],
)  # fmt: skip
def test_a_log_in_leads_back_to_our_own_pages_only(target: str) -> None:
    assert own_page(target) == ""
    assert login_address(target) == "/login"


def test_ux_26_the_address_asked_for_is_kept_over_the_log_in(web: Web, page: Page) -> None:
    assert own_page("/lists?site=village") == "/lists?site=village"
    page.goto(f"{web.url}/lists?site=village")
    page.get_by_test_id("login-name").fill(USER)
    page.get_by_test_id("login-password").fill("wrong password")
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("login-name").fill(USER)
    page.get_by_test_id("login-password").fill(PASSWORD)
    page.get_by_test_id("login-submit").click()
    page.wait_for_url("**/lists?site=village")


def test_a_forged_next_field_is_not_followed(web: Web) -> None:
    with web.client() as client:
        answer = client.post("/login", data={"name": USER, "password": PASSWORD, "next": "https://elsewhere.example/"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("role", ROLES)
def test_every_role_has_its_first_page_and_navigation(web: Web, role: Role) -> None:
    name = add_staff(web, f"{role}@*")
    with web.client() as client:
        answer = client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.headers["location"] == FIRST_PAGE[role]
        opened = client.get("/", headers=HTML)
        if opened.status_code == 303:
            assert opened.headers["location"] == FIRST_PAGE[role]
        page = client.get(FIRST_PAGE[role], headers=HTML)
        assert page.status_code == 200
    assert rail_of(Principal(name, (RoleAssignment(role),))) == list(RAILS[role])
    for path in RAILS[role]:
        assert f'href="{path}"' in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_is_called_the_same_in_its_title_and_where_it_is_found(web: Web, language: str) -> None:
    """In the navigation, the heading, the browser's tab, the account menu and the list of Ctrl+K."""
    headers = HTML | {"Accept-Language": language}
    with web.logged_in() as client:
        for path in PAGES:
            text = html.unescape(client.get(path, headers=headers).text)
            data = re.search(r'<script type="application/json" id="shell-data">(.*?)</script>', text)
            heading = re.search(r"<h1>(.*?)</h1>", text)
            assert data, path
            assert heading, path
            found = {it["path"]: it["name"] for it in json.loads(data[1])["pages"]}
            found |= dict(LINKS.findall(text))
            assert found[path] == heading[1] == page_name(path, TEXTS[language])
            assert f"<title>{TEXTS[language]['title']} · {heading[1]}</title>" in text


def test_the_document_of_the_screens_calls_the_pages_as_the_dashboard_does() -> None:
    text = (Path(__file__).parents[4] / "docs" / "operating" / "screens.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (.*)$\n\n.*`(/\w*)`\.$", text, re.MULTILINE)
    assert {path: name for name, path in found} == {path: page_name(path, TEXTS["en"]) for path in PAGES}


@pytest.mark.parametrize(("language", "words"), [("en", TEXTS["en"]), ("zh-CN", TEXTS["zh-CN"])])
def test_ux_26_errors_of_pages_are_in_words(web: Web, language: str, words: dict[str, str]) -> None:
    name = add_staff(web, "auditor")
    with web.client() as client:
        client.post("/login", data={"name": name, "password": PASSWORD})
        headers = HTML | {"Accept-Language": language}
        missing, closed = client.get("/nowhere", headers=headers), client.get("/staff", headers=headers)
        assert (missing.status_code, closed.status_code) == (404, 403)
        assert words["error.404"] in missing.text
        assert words["error.403"] in closed.text
        assert f'<html lang="{language}">' in missing.text
        assert client.get("/nowhere").json() == {"error": "there is no such address"}


def test_ux_26_while_disconnected_the_bar_says_so_and_since_when(web: Web, page: Page) -> None:
    log_in(web, page, USER)
    health = page.get_by_test_id("health")
    expect(health).to_have_text("All components normal")
    page.route("**/healthz", lambda route: route.abort())
    page.evaluate("dispatchEvent(new CustomEvent('paifang:feed-lost'))")
    expect(health).to_contain_text(re.compile(r"Connection lost since \d\d:\d\d:\d\d"))
    page.unroute("**/healthz")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(health).to_have_text("All components normal")


def test_the_account_menu_closes_outside_with_escape_and_for_another_menu(web: Web, page: Page) -> None:
    log_in(web, page, USER)
    menu = page.get_by_test_id("user-menu")
    summary = menu.locator("summary")
    summary.click()
    expect(menu).to_have_attribute("open", "")
    page.get_by_test_id("user-menu").get_by_test_id("theme").focus()
    expect(menu).to_have_attribute("open", "")
    # a page may keep a press to itself: the menu closes all the same
    page.evaluate("document.querySelector('main').addEventListener('click', it => it.stopPropagation())")
    page.locator("main").click(position={"x": 5, "y": 5})
    expect(menu).not_to_have_attribute("open", "")
    summary.click()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(summary).to_be_focused()
    summary.click()
    page.evaluate("""async () => {
      const frame = () => new Promise(requestAnimationFrame);
      await frame();  // the event that says that the menu has opened comes after the press
      await frame();
      const more = document.createElement('div');
      more.className = 'more';
      more.innerHTML = '<details><summary>other</summary></details>';
      document.body.append(more);
      more.firstElementChild.open = true;
    }""")
    expect(menu).not_to_have_attribute("open", "")
    summary.click()
    page.keyboard.press("Control+k")
    expect(menu).not_to_have_attribute("open", "")


def test_a_database_that_does_not_answer_is_said(web: Web, page: Page) -> None:
    log_in(web, page, USER)
    report = '{"ok": false, "broker": true, "store": false, "ingest": true, "problem": ""}'
    page.route("**/healthz", lambda route: route.fulfill(status=503, content_type="application/json", body=report))
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.get_by_test_id("health")).to_have_text(TEXTS["en"]["health.store"])


def test_ux_26_a_session_that_ends_keeps_the_address_and_what_was_typed(web: Web, page: Page) -> None:
    name = add_staff(web, "supervisor")
    api = FakeApi()
    api.put(made(1, "high"), made(2, "high", status="closed", outcome="real"))
    api.install(page)
    log_in(web, page, name)
    page.get_by_test_id("acknowledge").wait_for()
    page.get_by_test_id("filter-severity").select_option("high")
    page.keyboard.press("Escape")
    page.get_by_test_id("alert-row").first.click()
    page.keyboard.press("n")
    page.get_by_test_id("note-text").fill(TYPED)
    assert app.remove_user(web.parts.core.settings, name)
    expect(page.get_by_test_id("session-ended")).to_be_visible(timeout=15_000)
    app.add_user(web.parts.core.settings, name, app_secret(), [RoleAssignment("supervisor")])
    page.get_by_test_id("login-name").fill(name)
    page.get_by_test_id("login-password").fill(PASSWORD)
    page.get_by_test_id("login-submit").click()
    page.wait_for_url("**severity=high**")
    page.get_by_test_id("acknowledge").wait_for()
    page.keyboard.press("n")
    expect(page.get_by_test_id("note-text")).to_have_value(TYPED)


def app_secret() -> Secret:
    return Secret(PASSWORD)


def test_a_draft_is_not_shown_to_another_user(web: Web, page: Page) -> None:
    api = FakeApi()
    api.put(made(1, "high"))
    api.install(page)
    log_in(web, page, USER)
    page.get_by_test_id("acknowledge").wait_for()
    page.keyboard.press("n")
    page.get_by_test_id("note-text").fill(TYPED)
    other = add_staff(web, "supervisor")
    page.goto(f"{web.url}/login?ended=1")
    page.get_by_test_id("login-name").fill(other)
    page.get_by_test_id("login-password").fill(PASSWORD)
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("acknowledge").wait_for()
    page.keyboard.press("n")
    expect(page.get_by_test_id("note-text")).to_have_value("")
    assert TYPED not in page.evaluate("JSON.stringify(sessionStorage)")


TONES_JS = """window.tones = 0; const real = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (...at) { tones++; return real.apply(this, at); };"""


def test_ux_01_sound_repeats_for_critical_alerts_and_its_absence_is_loud(
    web: Web, new_context: Callable[[], BrowserContext]
) -> None:
    page = new_context().new_page()  # a clock is of a whole context
    api = FakeApi()
    api.put(made(1, "critical"), made(2, "high"))
    api.install(page)
    page.clock.install()
    page.add_init_script(TONES_JS)
    log_in(web, page, USER)
    page.get_by_test_id("acknowledge").wait_for()
    sound = page.get_by_test_id("sound")
    expect(sound).to_have_text("NO SOUND: click here")
    expect(sound).to_have_class(re.compile("loud"))
    sound.click()
    expect(sound).to_have_text("Sound on")
    page.clock.run_for(1_000)
    until(page, lambda: "‼" in page.title())  # the answer comes in real time
    page.clock.run_for(9_000)
    first = page.evaluate("tones")
    assert first > 0
    page.clock.run_for(9_000)
    assert page.evaluate("tones") > first, "it repeats"
    api.push(page, made(1, "critical", acknowledgement="acknowledged", version=2))
    page.clock.run_for(2_000)
    until(page, lambda: "‼" not in page.title())
    after = page.evaluate("tones")
    page.clock.run_for(18_000)
    assert page.evaluate("tones") == after, "nobody needs to hear what was acknowledged"
    page.get_by_test_id("page-reports").click()
    page.wait_for_url("**/reports")
    expect(sound).to_have_text("Sound on")  # without a click on this page
    sound.click()
    expect(sound).to_have_text("SOUND IS OFF")


def test_ux_27_a_telephone_has_five_entries_at_the_bottom(web: Web, browser: Browser) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        log_in(web, page, USER)
        page.get_by_test_id("health").wait_for()
        rail = page.get_by_role("navigation")
        box = rail.bounding_box()
        assert box is not None
        assert box["y"] > 700
        assert box["height"] < 80
        assert rail.locator("> ul > li:visible").count() == 5
        rail.get_by_text("More").click()
        rail.locator(".more ul").get_by_text("Audit log").click()
        page.wait_for_url("**/record")
        header = page.locator("header.bar").bounding_box()
        assert header is not None
        assert header["height"] < 100


def test_ux_28_a_page_is_small_after_the_first_load(web: Web, page: Page) -> None:
    log_in(web, page, USER)
    page.get_by_test_id("health").filter(has_text="normal").wait_for()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    loaded: list[float] = []
    session.on("Network.loadingFinished", lambda it: loaded.append(it["encodedDataLength"]))
    for path in ("/", "/live", "/map", "/devices", "/gates", "/lists"):
        loaded.clear()
        page.goto(web.url + path)
        page.get_by_test_id("health").filter(has_text="normal").wait_for()
        page.wait_for_timeout(300)
        assert 0 < sum(loaded) < 600_000, path


def test_assets_need_a_session_and_never_change_under_their_address(web: Web) -> None:
    with web.logged_in() as client:
        text = client.get("/", headers=HTML).text
        address = re.search(r'src="(/assets/\w+/queue/main\.js)"', text)
        assert address is not None
        answer = client.get(address[1])
        assert "immutable" in answer.headers["cache-control"]
        assert client.get(address[1].replace("main.js", "../../../style.py")).status_code == 404
    with web.client() as stranger:
        assert stranger.get(address[1]).status_code == 401
