"""The pages, their icons, and which of them each role finds in its navigation."""

from __future__ import annotations

from html import escape

from aggregator.domain.accounts.authorization import Principal, Role
from aggregator.web.auth_middleware import may_see
from aggregator.web.dashboard.i18n.texts import Texts

PAGES = {
    "/": "alerts",
    "/overview": "overview",
    "/live": "live",
    "/map": "map",
    "/gates": "gates",
    "/devices": "devices",
    "/shift": "shift",
    "/reports": "reports",
    "/procedures": "procedures",
    "/silences": "silences",
    "/escalation": "escalation",
    "/lists": "lists",
    "/footage": "footage",
    "/search": "search",
    "/releases": "releases",
    "/record": "record",
    "/staff": "staff",
    "/consumers": "consumers",
    "/notifications": "notifications",
    "/account": "account",
}
"""Path → its name in the texts, in the order of the navigation."""
RAILS: dict[Role, tuple[str, ...]] = {
    "monitor": ("/", "/live", "/gates", "/devices", "/shift", "/silences"),
    "guard": ("/gates", "/"),
    "supervisor": (
        *("/", "/live", "/gates", "/devices", "/shift", "/silences", "/escalation"),
        *("/overview", "/reports", "/lists", "/footage", "/procedures"),
    ),
    "investigator": ("/search", "/footage", "/releases"),
    "approver": ("/releases",),
    "auditor": ("/record",),
    "installer": ("/devices", "/map"),
    "responder": ("/overview",),
    "admin": ("/staff", "/escalation", "/map", "/consumers"),
}
"""Role → its pages, the first one first."""
UNDER = {"/map": "/live"}
"""Page → the one in the navigation that leads to it, for those who do not have it there."""
PHONE_ITEMS = 5
"""The bar at the bottom of a telephone has so many."""
_PATHS = {
    "/": '<path d="M6 16v-5a6 6 0 0 1 12 0v5l2 2H4zM10 21h4"/>',
    "/overview": '<path d="M3 4h18v12H3zM8 20h8M12 16v4M7 12l3-3 3 2 4-4"/>',
    "/live": '<path d="M3 5h8v6H3zM13 5h8v6h-8zM3 13h8v6H3zM13 13h8v6h-8z"/>',
    "/map": '<path d="M3 6l6-2 6 2 6-2v14l-6 2-6-2-6 2zM9 4v14M15 6v14"/>',
    "/gates": '<path d="M5 21V4h10v17M15 8h4v13M11 12v2M3 21h18"/>',
    "/devices": '<path d="M3 7h12v9H3zM15 10l6-3v9l-6-3M7 20h6"/>',
    "/shift": '<path d="M4 8h13l-3-3M20 16H7l3 3"/>',
    "/reports": '<path d="M4 20V4M4 20h16M8 16v-4M12 16V8M16 16v-6"/>',
    "/procedures": '<path d="M6 3h12v18H6zM9 8l1 1 2-2M9 13l1 1 2-2M14 8h2M14 13h2M9 17h7"/>',
    "/silences": '<path d="M6 16v-5a6 6 0 0 1 9-5.2M18 12v4l2 2H8M10 21h4M4 4l16 16"/>',
    "/escalation": '<path d="M4 20h4v-4h4v-4h4V8h4M15 4h5v5"/>',
    "/notifications": '<path d="M3 6h18v12H3zM3 7l9 7 9-7"/>',
    "/lists": '<path d="M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01"/>',
    "/footage": '<path d="M3 12a9 9 0 1 0 3-6.7L3 8M3 3v5h5M12 8v5l3 2"/>',
    "/search": '<path d="M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5"/>',
    "/releases": '<path d="M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6zM8.5 12l2.5 2.5 4.5-5"/>',
    "/record": '<path d="M6 3h9l4 4v14H6zM9 12h7M9 16h7M9 8h3"/>',
    "/consumers": '<path d="M4 12h9M9 8l4 4-4 4M14 4h6v16h-6"/>',
    "/staff": '<path d="M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM2 21c0-4 3-6 7-6s7 2 7 6M16 4a4 4 0 0 1 0 7"/>',
    "/account": '<path d="M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 4-6 8-6s8 2 8 6"/>',
}


def page_name(path: str, words: Texts) -> str:
    """What a page is called: in the navigation, as its title and where it is looked for."""
    return words[f"rail.{PAGES[path]}"]


def icon(name: str) -> str:
    """A page's icon."""
    return f'<svg viewBox="0 0 24 24" class="icon" aria-hidden="true">{_PATHS.get(name, "")}</svg>'


def rail_of(caller: Principal) -> list[str]:
    """The pages in somebody's navigation: those of all their roles, as far as they may see them."""
    roles = [role for role in RAILS if any(grant.role == role for grant in caller.grants)]
    found = dict.fromkeys(page for role in roles for page in RAILS[role] if may_see(caller, page))
    return list(found)


def rail_html(caller: Principal, current: str, words: Texts) -> str:
    """The navigation: icons with words; on a telephone five of them, the rest behind "More"."""
    pages = rail_of(caller)
    current = current if current in pages else UNDER.get(current, current)
    shown = pages if len(pages) <= PHONE_ITEMS else pages[: PHONE_ITEMS - 1]
    items = "".join(
        _item(page, current, words, "" if page in shown else "beyond", f"page-{PAGES[page]}") for page in pages
    )
    rest = "".join(_item(page, current, words, "") for page in pages if page not in shown)
    more = (
        f'<li class="more"><details><summary>{icon("/lists")}<span>{escape(words["shell.more"])}</span></summary>'
        f"<ul>{rest}</ul></details></li>"
        if rest
        else ""
    )
    label = escape(words["shell.pages"], quote=True)
    return f'<nav class="rail" aria-label="{label}"><ul>{items}{more}</ul></nav>'


def _item(page: str, current: str, words: Texts, classes: str, test_id: str = "") -> str:
    here = ' aria-current="page"' if page == current else ""
    test = f' data-testid="{test_id}"' if test_id else ""
    return (
        f'<li class="{classes}"><a href="{page}"{here}{test}>{icon(page)}'
        f"<span>{escape(page_name(page, words))}</span></a></li>"
    )
