"""Log-in through a real OpenID Connect provider, in a real browser; and what must not get in."""

from __future__ import annotations

import re
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from agg_support import Web, plain_client
from playwright.sync_api import Page, expect

from aggregator import app
from aggregator.auth import vouchers
from aggregator.auth.client_address import SESSION_COOKIE
from aggregator.auth.oidc import WAIT_S, OidcClient
from aggregator.auth.reauthentication import Proof
from aggregator.domain.accounts.authorization import Principal, RoleAssignment
from aggregator.settings.aggregator import Oidc
from aggregator.web.dashboard.login.oidc_login import STATE_COOKIE
from common.clock import FakeClock, SystemClock
from common.errors import LoginError, StaffError
from common.secret import Secret


def settings(web: Web, **changed: str) -> Oidc:
    given = web.parts.core.settings.oidc
    assert given is not None
    about = {name: getattr(given, name) for name in ("issuer", "client_id", "client_secret_file", "address")}
    return Oidc(**(about | changed))


def agreed(url: str, sub: str) -> tuple[str, str]:
    """Say yes at the provider: code and state as the browser would bring them back."""
    answer = httpx2.post(url, data={"sub": sub})
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    return back["code"][0], back["state"][0]


@pytest.fixture
def zhao(web: Web) -> str:
    app.add_user(web.parts.core.settings, "zhao", None, [RoleAssignment("monitor", "village")])
    return "zhao"


def test_a_user_logs_in_through_the_provider(web: Web, zhao: str, page: Page) -> None:
    page.goto(web.url)
    page.get_by_test_id("login-oidc").click()
    page.get_by_role("button", name="s-1").click()
    expect(page).to_have_url(web.url + "/")
    expect(page.get_by_test_id("alerts")).to_be_attached()
    assert web.parts.core.reader.linked_user(f"{settings(web).issuer}#s-1") == zhao
    page.goto(web.url + "/account")
    expect(page.locator("main.board")).to_contain_text("zhao")
    expect(page.get_by_test_id("page-staff")).to_have_count(0)


def test_ux_26_the_address_asked_for_is_kept_over_the_provider(web: Web, zhao: str, page: Page) -> None:
    assert zhao
    page.goto(web.url + "/?severity=critical&status=all")
    page.get_by_test_id("login-oidc").click()
    page.get_by_role("button", name="s-1").click()
    expect(page).to_have_url(web.url + "/?severity=critical&status=all")


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example", "/api/alerts", "x"]
)
def test_the_provider_leads_back_to_our_own_pages_only(web: Web, zhao: str, target: str) -> None:
    assert zhao
    with web.client() as client:
        code, state = agreed(client.get("/login/oidc", params={"next": target}).headers["location"], "s-1")
        back = client.get("/login/oidc/back", params={"code": code, "state": state})
        assert (back.status_code, 'content="0;url=/"' in back.text, "elsewhere" in back.text) == (200, True, False)


def test_a_refused_log_in_keeps_the_address_for_the_next_one(web: Web, zhao: str) -> None:
    assert zhao
    with web.client() as client:
        begun = client.get("/login/oidc", params={"next": '/?severity="><b>'}).headers["location"]
        code, state = agreed(begun, "s-2")  # an account with a password
        back = client.get("/login/oidc/back", params={"code": code, "state": state})
        assert (back.status_code, "<b>" in back.text) == (401, False)
        assert 'href="/login/oidc?next=%2F%3Fseverity%3D' in back.text


def test_the_provider_cannot_open_an_account_that_has_a_password(web: Web, page: Page) -> None:
    page.goto(web.url + "/login/oidc")
    page.get_by_role("button", name="s-2").click()
    expect(page.get_by_test_id("login-problem")).to_be_visible()
    assert [it["name"] for it in page.context.cookies() if it["name"] == SESSION_COOKIE] == []


def test_a_user_of_the_provider_has_no_password(web: Web, zhao: str) -> None:
    with web.client() as client:
        for password in ("", "provider", "zhao"):
            assert client.post("/login", data={"name": zhao, "password": password}).status_code == 401
        client.post("/login", data={"name": "li", "password": "a long enough password"})  # forgives the address
    with pytest.raises(StaffError, match="no password here"):
        web.parts.access.accounts.change_password(
            Principal(zhao), Proof(Secret("provider")), Secret("a long enough password")
        )


def test_a_user_of_the_provider_makes_tokens_soon_after_a_log_in_only(
    web: Web, zhao: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"label": "script", "permissions": ["alerts.see"], "days": 30}
    with web.client() as client:
        code, state = agreed(client.get("/login/oidc").headers["location"], "s-1")
        assert client.get(f"/login/oidc/back?code={code}&state={state}").status_code == 200
        made = client.post("/api/tokens", json=wanted)
        assert made.status_code == 201
        with plain_client(web.url, {"Authorization": f"Bearer {made.json()['token']}"}) as program:
            assert program.get("/api/alerts").status_code == 200
            assert program.post("/api/tokens", json=wanted).status_code == 403
        assert "days: 1 to 30" in client.post("/api/tokens", json=wanted | {"days": 31}).text
        monkeypatch.setattr(vouchers, "GOOD_S", -1.0)
        late = client.post("/api/tokens", json=wanted)
        assert (late.status_code, "log in through your identity provider anew" in late.text) == (422, True)


def test_only_the_session_that_the_provider_opened_is_vouched_for() -> None:
    clock = FakeClock()
    known = vouchers.Vouchers(clock)
    known.add("a")
    clock.advance(vouchers.GOOD_S)
    known.add("b")
    assert (known.good("a"), known.good("b"), known.good("c")) == (True, True, False)
    clock.advance(1.0)
    assert (known.good("a"), known.good("b")) == (False, True)


def test_a_log_in_that_began_elsewhere_is_refused(web: Web, zhao: str) -> None:
    with web.client() as client:
        begun = client.get("/login/oidc")
        code, state = agreed(begun.headers["location"], "s-1")
        assert "samesite=lax" in begun.headers["set-cookie"].lower()
        with web.client() as victim:
            answer = victim.get(f"/login/oidc/back?code={code}&state={state}")
            assert (answer.status_code, SESSION_COOKIE in victim.cookies) == (401, False)
        assert client.get("/login/oidc/back?code=forged&state=" + state).status_code == 401
        # the state is used up: not even the right code helps now
        client.cookies.set(STATE_COOKIE, state)
        assert client.get(f"/login/oidc/back?code={code}&state={state}").status_code == 401


def test_what_the_provider_says_must_hold(web: Web) -> None:
    clock = FakeClock(now_ns=SystemClock().wall_ns())
    good = OidcClient(settings(web), Secret("x"), clock=clock, token=app.new_token)
    url, _ = good.begin()
    assert good.finish(*reversed(agreed(url, "s-1"))).name == "zhao"
    asked = parse_qs(urlsplit(url).query)
    assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])

    url, _ = good.begin()
    code, state = agreed(url, "s-1")
    clock.advance(WAIT_S + 1)
    with pytest.raises(LoginError):
        good.finish(state, code)

    late = FakeClock(now_ns=clock.wall_ns() + 10 * 3600 * 10**9)
    provider = OidcClient(settings(web), Secret("x"), clock=late, token=app.new_token)
    with pytest.raises(LoginError):  # the token has expired by our clock
        provider.finish(*reversed(agreed(provider.begin()[0], "s-1")))


def tampering(name: str, change: dict[str, object]) -> httpx2.BaseTransport:
    """The network, but what the provider says about itself or its token is changed on the way."""

    class Tampering(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = super().handle_request(request)
            if name not in request.url.path:
                return answer
            answer.read()
            return httpx2.Response(answer.status_code, json=answer.json() | change)

    return Tampering()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("openid-configuration", {"issuer": "https://elsewhere.example"}),
        ("jwks", {"keys": []}),
        ("token", {"id_token": "a.b.c"}),
        ("token", {"id_token": None}),
    ],
)  # fmt: skip
def test_an_answer_that_was_changed_lets_nobody_in(web: Web, name: str, change: dict[str, object]) -> None:
    provider = OidcClient(
        settings(web), Secret("x"), clock=SystemClock(), token=app.new_token, transport=tampering(name, change)
    )
    with pytest.raises(LoginError, match="provider"):
        provider.finish(*reversed(agreed(provider.begin()[0], "s-1")))


def test_a_provider_that_is_down_is_said_in_words(web: Web) -> None:
    provider = OidcClient(
        settings(web, issuer="http://127.0.0.1:9"), Secret("x"), clock=SystemClock(), token=app.new_token
    )
    with pytest.raises(LoginError, match="provider"):
        provider.begin()


@pytest.mark.parametrize("key", ["issuer", "address"])
def test_the_provider_must_be_reached_safely(web: Web, key: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{key} must be an https")):
        settings(web, **{key: "http://provider.example"})


def test_the_client_uses_no_deprecated_library() -> None:
    """`paifang aggregator run` printed a warning of authlib at its start."""
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", "import aggregator.auth.oidc"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
