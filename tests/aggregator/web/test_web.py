"""The running web server: who gets in, what it says, what it shows."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator

import pytest
from agg_support import JPEG, PASSWORD, USER, Sender, Web, entered, event, plain_client, wait_until
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from aggregator.auth.client_address import SESSION_COOKIE
from aggregator.web.auth_middleware import CONTENT_POLICY, HEADERS
from common.clock import SystemClock

POSTS = ["/login", "/logout", "/api/alerts/x/acknowledge", "/api/alerts/x/close"]


def walk(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, path) of every route, mounted applications included."""
    for route in routes:
        path = prefix + re.sub(r"\{[^}]*\}", "x", getattr(route, "path", ""))
        if isinstance(route, Route):
            yield from ((method, path) for method in route.methods or {"GET"})
        elif isinstance(route, WebSocketRoute):
            yield "WEBSOCKET", path
        elif isinstance(route, Mount):
            yield "GET", path + "/anything"
            yield from walk(route.routes or [], path)


def upgrade(web: Web, path: str, headers: str = "") -> str:
    """The status line that an attempt at a WebSocket gets."""
    port = int(web.url.rpartition(":")[2])
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request.encode())
        return connection.recv(200).decode("latin-1").split("\r\n")[0]


def test_every_route_needs_a_session(web: Web) -> None:
    found = set(walk(web.application.routes))
    paths = {path for _, path in found}
    # the list is real: it holds API, dashboard, pictures, the framework's own files and its socket
    assert {"/api/alerts", "/api/pictures/x", "/healthz", "/login", "/"} <= paths
    assert any("_nicegui" in path for path in paths)
    assert len(found) > 20
    with web.client() as client:
        for method, path in sorted(found - {("WEBSOCKET", path) for path in paths}):
            if path in (
                "/healthz",
                "/login",
                "/login/oidc",
                "/login/oidc/back",
                "/metrics",
                "/acknowledge/x",
            ) or path.startswith(("/box/", "/hls/")):  # the address is the secret
                continue
            answer = client.request(method, path)
            assert answer.status_code == 401, (method, path)
            if path.startswith(("/api/feed", "/api/catalogue")):  # no log-in opens it
                continue
            page = client.request("GET", path, headers={"Accept": "text/html"})
            assert page.status_code == 303, path
            assert page.headers["location"].partition("?")[0] == "/login", path


@pytest.mark.parametrize("path", ["/_nicegui_ws/socket.io/?EIO=4&transport=websocket", "/anything"])
def test_websockets_need_a_session_and_our_origin(web: Web, path: str) -> None:
    assert " 403 " in upgrade(web, path)
    assert " 403 " in upgrade(web, path, f"Origin: {web.url}\r\n")
    with web.logged_in() as client:
        cookie = f"Cookie: {SESSION_COOKIE}={client.cookies[SESSION_COOKIE]}\r\n"
    assert " 403 " in upgrade(web, path, cookie)
    assert " 403 " in upgrade(web, path, f"{cookie}Origin: http://elsewhere.example\r\n")


def test_the_dashboards_socket_opens_with_both(web: Web) -> None:
    with web.logged_in() as client:
        cookie = f"Cookie: {SESSION_COOKIE}={client.cookies[SESSION_COOKIE]}\r\nOrigin: {web.url}\r\n"
    assert " 101 " in upgrade(web, "/_nicegui_ws/socket.io/?EIO=4&transport=websocket", cookie)


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
def test_posts_from_elsewhere_are_refused(web: Web, path: str, headers: dict[str, str]) -> None:
    with web.logged_in() as client:
        cookies = dict(client.cookies)
    with plain_client(web.url, cookies=cookies) as stranger:
        assert stranger.post(path, headers=headers).status_code == 403


def test_the_session_cookie_is_hidden_and_strict(web: Web) -> None:
    with web.client() as client:
        cookie = client.post("/login", data={"name": USER, "password": PASSWORD}).headers["set-cookie"].lower()
    for part in ("httponly", "samesite=strict", "max-age=43200", "path=/"):
        assert part in cookie


def test_log_in_and_out(web: Web) -> None:
    with web.client() as client:
        wrong = client.post("/login", data={"name": USER, "password": "wrong"})
        assert wrong.status_code == 401
        assert SESSION_COOKIE not in client.cookies
    with web.logged_in() as client:
        assert client.get("/api/boxes").status_code == 200
        token = client.cookies[SESSION_COOKIE]
        assert client.post("/logout").headers["location"] == "/login"
        assert client.get("/api/boxes", headers={"Cookie": f"{SESSION_COOKIE}={token}"}).status_code == 401


def test_too_much_of_a_form_is_refused(web: Web) -> None:
    with web.client() as client:
        assert client.post("/login", data={"name": "x" * 10_000, "password": "y"}).status_code == 413


def test_guessing_over_http_is_slowed(web: Web) -> None:
    with web.client() as client:
        codes = [client.post("/login", data={"name": "nobody", "password": "z"}).status_code for _ in range(6)]
        assert codes == [401] * 5 + [429]


def test_the_log_in_page_speaks_both_languages(web: Web) -> None:
    with web.client() as client:
        assert "Password" in client.get("/login").text
        assert "密码" in client.get("/login", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
        assert "密码" in client.get("/login?language=zh-CN").text
        assert "密码" in client.get("/login", headers={"Accept-Language": "en"}).text  # remembered


def test_security_headers_are_everywhere(web: Web) -> None:
    with web.client() as client:
        for path in ("/login", "/healthz", "/api/alerts", "/nowhere"):
            answer = client.get(path)
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
            assert answer.headers["content-security-policy"] == CONTENT_POLICY.format(pictures="")
        assert client.get("/api/alerts").headers["cache-control"] == "no-store"
    with web.logged_in() as client:
        assert client.get("/docs").status_code == 404


def test_health_is_public_and_tells_no_secrets(web: Web) -> None:
    with web.client() as client:
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (
        200, {"ok": True, "broker": True, "store": True, "ingest": True, "problem": ""},
    )  # fmt: skip


def test_metrics_are_for_this_machine_or_a_session(web: Web) -> None:
    with web.client() as client:
        assert "paifang_broker_connected 1.0" in client.get("/metrics").text
        # through a proxy everybody looks like this machine
        assert client.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 401
    with web.logged_in() as client:
        assert client.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"}).status_code == 200


def test_alerts_over_the_api(web: Web) -> None:
    sender = Sender(web.broker_port, web.account, "api-box")
    now_ns = SystemClock().wall_ns()
    sender.send(
        *(
            event(it, entered(f"zone-{it}"), time_ns=now_ns + it, box="api-box", place="api-cam", number=8000 + it)
            for it in range(1, 6)
        ),
        event(6, entered("zone-6"), time_ns=now_ns + 6, box="api-box", place="api-cam", picture=JPEG, number=8006),
    )
    sender.wait()
    sender.raw(b"{nonsense")
    sender.close()
    with web.logged_in() as client:
        first = client.get("/api/alerts?camera=api-cam&order=newest&limit=4").json()
        rest = client.get(f"/api/alerts?camera=api-cam&order=newest&limit=4&cursor={first['next']}").json()
        assert [it["subject"] for it in first["alerts"] + rest["alerts"]] == [f"zone-{it}" for it in range(6, 0, -1)]
        assert rest["next"] is None
        newest = first["alerts"][0]
        assert (newest["site_name"], newest["severity"], newest["count"]) == ("Stone Bridge <Village>", "medium", 1)
        assert newest["local_time"].endswith("+08:00")
        assert client.get(newest["picture"]).content == JPEG
        assert first["alerts"][1]["picture"] is None
        taken = client.post(f"/api/alerts/{newest['id']}/acknowledge").json()
        assert (taken["acknowledgement"], taken["acknowledged_by"]) == ("acknowledged", USER)
        done = client.post(f"/api/alerts/{newest['id']}/close", json={"outcome": "real"}).json()
        assert (done["status"], done["closed_by"], done["outcome"]) == ("closed", USER, "real")
        left = client.get("/api/alerts?camera=api-cam").json()
        assert [it["status"] for it in left["alerts"]] == ["open"] * 5
        assert left["counts"] == {"critical": 0, "high": 0, "medium": 5, "low": 0, "total": 5}
        (box,) = [it for it in client.get("/api/boxes").json()["boxes"] if it["box"] == "api-box"]
        assert (box["committed"], box["gaps"]) == (6, [])
        wait_until(lambda: client.get("/api/quarantine").json()["count"] >= 1)
        assert client.get("/api/quarantine").json()["entries"][0]["start"] == "{nonsense"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/api/alerts/00000000-0000-7000-8000-000000000000/acknowledge", 404),
        ("POST", "/api/alerts/nonsense/reopen", 404),
        ("GET", "/api/pictures/00000000-0000-7000-8000-000000000000", 404),
        ("GET", "/api/pictures/..%2f..%2faggregator.db", 404),
        ("GET", "/api/alerts?cursor=nonsense", 400),
        ("GET", "/api/alerts?limit=0", 422),
        ("GET", "/api/alerts?status=odd", 422),
    ],
)
def test_bad_requests_get_clear_answers(web: Web, method: str, path: str, code: int) -> None:
    with web.logged_in() as client:
        assert client.request(method, path).status_code == code


def test_many_people_acknowledge_at_once_and_one_is_kept(web: Web) -> None:
    sender = Sender(web.broker_port, web.account, "busy-box")
    sender.send(event(1, time_ns=SystemClock().wall_ns(), box="busy-box", place="busy-cam", number=7000))
    sender.wait()
    sender.close()
    answers: list[int] = []
    with web.logged_in() as client:
        alert_id = client.get("/api/alerts?camera=busy-cam").json()["alerts"][0]["id"]

        def take() -> None:
            answers.append(client.post(f"/api/alerts/{alert_id}/acknowledge").status_code)

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [200] * 8
