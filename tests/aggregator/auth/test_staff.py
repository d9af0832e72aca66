"""Accounts over the API and on the page: who may change whose, and that it stands on the record."""

from __future__ import annotations

import secrets

import pyotp
import pytest
from agg_support import PASSWORD, USER, Web, log_in, plain_client
from playwright.sync_api import Page, expect

from aggregator import app
from aggregator.domain.accounts.authorization import PERMISSIONS, parse
from aggregator.domain.audit.audit_entry import AuditEntry
from common.secret import Secret

ADMIN = [name for name, roles in PERMISSIONS.items() if "admin" in roles]
PROOF = {"current": PASSWORD}


def add(web: Web, *roles: str) -> str:
    """A new user with these roles and the password of all."""
    name = f"staff-{secrets.token_hex(6)}"
    app.add_user(web.parts.core.settings, name, Secret(PASSWORD), [parse(role) for role in roles])
    return name


def recorded(web: Web, target: str) -> list[AuditEntry]:
    return [act for act in web.audit_entries() if act.target == target and act.what == "role.changed"]


def test_an_administrator_adds_a_user_and_gives_a_role(web: Web) -> None:
    with web.logged_in(add(web, "admin")) as client:
        password = client.post("/api/staff", json={"user": "new-one"}).json()["password"]
        assert client.post("/api/staff/new-one/grants", json={"grant": "monitor@village"}).status_code == 201
        assert client.post("/api/staff/new-one/grants", json={"grant": "monitor@village"}).status_code == 422
        roles = {it["user"]: it["roles"] for it in client.get("/api/staff").json()["accounts"]}
        assert roles["new-one"] == ["monitor@village"]
        with web.client() as fresh:
            assert fresh.post("/login", data={"name": "new-one", "password": password}).status_code == 303
            assert fresh.get("/api/me").json()["roles"] == ["monitor@village"]
            assert client.post("/api/staff/new-one/grants/revoke", json={"grant": "monitor@village"}).status_code == 200
            assert fresh.get("/api/alerts").status_code == 403
            assert client.delete("/api/staff/new-one").status_code == 200
            assert fresh.get("/api/me").status_code == 401
    changes = [act.detail["change"] for act in recorded(web, "new-one")]
    assert changes == ["password set", "given monitor@village", "taken monitor@village", "removed"]


@pytest.mark.parametrize("grant", ["auditor@*", "monitor@harbour", "admin@harbour", "admin@*"])
def test_an_administrator_of_a_site_reaches_no_further(web: Web, grant: str) -> None:
    outside = add(web, grant)
    both = add(web, "monitor@village", grant)
    with web.logged_in(add(web, "admin@village")) as client:
        for name in (outside, both):
            assert client.post("/api/staff", json={"user": name}).status_code == 403
            assert client.delete(f"/api/staff/{name}").status_code == 403
            assert client.delete(f"/api/staff/{name}/second-factor").status_code == 403
            assert client.post(f"/api/staff/{name}/grants", json={"grant": grant}).status_code == 403
            assert client.post(f"/api/staff/{name}/grants/revoke", json={"grant": grant}).status_code == 403
        seen = {it["user"] for it in client.get("/api/staff").json()["accounts"]}
        assert outside not in seen
        assert client.post(f"/api/staff/{both}/grants", json={"grant": "monitor@village/yards"}).status_code == 201
    assert recorded(web, outside)[1:] == []


def test_nobody_changes_their_own_roles(web: Web) -> None:
    name = add(web, "admin")
    with web.logged_in(name) as client:
        assert client.post(f"/api/staff/{name}/grants", json={"grant": "investigator"}).status_code == 403
        assert client.delete(f"/api/staff/{name}").status_code == 403
        assert client.post("/api/staff", json={"user": name}).status_code == 403
        assert client.get("/api/me").json()["permissions"] == ADMIN


def test_a_second_factor_is_set_up_and_taken_away(web: Web) -> None:
    name = add(web, "monitor")
    with web.logged_in(name) as client:
        assert client.put("/api/me/second-factor", json={"code": "123456"} | PROOF).status_code == 422
        secret = client.post("/api/me/second-factor").json()["secret"]
        now_s = web.parts.core.clock.wall_ns() // 10**9
        before = pyotp.TOTP(secret).at(now_s - 30)
        assert client.put("/api/me/second-factor", json={"code": "wrong!"} | PROOF).status_code == 422
        assert client.put("/api/me/second-factor", json={"code": before} | PROOF).status_code == 200
    with web.client() as client:
        assert client.post("/login", data={"name": name, "password": PASSWORD}).status_code == 401
        assert client.post("/login", data={"name": name, "password": PASSWORD, "code": before}).status_code == 401
    with web.logged_in(name, pyotp.TOTP(secret).at(web.parts.core.clock.wall_ns() // 10**9)):
        pass
    with web.logged_in(add(web, "admin")) as client:
        assert client.delete(f"/api/staff/{name}/second-factor").status_code == 200
    with web.logged_in(name):
        pass


def test_a_new_password_ends_all_sessions(web: Web) -> None:
    name = add(web, "monitor")
    with web.logged_in(name) as client, web.logged_in(name) as other:
        for current, wanted in ((PASSWORD, "short"), ("a wrong password", "another long password")):
            assert client.put("/api/me/password", json={"current": current, "password": wanted}).status_code == 422
        assert other.get("/api/me").status_code == 200
        changed = client.put("/api/me/password", json={"current": PASSWORD, "password": "another long password"})
        assert changed.status_code == 200
        assert (client.get("/api/me").status_code, other.get("/api/me").status_code) == (401, 401)


def test_guessing_the_current_password_is_throttled(web: Web) -> None:
    with web.logged_in(add(web, "monitor")) as client:
        wrong = {"current": "a wrong password", "password": "another long password"}
        answers = [client.put("/api/me/password", json=wrong) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_token_acts_within_its_limits(web: Web) -> None:
    with web.logged_in(add(web, "supervisor@village")) as client:
        made = client.post("/api/tokens", json={"label": "wall", "permissions": ["alerts.see"], "days": 7} | PROOF)
        assert made.status_code == 201
        token = made.json()
        for wrong in (
            {"label": "x", "permissions": ["search"]},
            {"label": "x", "permissions": []},
            {"label": "x", "permissions": ["alerts.see"], "days": 10_000},
            {"label": "", "permissions": ["alerts.see"]},
            {"label": "x", "permissions": ["no.such"]},
        ):
            assert client.post("/api/tokens", json=wrong | PROOF).status_code == 422
        bearer = {"Authorization": f"Bearer {token['token']}"}
        with plain_client(web.url, bearer) as program:  # no Origin, no cookie
            assert program.get("/api/alerts").status_code == 200
            assert program.get("/api/me").json()["permissions"] == ["alerts.see"]
            assert program.post("/api/alerts/x/reopen").status_code == 403
            assert program.get("/api/sites/village/list").status_code == 403
            for method, path in (("GET", "/api/tokens"), ("POST", "/api/me/second-factor"), ("GET", "/")):
                assert program.request(method, path).status_code == 403, path
            assert client.delete(f"/api/tokens/{token['id']}").status_code == 200
            assert program.get("/api/alerts").status_code == 401
        assert client.delete(f"/api/tokens/{token['id']}").status_code == 422
    assert token["token"] not in str(web.parts.core.reader.api_tokens(USER))


@pytest.mark.parametrize("token", ["x", "Bearer", "ü", "y" * 5000])
def test_forged_tokens_are_nobody(web: Web, token: str) -> None:
    with plain_client(web.url) as program:
        answer = program.get("/api/me", headers={b"Authorization": b"Bearer " + token.encode()})
        assert answer.status_code == 401


def test_malformed_requests_are_refused_in_words(web: Web) -> None:
    with web.logged_in(add(web, "admin")) as client:
        bodies = {b"": 400, b"[]": 422, b'{"user": 5}': 422, b'{"usr": "x"}': 422, b"x" * 20_000: 413}
        for body, code in bodies.items():
            assert client.post("/api/staff", content=body).status_code == code
        assert client.post("/api/staff", json={"user": "../x"}).status_code == 422
        assert client.post("/api/staff", json={"user": "system"}).status_code == 422


def test_accounts_on_the_page(web: Web, page: Page) -> None:
    name = add(web, "admin")
    log_in(web, page, name)
    expect(page).to_have_url(web.url + "/staff")  # the first page that is theirs
    own = page.locator(f'[data-user="{name}"]').get_by_test_id("role")
    expect(own).to_contain_text("administrator · All sites")
    page.get_by_test_id("staff-user").fill("guard-7")
    page.get_by_test_id("add-user").click()
    expect(page.get_by_test_id("staff-told")).to_contain_text("guard-7")
    page.get_by_test_id("staff-scope").fill("village")
    page.get_by_test_id("give-role").click()
    line = page.locator('[data-user="guard-7"]')
    expect(line.get_by_test_id("role")).to_contain_text("monitor · village")
    expect(page.get_by_test_id("staff-told")).to_contain_text("Password of guard-7, shown once")  # still there
    line.get_by_test_id("role").click()
    page.get_by_test_id("cancel").click()
    expect(line.get_by_test_id("role")).to_have_count(1)
    line.get_by_test_id("role").click()
    page.get_by_test_id("confirm-take").click()
    expect(line.get_by_test_id("role")).to_have_count(0)
    line.get_by_test_id("remove-user").click()
    page.get_by_test_id("confirm-remove").click()
    expect(page.locator('[data-user="guard-7"]')).to_have_count(0)
    page.goto(f"{web.url}/account")
    page.get_by_test_id("show-secret").click()
    secret = page.get_by_test_id("secret").locator("code").inner_text()
    page.get_by_test_id("factor-password").fill(PASSWORD)
    page.get_by_test_id("factor-code").fill(pyotp.TOTP(secret).now())
    page.get_by_test_id("confirm-factor").click()
    expect(page.get_by_test_id("secret")).to_have_text("")
    assert web.parts.core.reader.totp_secret(name) is not None


def test_a_new_password_ends_api_tokens_too(web: Web) -> None:
    name = add(web, "monitor")
    with web.logged_in(name) as client:
        wanted = {"label": "script", "permissions": ["alerts.see"]} | PROOF
        token = client.post("/api/tokens", json=wanted).json()["token"]
    with plain_client(web.url, {"Authorization": f"Bearer {token}"}) as script:
        assert script.get("/api/alerts").status_code == 200
        app.add_user(web.parts.core.settings, name, Secret(PASSWORD))
        assert script.get("/api/alerts").status_code == 401


def test_logging_out_clears_what_the_browser_keeps(web: Web) -> None:
    with web.logged_in(add(web, "monitor")) as client:
        assert client.post("/logout").headers["clear-site-data"] == '"cache", "storage"'


def test_exports_are_kept_by_no_cache(web: Web) -> None:
    with web.logged_in(add(web, "supervisor")) as client:
        answer = client.get("/api/sites/village/list.csv")
        assert answer.headers["cache-control"] == "no-store"
