"""The bar at the top of every page, as HTML: what is open, whether the data is current, the site's time, the user."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

from aggregator.domain.accounts.authorization import Permission, Principal
from aggregator.domain.alerts.types import SEVERITIES
from aggregator.services.monitoring.quiet_universe import KINDS
from aggregator.web.dashboard.i18n.texts import LANGUAGES, Texts
from aggregator.web.dashboard.shell import assets
from aggregator.web.dashboard.shell.rail import PAGES, icon, page_name, rail_html, rail_of
from aggregator.web.dashboard.shell.style import LOGO_SVG
from protocol.problems import LIVE_BASE, PROBLEMS

SCRIPT_TEXTS = (
    "shell.", "queue.", "kind.", "object.", "severity.", "health.", "camera.state.", "door.state.", "wall.",
)  # fmt: skip
"""The texts that the scripts need, by the beginnings of their keys."""
PAGE_TEXTS: dict[str, tuple[str, ...]] = {
    "/": ("box.", "clip."),
    "/silences": ("form.", "silences."),
    "/escalation": ("form.", "escalation.", "notify.", "silences.day."),
    "/notifications": ("form.", "notify."),
    "/map": ("map.",),
    "/devices": ("box.",),
    "/live": ("box.",),
    "/footage": ("box.",),
    "/overview": ("map.", "overview."),
    "/consumers": ("form.", "consumers", "escalation.letters.tries"),
}
"""The same for single pages."""
_MAY: dict[str, Permission] = {
    "see": "alerts.see", "work": "alerts.work", "live": "live.see", "clips": "clips.see", "footage": "footage.look",
    "cases": "case.work", "gates": "passages.see", "places": "places.see",
    "silence": "silences.change", "escalation": "escalation.change", "letters": "notifications.see",
    "reports": "reports.see", "plans": "plans.see", "plan": "plans.change",
}  # fmt: skip
"""What the scripts ask before they offer something. The API decides."""
SCOPED = ("/", "/overview", "/live", "/map", "/devices")
"""Pages whose content follows the filter of site and area."""


@dataclass(frozen=True)
class ShellData:
    """What the shell shows on a page.

    Attributes:
        path: Of the page.
        language: Code of the texts.
        caller: The user, with the roles of now.
        sites: Site's id → (name, time zone), as configured, within the caller's sites.
        assets: The address of the scripts.
    """

    path: str
    language: str
    caller: Principal
    sites: Mapping[str, tuple[str, str]]
    assets: str


def shell_html(data: ShellData, words: Texts) -> str:
    """Skip link, top bar, navigation and the data of the scripts; everything from outside is escaped."""
    return (
        f'<a class="skip" href="#main" data-testid="skip">{escape(words["shell.skip"])}</a>'
        f"{_top(data, words)}{rail_html(data.caller, data.path, words)}"
        '<div id="toasts" role="region" aria-live="polite"'
        f' aria-label="{escape(words["shell.messages"], quote=True)}"></div>'
        f'<script type="application/json" id="shell-data">{_json(_script_data(data, words))}</script>'
        f'<script type="module" src="{data.assets}/shell/main.js"></script>'
    )


def _top(data: ShellData, words: Texts) -> str:
    works = data.caller.may("alerts.see")
    parts = (
        f'<div class="brand">{LOGO_SVG}<span>{escape(words["title"])}</span></div>',
        f"<h1>{escape(page_name(data.path, words))}</h1>",
        _scope(words) if data.path in SCOPED else "",
        _counts(words) if works else "",
        '<div class="room"></div>',
        f'<div class="chip" id="health" role="status" data-testid="health">{escape(words["shell.connecting"])}</div>',
        '<div class="clock" id="clock" data-testid="clock"></div>',
        _sound(words) if data.caller.may("alerts.work") else "",
        f'<button type="button" class="quiet" id="palette-open" data-testid="palette-open" '
        f'aria-keyshortcuts="Control+K" aria-label="{escape(words["shell.find"], quote=True)}" '
        f'title="{escape(words["shell.find"], quote=True)} (Ctrl+K)">{icon("/search")}</button>',
        _user(data, words),
    )
    return f'<header class="bar">{"".join(parts)}</header>'


def _scope(words: Texts) -> str:
    return "".join(
        f'<select id="scope-{name}" data-testid="scope-{name}" '
        f'aria-label="{escape(words[f"shell.{name}"], quote=True)}">'
        f'<option value="">{escape(words[f"shell.{name}.all"])}</option></select>'
        for name in ("site", "area")
    )


def _counts(words: Texts) -> str:
    links = "".join(
        f'<a class="count {it}" href="/?severity={it}" data-severity="{it}" data-testid="count-{it}" hidden>'
        f"<b>–</b> <span>{escape(words[f'severity.{it}'])}</span></a>"
        for it in reversed(SEVERITIES)
    )
    label = escape(words["shell.open"], quote=True)
    return f'<div class="counts" id="counts" role="group" aria-label="{label}" data-testid="counts">{links}</div>'


def _sound(words: Texts) -> str:
    return (
        f'<button type="button" class="sound" id="sound" data-testid="sound" aria-pressed="false">'
        f"{escape(words['shell.sound.off'])}</button>"
    )


def _user(data: ShellData, words: Texts) -> str:
    back = quote(data.path, safe="")
    languages = "".join(
        f'<a href="/language/{code}?next={back}" lang="{code}" data-testid="language">{name}</a>'
        for code, name in LANGUAGES.items()
        if code != data.language
    )
    return (
        f'<details class="user" data-testid="user-menu"><summary>{icon("/account")}'
        f"<span>{escape(data.caller.name)}</span></summary><div>"
        f'<a href="/notifications" data-testid="page-notifications">{escape(page_name("/notifications", words))}</a>'
        f'<a href="/account" data-testid="page-account">{escape(page_name("/account", words))}</a>{languages}'
        f'<button type="button" id="theme" data-testid="theme">{escape(words["theme"])}</button>'
        f'<form method="post" action="/logout"><button type="submit" data-testid="logout">{escape(words["logout"])}'
        "</button></form></div></details>"
    )


def _script_data(data: ShellData, words: Texts) -> dict[str, object]:
    caller = data.caller
    own: dict[str, object] = {"kinds": sorted(KINDS)} if data.path == "/silences" else {}
    own |= {"problems": PROBLEMS, "problems_from": LIVE_BASE} if data.path in ("/live", "/footage") else {}
    own |= {"leaflet": assets.LEAFLET} if data.path in ("/map", "/overview") else {}
    return own | {
        "path": data.path,
        "language": data.language,
        "user": caller.name,
        "sites": [{"id": site, "name": name, "zone": zone} for site, (name, zone) in data.sites.items()],
        "may": {key: caller.may(permission) for key, permission in _MAY.items()}
        | {"trouble": caller.within("trouble.see").everywhere},
        "pages": [{"path": path, "name": page_name(path, words)} for path in PAGES if path in _reachable(data)],
        "texts": {key: words.forms(key) for key in words if key.startswith(_prefixes(data))},
    }


def _prefixes(data: ShellData) -> tuple[str, ...]:
    return SCRIPT_TEXTS + PAGE_TEXTS.get(data.path, ())


def _reachable(data: ShellData) -> set[str]:
    return {*rail_of(data.caller), "/notifications", "/account"}


def _json(data: object) -> str:
    """JSON inside a script element: no `<` may end it."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
