"""Every route of the running application against every role, at the own site and at another one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from aggregator import app
from aggregator.domain.accounts.authorization import PERMISSIONS, ROLES, Principal, Role, RoleAssignment, parse
from aggregator.web.route_permissions import ROUTES, RoutePolicy, find
from common.errors import StaffError
from common.secret import Secret

from agg_support import Sender, Web, event, wait_until  # isort: skip

PASSWORD = "a password for the table"
SKIPPED = ("/logout", "/login", "/metrics")
"""They end the session, or are open to this machine."""
FRAMEWORK = "/_nicegui"
AREAS = {("village", "hall-1"): frozenset({"halls"}), ("village", "gate-cam"): frozenset({"gates", "halls"})}


def walk(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, path template) of every route, mounted applications included."""
    for route in routes:
        path = prefix + getattr(route, "path", "")
        if isinstance(route, Route):
            yield from ((method, path) for method in route.methods or {"GET"})
        elif isinstance(route, WebSocketRoute):
            yield "WEBSOCKET", path
        elif isinstance(route, Mount):
            if route.path:  # the framework's own application lies at the root
                yield "GET", path + "/anything"
            yield from walk(route.routes or [], path)


def filled(path: str, site: str = "village") -> str:
    """A path with its words filled in; the ids exist nowhere."""
    return re.sub(r"\{[^}]*\}", "x", path.replace("{site}", site))


@pytest.fixture(scope="module")
def staffed(web: Web) -> Web:
    """One user for each role, at `village` only, and one for each everywhere."""
    for role in ROLES:
        for name, scope in ((f"table-{role}", "village"), (f"table-{role}-all", "*")):
            app.add_user(web.parts.core.settings, name, Secret(PASSWORD), [RoleAssignment(role, scope)])
    return web


def test_every_route_is_in_the_table(web: Web) -> None:
    wait_until(lambda: ("GET", "/account") in set(walk(web.application.routes)))
    found = [(method, path) for method, path in walk(web.application.routes) if not path.startswith(FRAMEWORK)]
    assert len(found) > 40
    unnamed = [(method, path) for method, path in found if find(method, filled(path)) is None]
    assert unnamed == []


def test_the_table_names_nothing_that_is_not_there(web: Web) -> None:
    there = set(walk(web.application.routes))
    named = [tuple(name.replace("PAGE", "GET").split(" ", 1)) for name in ROUTES]
    known = {(method, re.sub(r"\{\w+(:\w+)?\}", "{}", path)) for method, path in there}
    missing = {(method, path) for method, path in named if (method, re.sub(r"\{\w+\}", "{}", path)) not in known}
    assert missing == set()


def expected(rule: RoutePolicy, caller: Principal, site: str) -> bool:
    """Whether a caller passes the guard, said independently of it."""
    if rule.consumer:
        return False
    if rule.open or rule.permission is None:
        return True
    scopes = [grant.scope for grant in caller.grants if grant.role in PERMISSIONS[rule.permission]]
    if rule.where == "everywhere":
        return "*" in scopes
    return bool(scopes) if rule.where == "any" else "*" in scopes or site in scopes


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("role", ROLES)
def test_every_route_as_every_role_here_and_elsewhere(staffed: Web, role: Role, everywhere: bool) -> None:
    """No request here can do anything: ids exist nowhere, bodies are empty, and what ends a session is left out."""
    name = f"table-{role}-all" if everywhere else f"table-{role}"
    caller = Principal(name, (RoleAssignment(role, "*" if everywhere else "village"),))
    wrong = []
    with staffed.client() as client:
        assert client.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
        for text, rule in ROUTES.items():
            method, template = text.replace("PAGE", "GET").split(" ", 1)
            if template in SKIPPED or "/oidc" in template or rule.ticket:
                continue
            for site in ("village", "harbour") if "{site}" in template else ("village",):
                path = filled(template, site)
                status, told = opened(client, path) if method == "WEBSOCKET" else answered(client, method, path)
                if (status in (401, 403)) == expected(rule, caller, site):
                    wrong.append((text, site, status, told))
    assert wrong == []


def answered(client: httpx2.Client, method: str, path: str) -> tuple[int, str]:
    """Status and the beginning of the answer."""
    with client.stream(method, path) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return answer.status_code, ""
        return answer.status_code, answer.read().decode("utf-8", "replace")[:80]


def opened(client: httpx2.Client, path: str) -> tuple[int, str]:
    """The same of a WebSocket: 101 where the guard lets it open, else what it answers the handshake with."""
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = {"Origin": client.headers["Origin"], "Cookie": cookies}
    try:
        with connect(
            f"{client.base_url}".replace("http", "ws", 1).rstrip("/") + path, additional_headers=headers, proxy=None
        ):
            return 101, ""
    except InvalidStatus as error:
        return error.response.status_code, ""


def test_a_socket_of_a_box_opens_for_nobody_who_has_no_ticket(staffed: Web) -> None:
    """Whatever their roles, and with a session and the right origin."""
    with staffed.logged_in() as client:
        statuses = {
            text: opened(client, filled(text.split(" ", 1)[1]))[0]
            for text, rule in ROUTES.items()
            if rule.ticket and text.startswith("WEBSOCKET")
        }
    assert statuses
    assert set(statuses.values()) <= {403}


def test_a_socket_needs_a_session_and_our_own_origin(staffed: Web) -> None:
    path = filled(next(text for text in ROUTES if text.startswith("WEBSOCKET /api")).split(" ", 1)[1])
    with staffed.client() as stranger:
        assert opened(stranger, path)[0] == 403
    with staffed.logged_in() as client:
        assert opened(client, path)[0] == 101
        client.headers["Origin"] = "http://elsewhere.example"
        assert opened(client, path)[0] == 403


def test_lists_and_alerts_show_what_lies_within_only(staffed: Web) -> None:
    senders = [Sender(staffed.broker_port, staffed.account, box="roles")]
    other = Sender(staffed.broker_port, staffed.account, box="roles", site="harbour")
    try:
        senders[0].send(event(1, box="roles", number=700_001))
        other.send(event(1, box="roles", site="harbour", number=700_002))
        senders[0].wait()
        with staffed.logged_in() as client:
            wait_until(lambda: client.get("/api/alerts?site=harbour").json()["alerts"] != [])
            foreign = client.get("/api/alerts?site=harbour").json()["alerts"][0]
    finally:
        senders[0].close()
        other.close()
    with staffed.client() as client:
        client.post("/login", data={"name": "table-monitor", "password": PASSWORD})
        assert {it["site"] for it in client.get("/api/alerts?limit=500").json()["alerts"]} == {"village"}
        assert {it["site"] for it in client.get("/api/boxes").json()["boxes"]} == {"village"}
        assert client.get("/api/alerts?site=harbour").json()["alerts"] == []
        assert client.post(f"/api/alerts/{foreign['id']}/reopen").status_code == 404
        assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
        client.post("/login", data={"name": "table-auditor", "password": PASSWORD})
        answer = client.get("/", headers={"Accept": "text/html"})
        assert answer.status_code == 303
        assert answer.headers["location"] not in ("/", "/login")


@pytest.mark.parametrize(
    ("grants", "permission", "site", "place", "may"),
    [
        (["monitor"], "alerts.see", "village", "hall-1", True),
        (["monitor@village"], "alerts.see", "village", "anything", True),
        (["monitor@village"], "alerts.see", "harbour", "hall-1", False),
        (["monitor@village/halls"], "alerts.see", "village", "hall-1", True),
        (["monitor@village/halls"], "alerts.see", "village", "gate-cam", True),
        (["monitor@village/gates"], "alerts.see", "village", "hall-1", False),
        (["monitor@village/halls"], "alerts.see", "village", "", False),
        (["monitor@harbour/halls"], "alerts.see", "village", "hall-1", False),
        (["supervisor@village/halls"], "list.change", "village", "", False),
        (["supervisor@village"], "list.change", "village", "", True),
        (["admin"], "alerts.see", "village", "hall-1", False),
        (["auditor"], "search", "", "", False),
        (["investigator@village"], "search", "", "", True),
        (["investigator"], "release.decide", "", "", False),
        ([], "alerts.see", "", "", False),
    ],
)  # fmt: skip
def test_scopes(grants: list[str], permission: str, site: str, place: str, may: bool) -> None:
    caller = Principal("li", tuple(map(parse, grants)), AREAS)
    assert caller.may(permission, site, place) is may  # type: ignore[arg-type]


def test_a_token_can_do_no_more_than_it_was_made_for() -> None:
    caller = Principal("li", (RoleAssignment("supervisor"),), AREAS, frozenset({"alerts.see", "search"}))
    assert caller.may("alerts.see", "village")
    assert not caller.may("alerts.work", "village")
    assert not caller.may("search")


@pytest.mark.parametrize("text", ["", "king", "monitor@a/b/c", "monitor@/x", "monitor@a/", "monitor@a b"])
def test_grants_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(StaffError):
        parse(text)


def test_no_role_does_everything_and_each_does_something() -> None:
    done = {role: {name for name, roles in PERMISSIONS.items() if role in roles} for role in ROLES}
    assert all(done.values())
    assert all(set(PERMISSIONS) - permissions for permissions in done.values())
    assert "release.ask" not in done["approver"]
    escalation = {"escalation.see", "escalation.change", "notifications.see"}
    assert (
        done["admin"] == {"staff.manage", "consumers.manage", "trouble.see", "plans.see", "plans.change"} | escalation
    )
