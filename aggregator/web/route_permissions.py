"""The authorisation table: every route of the aggregator and who may use it. What it does not name is closed.

A test makes every request of this table as every role, at the own site and at another one, and fails on a route of the
running application that is not here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from aggregator.domain.accounts.authorization import Permission

Where = Literal["site", "any", "everywhere"]
"""`site`: at the path's `{site}` (and `{place}`); `any`: somewhere, the route shows and does only what lies within;
`everywhere`: with the scope `*`."""


@dataclass(frozen=True)
class RoutePolicy:
    """Who may use a route.

    Attributes:
        permission: What it needs; None: a session is enough.
        where: Where it must count.
        open: No session is needed.
        token: An API token may use it.
        ticket: It has a secret of its own, which the route checks: a box's ticket, or that of a player's session.
        consumer: The token of a consumer opens it, and nothing else.
        link: As `consumer`, and a ticket in the address too: players send no headers.
    """

    permission: Permission | None = None
    where: Where = "any"
    open: bool = False
    token: bool = True
    ticket: bool = False
    consumer: bool = False
    link: bool = False


OPEN = RoutePolicy(open=True)
ANYBODY = RoutePolicy(token=False)
FILES = RoutePolicy(token=False)
CONSUMER = RoutePolicy(token=False, consumer=True)
PLAYER = RoutePolicy(token=False, consumer=True, link=True)

ROUTES: dict[str, RoutePolicy] = {
    "GET /healthz": OPEN,
    "GET /login": OPEN,
    "POST /login": OPEN,
    "GET /login/oidc": OPEN,
    "GET /login/oidc/back": OPEN,
    "GET /metrics": RoutePolicy("trouble.see", "everywhere"),
    "POST /logout": ANYBODY,
    "GET /language/{code}": ANYBODY,
    "GET /api/openapi.json": RoutePolicy(),
    "GET /api/asyncapi.json": RoutePolicy(),
    "GET /api/me": RoutePolicy(),
    "GET /api/alerts": RoutePolicy("alerts.see"),
    "GET /api/alerts/changes": RoutePolicy("alerts.see"),
    "GET /api/alerts/{alert_id}": RoutePolicy("alerts.see"),
    "POST /api/alerts/bulk": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/acknowledge": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/assign": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/note": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/escalate": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/close": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/reopen": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/shelve": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/unshelve": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/merge": RoutePolicy("alerts.work"),
    "POST /api/alerts/{alert_id}/split": RoutePolicy("alerts.work"),
    "GET /api/procedures": RoutePolicy("alerts.see"),
    "GET /api/procedures/{kind}": RoutePolicy("alerts.see"),
    "POST /api/procedures": RoutePolicy("procedure.change"),
    "GET /api/alerts/{alert_id}/procedure": RoutePolicy("alerts.see"),
    "PUT /api/alerts/{alert_id}/procedure/{step}": RoutePolicy("alerts.work"),
    "GET /api/handovers": RoutePolicy("handover.sign"),
    "GET /api/handovers/current": RoutePolicy("handover.sign"),
    "GET /api/handovers/{handover_id}": RoutePolicy("handover.sign"),
    "POST /api/handovers": RoutePolicy("handover.sign", token=False),
    "POST /api/handovers/{handover_id}/take": RoutePolicy("handover.sign", token=False),
    "POST /api/shift-notes": RoutePolicy("handover.sign"),
    "GET /api/statistics": RoutePolicy("reports.see"),
    "GET /api/statistics.csv": RoutePolicy("reports.see"),
    "GET /api/statistics/overview": RoutePolicy("overview.see"),
    "GET /api/quality": RoutePolicy("reports.see"),
    "GET /api/quality/rule": RoutePolicy("reports.see"),
    "POST /api/quality/replay": RoutePolicy("reports.see"),
    "GET /api/silences": RoutePolicy("silences.see"),
    "POST /api/silences": RoutePolicy("silences.change"),
    "POST /api/silences/preview": RoutePolicy("silences.change"),
    "POST /api/silences/{silence_id}/end": RoutePolicy("silences.change"),
    "GET /api/maintenance": RoutePolicy("silences.see"),
    "POST /api/maintenance": RoutePolicy("silences.change"),
    "POST /api/maintenance/{window_id}/end": RoutePolicy("silences.change"),
    "GET /api/sources/shelved": RoutePolicy("alerts.see"),
    "POST /api/sources/shelve": RoutePolicy("alerts.work"),
    "POST /api/sources/shelved/{shelf_id}/end": RoutePolicy("alerts.work"),
    "GET /api/flood": RoutePolicy("alerts.see"),
    "GET /api/boxes": RoutePolicy("places.see"),
    "GET /api/cameras": RoutePolicy("places.see"),
    "GET /api/places": RoutePolicy(),
    "GET /api/places/alerts": RoutePolicy("alerts.see"),
    "GET /api/plans": RoutePolicy("plans.see"),
    "GET /api/plans/{site}/picture": RoutePolicy("plans.see"),
    "PUT /api/plans/{site}/picture": RoutePolicy("plans.change", "site", token=False),
    "PUT /api/plans/{site}/symbols": RoutePolicy("plans.change", "site", token=False),
    "DELETE /api/plans/{site}": RoutePolicy("plans.change", "site", token=False),
    "PUT /api/plans/{site}/location": RoutePolicy("plans.change", "site", token=False),
    "DELETE /api/plans/{site}/location": RoutePolicy("plans.change", "site", token=False),
    "GET /api/quarantine": RoutePolicy("trouble.see", "everywhere"),
    "GET /api/clips/{alert_id}": RoutePolicy("clips.see"),
    "WEBSOCKET /api/live/{site}/{box}/{place}": RoutePolicy("live.see", "site", token=False),
    "GET /api/stills/{site}/{box}/{place}": RoutePolicy("live.see", "site", token=False),
    "WEBSOCKET /api/play/{site}/{box}/{place}": RoutePolicy("footage.look", "site", token=False),
    "WEBSOCKET /box/live/{job}": RoutePolicy(ticket=True),
    "PAGE /live": RoutePolicy("live.see", token=False),
    "GET /api/pictures/{event_id}": RoutePolicy("alerts.pictures"),
    "GET /api/passages/{event_id}/entry": RoutePolicy("passages.see"),
    "POST /api/passages/{event_id}/entry": RoutePolicy("passages.see"),
    "GET /api/sites/{site}/list": RoutePolicy("list.see", "site"),
    "POST /api/sites/{site}/list": RoutePolicy("list.change", "site"),
    "DELETE /api/sites/{site}/list/{entry}": RoutePolicy("list.change", "site"),
    "GET /api/sites/{site}/list.csv": RoutePolicy("list.see", "site"),
    "POST /api/sites/{site}/list.csv": RoutePolicy("list.change", "site"),
    "POST /api/sites/{site}/boxes/{box}/gates/{place}/open": RoutePolicy("gate.open", "site"),
    "POST /api/sites/{site}/boxes/{box}/doors/{place}/unlock": RoutePolicy("gate.open", "site"),
    "POST /api/sites/{site}/boxes/{box}/cameras/{place}/footage": RoutePolicy("footage.look", "site"),
    "POST /api/sites/{site}/boxes/{box}/cameras/{place}/still": RoutePolicy("footage.look", "site"),
    "GET /api/sites/{site}/boxes/{box}/cameras/{place}/timeline": RoutePolicy("footage.look", "site"),
    "GET /api/sites/{site}/boxes/{box}/places/{place}/passages": RoutePolicy("passages.see", "site"),
    "GET /api/record/entries": RoutePolicy("record.read", "everywhere"),
    "GET /api/record/findings": RoutePolicy("record.read", "everywhere"),
    "GET /api/record": RoutePolicy("record.read", "everywhere"),
    "GET /api/record/dossier.jsonl": RoutePolicy("record.read", "everywhere"),
    "GET /api/record.jsonl": RoutePolicy("record.read", "everywhere"),
    "GET /api/cases": RoutePolicy("case.work"),
    "POST /api/cases": RoutePolicy("case.work"),
    "POST /api/cases/close": RoutePolicy("case.work"),
    "GET /api/case-clips": RoutePolicy("search"),
    "POST /api/case-clips": RoutePolicy("search"),
    "GET /api/case-clips/{clip_id}": RoutePolicy("search"),
    "GET /api/holds": RoutePolicy("footage.hold"),
    "POST /api/holds": RoutePolicy("footage.hold", token=False),
    "POST /api/holds/{hold_id}/end": RoutePolicy("footage.hold", token=False),
    "GET /api/footage": RoutePolicy("search"),
    "GET /api/footage/visits": RoutePolicy("search"),
    "GET /api/footage/{event_id}/picture": RoutePolicy("search"),
    "POST /api/footage/{event_id}/clip": RoutePolicy("search"),
    "GET /api/footage/{event_id}/clip": RoutePolicy("search"),
    "GET /api/releases": RoutePolicy("release.see"),
    "POST /api/releases": RoutePolicy("release.ask", token=False),
    "POST /api/releases/{release_id}/approve": RoutePolicy("release.decide", token=False),
    "POST /api/releases/{release_id}/refuse": RoutePolicy("release.decide", token=False),
    "POST /api/releases/{release_id}/fetch": RoutePolicy("release.see", token=False),
    "GET /api/staff": RoutePolicy("staff.manage", token=False),
    "POST /api/staff": RoutePolicy("staff.manage", token=False),
    "GET /api/staff-requests": RoutePolicy("staff.manage", token=False),
    "POST /api/staff-requests/{request_id}/approve": RoutePolicy("staff.manage", token=False),
    "POST /api/staff-requests/{request_id}/refuse": RoutePolicy("staff.manage", token=False),
    "POST /api/staff/{user}/password": RoutePolicy("staff.manage", token=False),
    "DELETE /api/staff/{user}": RoutePolicy("staff.manage", token=False),
    "POST /api/staff/{user}/grants": RoutePolicy("staff.manage", token=False),
    "POST /api/staff/{user}/grants/revoke": RoutePolicy("staff.manage", token=False),
    "DELETE /api/staff/{user}/second-factor": RoutePolicy("staff.manage", token=False),
    "GET /api/tokens": ANYBODY,
    "POST /api/tokens": ANYBODY,
    "DELETE /api/tokens/{token}": ANYBODY,
    "POST /api/me/second-factor": ANYBODY,
    "PUT /api/me/second-factor": ANYBODY,
    "PUT /api/me/password": ANYBODY,
    "POST /api/me/recovery-codes": ANYBODY,
    "GET /api/escalation": RoutePolicy("escalation.see"),
    "GET /api/escalation/{site}": RoutePolicy("escalation.see"),
    "PUT /api/escalation/{site}": RoutePolicy("escalation.change", "site", token=False),
    "GET /api/alerts/{alert_id}/steps": RoutePolicy("alerts.see"),
    "GET /api/me/notifications": ANYBODY,
    "POST /api/me/notifications": ANYBODY,
    "POST /api/me/notifications/web-push": ANYBODY,
    "PUT /api/me/notifications/{target}/language": ANYBODY,
    "DELETE /api/me/notifications/{target}": ANYBODY,
    "POST /api/me/notifications/{target}/test": ANYBODY,
    "GET /api/notifications": RoutePolicy("notifications.see"),
    "POST /api/notifications/{notification}/replay": RoutePolicy("notifications.see", token=False),
    "GET /api/consumers": RoutePolicy("consumers.manage", token=False),
    "POST /api/consumers": RoutePolicy("consumers.manage", token=False),
    "POST /api/consumers/{consumer_id}/decide": RoutePolicy("consumers.manage", token=False),
    "POST /api/consumers/{consumer_id}/token": RoutePolicy("consumers.manage", token=False),
    "PUT /api/consumers/{consumer_id}/certificate": RoutePolicy("consumers.manage", token=False),
    "DELETE /api/consumers/{consumer_id}/certificate": RoutePolicy("consumers.manage", token=False),
    "GET /api/consumers/{consumer_id}/mqtt": RoutePolicy("consumers.manage", token=False),
    "POST /api/consumers/{consumer_id}/mqtt": RoutePolicy("consumers.manage", token=False),
    "DELETE /api/consumers/{consumer_id}/mqtt": RoutePolicy("consumers.manage", token=False),
    "POST /api/consumers/{consumer_id}/mqtt/password": RoutePolicy("consumers.manage", token=False),
    "POST /api/consumers/{consumer_id}/mqtt/home-assistant": RoutePolicy("consumers.manage", token=False),
    "GET /api/consumers/{consumer_id}/webhooks": RoutePolicy("consumers.manage", token=False),
    "POST /api/consumers/{consumer_id}/webhooks": RoutePolicy("consumers.manage", token=False),
    "DELETE /api/webhooks/{webhook_id}": RoutePolicy("consumers.manage", token=False),
    "POST /api/webhooks/{webhook_id}/confirm": RoutePolicy("consumers.manage", token=False),
    "POST /api/webhooks/{webhook_id}/keys": RoutePolicy("consumers.manage", token=False),
    "POST /api/webhooks/{webhook_id}/test": RoutePolicy("consumers.manage", token=False),
    "POST /api/webhooks/{webhook_id}/replay": RoutePolicy("consumers.manage", token=False),
    "GET /api/webhooks/{webhook_id}/dead-letters": RoutePolicy("consumers.manage", token=False),
    "POST /api/webhooks/{webhook_id}/dead-letters/{letter_id}/replay": RoutePolicy("consumers.manage", token=False),
    "GET /api/consumers/{consumer_id}/video-outputs": RoutePolicy("consumers.manage", token=False),
    "POST /api/consumers/{consumer_id}/video-outputs": RoutePolicy("consumers.manage", token=False),
    "POST /api/video-outputs/{output_id}/pause": RoutePolicy("consumers.manage", token=False),
    "POST /api/video-outputs/{output_id}/resume": RoutePolicy("consumers.manage", token=False),
    "DELETE /api/video-outputs/{output_id}": RoutePolicy("consumers.manage", token=False),
    "GET /api/feed": CONSUMER,
    "GET /api/feed/stream": CONSUMER,
    "GET /api/feed/pictures/{event_id}": CONSUMER,
    "GET /api/feed/clips/{alert_id}": CONSUMER,
    "GET /api/catalogue": CONSUMER,
    "POST /api/feed/live/{site}/{box}/{camera}/ticket": CONSUMER,
    "GET /api/feed/live/{site}/{box}/{camera}/stream.mp4": PLAYER,
    "GET /api/feed/live/{site}/{box}/{camera}/index.m3u8": PLAYER,
    "WEBSOCKET /api/feed/live/{site}/{box}/{camera}/stream": PLAYER,
    "GET /hls/{session}/{file}": RoutePolicy(ticket=True),
    "GET /acknowledge/{token}": OPEN,
    "POST /acknowledge/{token}": OPEN,
    "HEAD /box/uploads/{use}/{job}": RoutePolicy(ticket=True),
    "PATCH /box/uploads/{use}/{job}": RoutePolicy(ticket=True),
    "GET /favicon.ico": FILES,
    "PAGE /": RoutePolicy("alerts.see", token=False),
    "PAGE /overview": RoutePolicy("overview.see", token=False),
    "PAGE /silences": RoutePolicy("silences.see", token=False),
    "PAGE /escalation": RoutePolicy("escalation.see", token=False),
    "PAGE /notifications": ANYBODY,
    "GET /notifications/worker.js": FILES,
    "PAGE /shift": RoutePolicy("handover.sign", token=False),
    "PAGE /procedures": RoutePolicy("alerts.see", token=False),
    "PAGE /reports": RoutePolicy("reports.see", token=False),
    "PAGE /map": RoutePolicy("plans.see", token=False),
    "PAGE /gates": RoutePolicy("passages.see", token=False),
    "PAGE /devices": RoutePolicy("places.see", token=False),
    "PAGE /footage": RoutePolicy("footage.look", token=False),
    "PAGE /search": RoutePolicy("search", token=False),
    "PAGE /releases": RoutePolicy("release.see", token=False),
    "PAGE /lists": RoutePolicy("list.see", token=False),
    "PAGE /record": RoutePolicy("record.read", "everywhere", token=False),
    "PAGE /consumers": RoutePolicy("consumers.manage", token=False),
    "PAGE /staff": RoutePolicy("staff.manage", token=False),
    "PAGE /account": ANYBODY,
}
"""`METHOD /path` → its rule. A page of the dashboard is `PAGE`; HEAD counts as GET where it is not named."""

_FOLDERS: dict[str, RoutePolicy] = {"/_nicegui/": FILES, "/_nicegui_ws/": FILES, "/assets/": FILES}
"""Static files of the dashboard, and those and the socket of its framework. What arrives on the socket is checked by
the page that it is for: it belongs to a page that was asked for by its own address, and every act asks `Caller.need`
again."""


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template)) + r"\Z")


_EXACT = {name: rule for name, rule in ROUTES.items() if "{" not in name}
_EXACT_PATHS = {name.split(" ", 1)[1] for name in _EXACT}
"""None of these is also an id in a pattern, whatever the method."""
_PATTERNS = [
    (name.split(" ", 1)[0], _pattern(name.split(" ", 1)[1]), rule) for name, rule in ROUTES.items() if "{" in name
]


def find(method: str, path: str) -> tuple[RoutePolicy, dict[str, str]] | None:
    """The rule of a request and the words in its path; None: the table does not name it.

    Args:
        method: As in HTTP; `WEBSOCKET` for one.
        path: Decoded, as the application sees it.
    """
    return _named(method, path) or (_named("GET", path) if method == "HEAD" else None) or _in_folder(path)


def methods_of(path: str) -> list[str]:
    """The methods that the table names for a path, for `Allow`; empty: no such path."""
    methods = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
    return [method for method in methods if find(method, path) is not None]


def _named(method: str, path: str) -> tuple[RoutePolicy, dict[str, str]] | None:
    rule = _EXACT.get(f"{method} {path}") or (_EXACT.get(f"PAGE {path}") if method == "GET" else None)
    if rule is not None or path in _EXACT_PATHS:
        return (rule, {}) if rule is not None else None
    for its_method, pattern, its_rule in _PATTERNS:
        if its_method == method and (match := pattern.match(path)):
            return its_rule, match.groupdict()
    return None


def _in_folder(path: str) -> tuple[RoutePolicy, dict[str, str]] | None:
    folder = next((it for prefix, it in _FOLDERS.items() if path.startswith(prefix)), None)
    return (folder, {}) if folder is not None else None
