"""Faults 9 and 21 of the trial: every page is accessible (axe-core finds nothing), in both themes and three sizes."""

from __future__ import annotations

from typing import Literal

import pytest
from agg_support import USER, Web, log_in
from axe_kit import CONTRAST, axe_source, violations
from map_kit import FakeMap
from playwright.sync_api import Browser, Page
from queue_kit import FakeApi, made

from aggregator.web.dashboard.shell.rail import PAGES

SIZES = {"small": (1366, 768), "large": (1920, 1080), "telephone": (390, 844)}
LANDMARKS = """() => ['main', 'h1', 'nav', 'header:not(main header)'].map(it => document.querySelectorAll(it).length)"""


@pytest.fixture(scope="session")
def axe() -> str:
    return axe_source()


def api() -> FakeApi:
    found = FakeApi()
    severities = ("critical", "high", "medium", "low")
    found.put(*(made(it, severities[it % 4], flags=["stale"] if it % 2 else []) for it in range(30)))
    found.put(made(31, "high", acknowledgement="acknowledged", acknowledged_by="li", since_acknowledged=3))
    found.put(made(32, "high", acknowledgement="assigned", assignee="li"))
    return found


@pytest.mark.timeout(300)
def test_ux_21_axe_finds_nothing_on_any_page(web: Web, page: Page, axe: str) -> None:
    """Each page is opened once and shown in every size and theme; what opens on it is looked at in the smallest."""
    faults: dict[str, list[str]] = {}
    show(page, "light")
    api().install(page)
    FakeMap().install(page)
    log_in(web, page, USER)
    for path in PAGES:
        page.goto(web.url + path)
        page.get_by_test_id("health").filter(has_text="normal").wait_for()
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.wait_for_timeout(100)
            faults[f"{path} {size}"] = in_both_themes(page, axe)
            if page.evaluate(LANDMARKS) != [1, 1, 1, 1]:
                faults[f"{path} {size}"].append(f"landmarks {page.evaluate(LANDMARKS)}")
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults[f"{path} {size}"].append("wider than the screen")
    faults |= opened(web, page, axe, "telephone") | forms(web, page, axe, SIZES["telephone"][0])
    lines = [f"{path}: {fault}" for path, found in faults.items() for fault in found]
    assert not lines, "\n".join(lines)


def show(page: Page, theme: Literal["dark", "light"]) -> None:
    page.emulate_media(color_scheme=theme)
    page.wait_for_function("dark => !window.Quasar || Quasar.Dark.isActive === dark", arg=theme == "dark")


def in_both_themes(page: Page, axe: str) -> list[str]:
    """What axe finds in the light theme, and in the dark one too where it depends on colours."""
    found = violations(page, axe)
    show(page, "dark")
    found += [f"dark: {it}" for it in violations(page, axe, CONTRAST)]
    show(page, "light")
    return found


def opened(web: Web, page: Page, axe: str, size: str) -> dict[str, list[str]]:
    """What opens on the queue: the dialogs, the palette, the menu, the detail of a telephone."""
    found: dict[str, list[str]] = {}
    page.goto(web.url)
    page.get_by_test_id("alert-row").first.wait_for()
    for key in ("c", "n", "s", "?", "/"):
        page.keyboard.press(key)
        page.locator("dialog[open]").wait_for()
        found[f"key {key}"] = in_both_themes(page, axe)
        page.keyboard.press("Escape")
    page.keyboard.press("x")
    page.get_by_test_id("bulk").wait_for()
    page.get_by_test_id("user-menu").locator("summary").click()
    found["bulk and menu"] = in_both_themes(page, axe)
    page.get_by_test_id("user-menu").locator("summary").click()
    if size == "telephone":
        page.get_by_test_id("alert-row").nth(1).click()
        page.get_by_test_id("back").wait_for()
        found["detail"] = in_both_themes(page, axe)
    return found


def forms(web: Web, page: Page, axe: str, width: int) -> dict[str, list[str]]:
    """The forms of the pages of silences, escalation and notifications, with what is wrong said at the fields."""
    found: dict[str, list[str]] = {}
    steps = {
        "/silences?new=silence": ["choose-match.kind", "silence-send"],
        "/silences?new=window": ["window-weekly", "choose-devices", "window-send"],
        "/silences?new=shelf": ["shelf-send"],
        "/escalation": ["edit", "add-rota", "add-chain", "add-override", "open-document", "escalation-save"],
        "/notifications": ["target-send"],
    }
    for path, pressed in steps.items():
        page.goto(web.url + path)
        for name in pressed:
            page.get_by_test_id(name).last.click()
        page.locator(".wrong:visible, .problem:visible").first.wait_for()
        found[f"form {path}"] = in_both_themes(page, axe)
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found[f"form {path}"].append("wider than the screen")
    page.get_by_test_id("targets").wait_for()
    page.goto(f"{web.url}/map?plan=village/")
    page.get_by_test_id("map-edit").click()
    page.get_by_test_id("map-symbol").first.click()
    page.get_by_test_id("plan-remove").wait_for()
    found["form /map"] = in_both_themes(page, axe)
    return found


@pytest.mark.timeout(120)
def test_ux_21_plain_pages_are_accessible_too(web: Web, page: Page, axe: str) -> None:
    page.goto(f"{web.url}/login?ended=1")
    assert violations(page, axe) == []
    log_in(web, page, USER, path="/nowhere")
    assert violations(page, axe) == []


@pytest.mark.parametrize(("language", "code"), [("en-US", "en-US"), ("zh-CN", "zh-CN")])
def test_ux_21_the_document_names_its_language(web: Web, browser: Browser, language: str, code: str) -> None:
    with browser.new_context(locale=language) as context:
        page = context.new_page()
        log_in(web, page, USER)
        assert page.locator("html").get_attribute("lang") == code


def test_ux_09_fields_follow_the_theme_that_was_chosen(web: Web, browser: Browser) -> None:
    """Quasar's own components too: by the class of its dark mode."""
    with browser.new_context(color_scheme="light") as context:
        page = context.new_page()
        log_in(web, page, USER, path="/lists")
        page.get_by_test_id("user-menu").locator("summary").click()
        page.get_by_test_id("theme").click()
        page.reload()
        page.locator("body.body--dark").wait_for()
        assert "dark" in (page.locator("html").get_attribute("class") or "")
