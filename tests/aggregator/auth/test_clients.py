"""Whose address a request has, what guessing costs, and what a failed log-in leaves."""

from __future__ import annotations

from pathlib import Path

import httpx2
import msgspec
import pytest
from agg_support import PASSWORD, Web, add_staff, run_apart, wait_until
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aggregator.auth.client_address import SESSION_COOKIE, Clients, cookie_name, is_secure, prefix_of
from aggregator.auth.login_limits import MOST_REPORTS, Failures, LoginLimits
from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.settings.aggregator import Http, load
from aggregator.web.auth_middleware import AuthMiddleware
from common.clock import FakeClock
from common.errors import LoginThrottled, SettingsError, StoreError

PROXY = Http(public_url="https://gate.example", trusted_proxies=("10.0.0.0/8", "::1"))


def client_of(http: Http, peer: str, *forwarded: str) -> str:
    headers = [(b"x-forwarded-for", it.encode()) for it in forwarded]
    seen = Clients(http).seen({"type": "http", "scheme": "http", "client": (peer, 5), "headers": headers})
    return str(seen["client"][0])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        ("::1", ("203.0.113.9",), "203.0.113.9"),
        ("203.0.113.1", ("198.51.100.7",), "203.0.113.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.7, 203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.7", "203.0.113.9"), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.7, 203.0.113.9, 10.2.3.4",), "203.0.113.9"),
        ("10.0.0.1", ("nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.9, unknown, 10.2.3.4",), "10.2.3.4"),
        ("10.0.0.1", ("203.0.113.9:4711",), "203.0.113.9"),
        ("10.0.0.1", ("[2001:db8::1]:443",), "2001:db8::1"),
        ("::ffff:10.0.0.1", ("::ffff:203.0.113.9",), "203.0.113.9"),
        ("10.0.0.1", (",".join(["10.1.1.1"] * 5000),), "10.1.1.1"),
    ],
)
def test_the_client_is_who_the_trusted_proxies_have_seen(peer: str, forwarded: tuple[str, ...], address: str) -> None:
    assert client_of(PROXY, peer, *forwarded) == address
    assert client_of(Http(), peer, *forwarded) == peer, "without the setting, nothing is believed"


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("203.0.113.9", "203.0.113.9/32"), ("::ffff:203.0.113.9", "203.0.113.9/32"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"), ("", ""),
    ],
)  # fmt: skip
def test_what_one_subscriber_has_counts_as_one(address: str, prefix: str) -> None:
    assert prefix_of(address) == prefix


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("trusted_proxies: [10.0.0.1]", "need public_url"),
        ("public_url: gate.example", "without a path"),
        ("public_url: https://gate.example/board", "without a path"),
        ("public_url: https://gate.example\n  trusted_proxies: [proxy]", "no address or network"),
    ],
)
def test_settings_of_a_proxy_are_checked(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "aggregator.yaml"
    path.write_text(f"http:\n  {line}\n")
    with pytest.raises(SettingsError, match=problem):
        load(path)


@pytest.mark.parametrize("http", [Http(), PROXY, msgspec.structs.replace(PROXY, public_url="http://gate.example")])
def test_cookies_are_secure_where_browsers_use_tls(http: Http) -> None:
    async def answer(request: Request) -> Response:
        response = Response("x")
        response.set_cookie(cookie_name(request, SESSION_COOKIE), "t", secure=is_secure(request))
        return response

    async def ask() -> httpx2.Headers:
        guarded = AuthMiddleware(Starlette(routes=[Route("/login", answer)]), None, Clients(http))  # type: ignore[arg-type]
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(guarded), base_url="http://x") as client:
            return (await client.get("/login")).headers

    headers = run_apart(ask())
    secure = http.public_url.startswith("https")
    assert headers["set-cookie"].startswith("__Host-paifang_session=" if secure else "paifang_session=")
    assert ("Secure" in headers["set-cookie"], "strict-transport-security" in headers) == (secure, secure)


@pytest.mark.parametrize("kind", ["image/jpeg", "application/json", "text/html"])
def test_pictures_and_answers_are_kept_by_no_cache(kind: str) -> None:
    async def answer(_: Request) -> Response:
        return Response(b"x", media_type=kind)

    async def ask() -> httpx2.Headers:
        guarded = AuthMiddleware(Starlette(routes=[Route("/login", answer)]), None, Clients(Http()))  # type: ignore[arg-type]
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(guarded), base_url="http://x") as client:
            return (await client.get("/login")).headers

    assert run_apart(ask())["cache-control"] == "no-store"


def test_waits_grow_and_end(clock: FakeClock) -> None:
    throttle, waits = RateLimiter(clock, 3, 60.0), []
    for _ in range(3):
        throttle.take("x")
    for _ in range(6):
        with pytest.raises(LoginThrottled) as caught:
            throttle.take("x")
        with pytest.raises(LoginThrottled):
            throttle.take("x")  # asking within the wait makes it no longer
        waits.append(caught.value.wait_s)
        clock.advance(caught.value.wait_s)
        throttle.take("x")
    assert waits == [5, 10, 20, 40, 60, 60]
    clock.advance(121)
    for _ in range(3):
        throttle.take("x")


def test_who_has_logged_in_from_there_waits_for_nobody_elses_tries(clock: FakeClock) -> None:
    limits = LoginLimits(clock)
    limits.take("li", "2001:db8::1")
    limits.passed("li", "2001:db8::1")
    for number in range(60):
        for address in (f"203.0.113.{number}", "2001:db8::2"):
            try:
                limits.take("li" if address != "2001:db8::2" else f"name-{number}", address)
            except LoginThrottled:
                continue
    for name, address in (("li", "198.51.100.1"), ("wang", "2001:db8::1")):
        with pytest.raises(LoginThrottled):
            limits.take(name, address)
    limits.take("li", "2001:db8::ffff")  # the same prefix as at the log-in that was right


def test_failed_log_ins_are_reported_and_a_flood_fills_nothing(clock: FakeClock) -> None:
    done: list[AuditEntry] = []
    failures = Failures(clock, done.append)
    for _ in range(MOST_REPORTS + 50):
        failures.report("li", "203.0.113.9", "wrong")
    assert len(done) == MOST_REPORTS
    clock.advance(3600)
    failures.report(None, "203.0.113.9", "throttled")
    assert (done[0].who, done[0].what) == ("li", "login.failed")
    assert done[-1].who == "unknown"
    assert done[-1].detail == {"from": "203.0.113.9/32", "why": "throttled", "others": "50"}


def test_a_store_that_is_busy_fails_no_report(clock: FakeClock) -> None:
    def busy(_act: AuditEntry) -> None:
        raise StoreError("the store is busy")

    Failures(clock, busy).report("li", "203.0.113.9", "wrong")


def test_a_failed_log_in_is_on_the_record_without_what_was_typed(web: Web) -> None:
    name = add_staff(web, "monitor")
    typed = f"{name}-a-password-in-the-wrong-field"

    def told() -> list[tuple[str, str]]:
        found = [audit_entry.decode(entry) for _, entry in web.parts.core.reader.audit_entries(0, 1_000_000)]
        assert not any(typed in str(act) for act in found)
        return [(act.who, act.detail["why"]) for act in found if act.what == "login.failed"]

    with web.client() as client:
        for who in (typed, name):
            assert client.post("/login", data={"name": who, "password": "wrong"}).status_code == 401
        client.post("/login", data={"name": name, "password": PASSWORD})
    wait_until(lambda: {("unknown", "wrong"), (name, "wrong")} <= set(told()))
