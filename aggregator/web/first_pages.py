"""The page that a user sees first, by role, and where a log-in leads back to."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from aggregator.domain.accounts.authorization import Principal, Role
from aggregator.web.route_permissions import ROUTES

PAGES = [name.removeprefix("PAGE ") for name in ROUTES if name.startswith("PAGE ")]
FIRST_PAGE: dict[Role, str] = {
    "monitor": "/",
    "supervisor": "/",
    "guard": "/gates",
    "investigator": "/search",
    "approver": "/releases",
    "auditor": "/record",
    "installer": "/devices",
    "responder": "/overview",
    "admin": "/staff",
}
"""Role → its first page. Who has several roles gets the page of the first of them in this order."""
LONGEST_NEXT = 500


def first_page(caller: Principal) -> str:
    """The first page for somebody, by their roles; the account page where they have none."""
    roles = {grant.role for grant in caller.grants}
    return next((page for role, page in FIRST_PAGE.items() if role in roles), "/account")


def own_page(target: str) -> str:
    """`target` if it is a page of this dashboard, perhaps with a query; else empty.

    A log-in must not send anybody to another server, so only paths of the table of pages pass.

    >>> own_page("/?alert=1"), own_page("//elsewhere.example/"), own_page("/api/alerts")
    ('/?alert=1', '', '')
    """
    if len(target) > LONGEST_NEXT or not target.isprintable() or "\\" in target:
        return ""
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    if parts.scheme or parts.netloc or target.startswith("//") or parts.path not in PAGES:
        return ""
    return parts.path + (f"?{parts.query}" if parts.query else "")


def login_address(target: str = "", *, ended: bool = False) -> str:
    """The address of the log-in that leads back to a page.

    Args:
        target: The page, with its query.
        ended: The session has ended; the log-in page says so.
    """
    back = own_page(target)
    query = ([f"next={quote(back, safe='')}"] if back not in ("", "/") else []) + (["ended=1"] if ended else [])
    return "/login" + (f"?{'&'.join(query)}" if query else "")
