"""Every page can be read in both themes and fits a telephone, judged by what the browser has computed."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from agg_support import USER, Web, log_in
from playwright.sync_api import Browser, Page

from aggregator.web.dashboard.shell.style import PALETTE_CSS

Theme = Literal["dark", "light"]
PAGES = (
    "/",
    "/devices",
    "/silences",
    "/escalation",
    "/notifications",
    "/account",
    "/shift",
    "/reports",
    "/procedures",
    "/gates",
    "/live",
    "/footage",
    "/lists",
    "/search",
    "/releases",
    "/record",
    "/staff",
    "/consumers",
)
FAINT = """() => {
  const numbers = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    for (let it = element; it; it = it.parentElement) {
      const colour = numbers(getComputedStyle(it).backgroundColor);
      if (colour.length === 3 || colour[3] > .9) return colour;
    }
    return [255, 255, 255];
  };
  const own = element => element.matches('input') ? (element.value || element.placeholder)
    : [...element.childNodes].filter(it => it.nodeType === 3).map(it => it.textContent.trim()).join('');
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    if (!own(element) || !element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
    if (element.matches('script, style, noscript, option, [type=file], text')) continue;
    const [one, two] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(one, two) + .05) / (Math.min(one, two) + .05);
    if (contrast < 4.5) found.push(`${element.tagName} '${own(element).slice(0, 30)}' ${contrast.toFixed(1)}`);
  }
  return found;
}"""
"""Texts with less contrast than 4.5 to 1 (WCAG 2.2, success criterion 1.4.3)."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_text_of_every_page_has_contrast_and_fits(
    web: Web, browser: Browser, theme: Literal["dark", "light"]
) -> None:
    faults: dict[str, list[str]] = {}
    with browser.new_context(color_scheme=theme, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        log_in(web, page, USER)
        for path in PAGES:
            page.goto(web.url + path)
            page.get_by_test_id("health").wait_for()
            faults[path] = [*page.evaluate(FAINT), *wide(page)]
    assert faults == {path: [] for path in PAGES}


def light(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    shares = [int(colour[it : it + 2], 16) / 255 for it in (1, 3, 5)]
    linear = [it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in shares]
    return sum(it * weight for it, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


@pytest.mark.parametrize("text", ["low", "medium", "high", "critical"])
def test_every_severity_has_contrast_in_both_themes(text: str) -> None:
    themes = re.findall(rf"--{text}: (#\w{{6}});.*?--{text}-bg: (#\w{{6}})", PALETTE_CSS, re.S)
    assert len(themes) == 3, "light, dark by choice, dark by the system"
    for one, two in themes:
        contrast = (max(light(one), light(two)) + 0.05) / (min(light(one), light(two)) + 0.05)
        assert contrast >= 4.5, (one, two)


def test_the_example_in_a_field_is_not_shown_over_its_label(web: Web, page: Page) -> None:
    log_in(web, page, USER, path="/lists")
    field = page.get_by_test_id("new-until")
    colour = field.evaluate("it => getComputedStyle(it, '::placeholder').color")
    assert colour == "rgba(0, 0, 0, 0)"


def wide(page: Page) -> list[str]:
    width = page.evaluate("document.documentElement.scrollWidth")
    return [f"{width} px wide"] if width > 390 else []
