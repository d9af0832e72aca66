"""UX.md fault 16: names, scopes, password resets, recovery codes, tokens, and grants that take two administrators."""

from __future__ import annotations

import secrets

import pyotp
import pytest
from agg_support import PASSWORD, Web, add_staff, log_in
from playwright.sync_api import Browser, Page, expect

from aggregator import app
from aggregator.auth.accounts import recovery_codes
from aggregator.auth.accounts.role_conflicts import conflicts
from aggregator.auth.accounts.scopes import ScopeChecker
from aggregator.auth.accounts.user_names import check_user, key_of
from aggregator.domain.accounts.authorization import RoleAssignment, parse
from aggregator.web.dashboard.i18n.texts import TEXTS
from common.errors import LoginError, StaffError
from common.secret import Secret

PROOF = {"current": PASSWORD}


def changes_of(web: Web, target: str) -> list[str]:
    return [it.detail["change"] for it in web.audit_entries() if it.target == target and it.what == "role.changed"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("li", "li"), ("王小明", "王小明"), ("阿依努尔·艾力", "阿依努尔·艾力"), ("José", "José"),
        ("Jose\u0301", "José"), ("Анна", "Анна"), ("김철수", "김철수"), ("สมชาย", "สมชาย"),
        ("محمد", "محمد"), ("wang小明", "wang小明"),
        ("_-.", "_-."),
    ],
)  # fmt: skip
def test_ux_16_names_in_any_script(name: str, kept: str) -> None:
    assert check_user(name) == kept


@pytest.mark.parametrize(
    "name",
    [
        "", "a" * 65, "a b", " li", "li\n", "a\u200bb", "a\u202eb", "li\u00ad", "a\x00", "a\nb", "\u3164", "王\u3164",
        "\u0301a",
        "li\ufe0f",
        "ｌｉ", "ﬁ", "pаypal", "Αlpha", "System", "system", "ｓystem", "a/b", "a@b", "<b>",
        "a" + "\u0332" * 5, "😀", "\ud800",
    ],
)  # fmt: skip
def test_ux_16_names_that_deceive_or_break_are_refused(name: str) -> None:
    with pytest.raises(LoginError, match="name: ") as caught:
        check_user(name)
    assert caught.value.sentence in TEXTS["zh-CN"]


def test_ux_16_names_that_people_cannot_tell_apart_have_one_key() -> None:
    assert key_of("Li") == key_of("li") == key_of("ｌｉ")
    assert key_of("王小明") != key_of("王小朋")


def test_ux_16_a_user_with_a_chinese_name_works(web: Web) -> None:
    name = f"王小明{secrets.token_hex(3)}"
    with web.logged_in(add_staff(web, "admin")) as client:
        made = client.post("/api/staff", json={"user": name})
        assert made.status_code == 201, made.text
        assert client.post(f"/api/staff/{name}/grants", json={"grant": "supervisor@village"}).status_code == 201
    with web.client() as client:
        password = made.json()["password"]
        assert client.post("/login", data={"name": name, "password": password}).status_code == 303
        assert client.get("/api/me").json()["user"] == name
        gate = client.post("/api/sites/village/boxes/none/gates/none/open", json={"reason": "drill"})
        assert "did not answer" in gate.text, "the command was made and sent"


def test_ux_16_an_existing_name_is_refused_and_its_password_stays(web: Web) -> None:
    name = add_staff(web, "monitor@village")
    with web.logged_in(add_staff(web, "admin")) as client:
        for again in (name, name.upper()):
            answer = client.post("/api/staff", json={"user": again})
            assert (answer.status_code, "exists already" in answer.text) == (409, True)
            assert client.post("/api/staff", json={"user": again, "provider": True}).status_code == 409
    with web.logged_in(name):
        pass
    assert changes_of(web, name) == ["password set"]


def test_ux_16_a_password_reset_is_an_action_of_its_own(web: Web) -> None:
    name = add_staff(web, "monitor@village")
    with web.logged_in(add_staff(web, "admin")) as client, web.logged_in(name) as theirs:
        assert client.post(f"/api/staff/{name}/password", json={"confirm": "another"}).status_code == 422
        assert theirs.get("/api/me").status_code == 200
        password = client.post(f"/api/staff/{name}/password", json={"confirm": name}).json()["password"]
        assert theirs.get("/api/me").status_code == 401
        assert client.post("/api/staff/nobody/password", json={"confirm": "nobody"}).status_code == 422
        assert theirs.post("/login", data={"name": name, "password": password}).status_code == 303
    assert changes_of(web, name) == ["password set", "password reset"]


def test_ux_16_a_password_of_the_identity_provider_cannot_be_reset(web: Web) -> None:
    name = f"staff-{secrets.token_hex(6)}"
    app.add_user(web.parts.core.settings, name, None, [parse("monitor@village")])
    with web.logged_in(add_staff(web, "admin")) as client:
        assert client.post(f"/api/staff/{name}/password", json={"confirm": name}).status_code == 422


@pytest.mark.parametrize(
    ("grant", "problem"),
    [
        ("monitor@vilage", "there is no site 'vilage'; did you mean 'village'?"),
        ("monitor@village/yard", "there is no area 'yard' at 'village'; did you mean 'yards'?"),
        ("monitor@zzzz", "there is no site 'zzzz'; known: "),
        ("monitor@Village", "there is no site 'Village'; did you mean 'village'?"),
    ],
)
def test_ux_16_a_misspelt_scope_is_refused(web: Web, grant: str, problem: str) -> None:
    name = add_staff(web)
    with web.logged_in(add_staff(web, "admin")) as client:
        answer = client.post(f"/api/staff/{name}/grants", json={"grant": grant})
        assert (answer.status_code, problem in answer.text) == (422, True), answer.text
    assert web.parts.core.reader.role_assignments(name) == ()


def test_ux_16_a_suggestion_names_no_site_beyond_the_callers() -> None:
    checker = ScopeChecker(lambda: {"village": {"yards"}, "villas": ()})
    with pytest.raises(StaffError, match="known: none"):
        checker.check(parse("monitor@villag"), within=lambda _: False)


def test_ux_16_roles_that_should_not_meet_are_said(web: Web) -> None:
    assert conflicts(map(parse, ("investigator@village", "approver@*"))) == [("investigator", "approver")]
    assert conflicts(map(parse, ("investigator@village", "approver@estate"))) == []
    assert conflicts(map(parse, ("admin@village/yards", "auditor@village"))) == [("admin", "auditor")]
    assert conflicts(map(parse, ("admin@village/yards", "auditor@village/halls"))) == []
    name = add_staff(web, "admin@village")
    with web.logged_in(add_staff(web, "admin")) as client:
        answer = client.post(f"/api/staff/{name}/grants", json={"grant": "auditor"})
        assert answer.json()["warnings"] == ["admin and auditor should not be one person"]


@pytest.mark.parametrize("role", ["investigator", "approver"])
def test_ux_16_a_second_administrator_must_approve(web: Web, role: str) -> None:
    name, first, second = add_staff(web), add_staff(web, "admin"), add_staff(web, "admin")
    other = add_staff(web, "admin@estate")
    with web.logged_in(first) as client:
        answer = client.post(f"/api/staff/{name}/grants", json={"grant": f"{role}@village"}).json()
        request = answer["request"]["id"]
        assert web.parts.core.reader.role_assignments(name) == ()
        assert client.post(f"/api/staff/{name}/grants", json={"grant": f"{role}@village"}).status_code == 422
        assert client.post(f"/api/staff-requests/{request}/approve").status_code == 403
    with web.logged_in(other) as client:
        assert client.get("/api/staff-requests").json()["requests"] == []
        assert client.post(f"/api/staff-requests/{request}/approve").status_code == 422
    with web.logged_in(second) as client:
        assert request in [it["id"] for it in client.get("/api/staff-requests").json()["requests"]]
        assert client.post(f"/api/staff-requests/{request}/approve").status_code == 200
        assert client.post(f"/api/staff-requests/{request}/approve").status_code == 422
    assert web.parts.core.reader.role_assignments(name) == (RoleAssignment(role, "village"),)  # type: ignore[arg-type]
    expected = [f"requested {role}@village", f"given {role}@village, requested by {first}"]
    assert changes_of(web, name)[1:] == expected


def test_ux_16_nobody_approves_their_own_role_and_a_refusal_ends_it(web: Web) -> None:
    first, second = add_staff(web, "admin"), add_staff(web, "admin")
    with web.logged_in(first) as client:
        request = client.post(f"/api/staff/{second}/grants", json={"grant": "approver"}).json()["request"]["id"]
    with web.logged_in(second) as client:
        assert client.post(f"/api/staff-requests/{request}/approve").status_code == 403
    with web.logged_in(first) as client:
        assert client.post(f"/api/staff-requests/{request}/refuse").status_code == 200
    assert changes_of(web, second)[-1] == f"refused approver@*, requested by {first}"
    assert [it.role for it in web.parts.core.reader.role_assignments(second)] == ["admin"]


def test_ux_16_ten_recovery_codes_each_good_once(web: Web) -> None:
    name = add_staff(web, "monitor")
    with web.logged_in(name) as client:
        assert client.post("/api/me/recovery-codes", json=PROOF).status_code == 422, "no second factor yet"
        secret = client.post("/api/me/second-factor").json()["secret"]
        code = pyotp.TOTP(secret).at(web.parts.core.clock.wall_ns() // 10**9 - 30)
        assert client.put("/api/me/second-factor", json={"code": code} | PROOF).status_code == 200
        now = pyotp.TOTP(secret).at(web.parts.core.clock.wall_ns() // 10**9)
        assert client.post("/api/me/recovery-codes", json={"current": "wrong"}).status_code == 422
        codes = client.post("/api/me/recovery-codes", json=PROOF | {"code": now}).json()["codes"]
    assert len(set(codes)) == 10
    with web.logged_in(name, codes[0].lower().replace("-", " ")) as client:
        again = client.post("/api/me/recovery-codes", json=PROOF | {"code": codes[1]}).json()["codes"]
    with web.client() as client:
        for spent in (codes[0], codes[1], codes[2]):  # used, used, and replaced
            wrong = client.post("/login", data={"name": name, "password": PASSWORD, "code": spent})
            assert wrong.status_code == 401
    with web.logged_in(name, again[0]):
        pass
    assert changes_of(web, name)[-3:] == ["recovery code used", "recovery codes", "recovery code used"]


def test_ux_16_recovery_codes_are_kept_as_hashes() -> None:
    codes = recovery_codes.make(secrets.token_bytes)
    assert all(recovery_codes.hash_of(code) not in (None, code) for code in codes)
    assert recovery_codes.hash_of("123 456") is None


def test_ux_16_the_page_resets_asks_and_warns(web: Web, page: Page) -> None:
    name, admin = add_staff(web, "approver@village"), add_staff(web, "admin")
    log_in(web, page, admin, path="/staff")
    page.get_by_test_id("staff-user").fill(name)
    page.get_by_test_id("staff-user").press("Enter")
    expect(page.get_by_text(f'There is a user "{name}" already.')).to_be_visible()
    page.get_by_test_id("staff-role").click(force=True)
    page.get_by_role("option", name="investigator", exact=False).first.click()
    page.get_by_test_id("staff-scope").fill("vilage")
    page.get_by_test_id("give-role").click()
    expect(page.get_by_text('Did you mean "village"?')).to_be_visible()
    page.get_by_test_id("staff-scope").fill("village")
    page.get_by_test_id("give-role").click()
    expect(page.get_by_test_id("staff-told")).to_contain_text("Another administrator must approve")
    expect(page.get_by_test_id("staff-told")).to_contain_text("should not be one person")
    waiting = page.get_by_test_id("request").filter(has_text=name)
    expect(waiting.get_by_test_id("approve-grant")).to_have_count(0)
    waiting.get_by_test_id("refuse-grant").click()
    expect(waiting).to_have_count(0)
    line = page.locator(f'[data-user="{name}"]')
    line.get_by_test_id("reset-password").click()
    page.get_by_test_id("cancel").click()
    assert changes_of(web, name)[-1] != "password reset"
    line.get_by_test_id("reset-password").click()
    page.get_by_test_id("confirm-reset").click()
    expect(page.get_by_test_id("staff-told")).to_contain_text(f"Password of {name}, shown once")
    assert changes_of(web, name)[-1] == "password reset"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_ux_16_tokens_have_a_page(web: Web, browser: Browser, language: str) -> None:
    words, name = TEXTS[language], add_staff(web, "monitor@village")
    with browser.new_context(locale=language) as context:
        page = context.new_page()
        log_in(web, page, name, path="/account")
        page.get_by_test_id("make-token").click()
        expect(page.get_by_text(words["error.token.permissions"])).to_be_visible()
        page.get_by_test_id("token-permissions").click(force=True)
        page.get_by_role("option", name=words["permission.alerts.see"]).click()
        page.keyboard.press("Escape")
        page.get_by_test_id("token-label").fill("wall display")
        page.get_by_test_id("token-password").fill("wrong")
        page.get_by_test_id("make-token").click()
        expect(page.get_by_text(words["error.proof.password"])).to_be_visible()
        expect(page.get_by_test_id("token-label")).to_have_value("wall display")
        page.get_by_test_id("token-password").fill(PASSWORD)
        page.get_by_test_id("token-password").press("Enter")
        text = page.get_by_test_id("new-token").locator("code").inner_text()
        with web.client() as client:
            assert client.get("/api/alerts", headers={"Authorization": f"Bearer {text}"}).status_code == 200
        page.get_by_test_id("end-token").click()
        expect(page.get_by_test_id("token")).to_have_count(0)


def test_ux_15_a_restart_does_not_lock_the_one_time_user_out(web: Web) -> None:
    core, name = web.parts.core, f"demo-{secrets.token_hex(4)}"
    first = app.one_time_password(core, name)
    assert first is not None
    assert app.one_time_password(core, name) is None, "what was printed before stays valid"
    with web.client() as client:
        assert client.post("/login", data={"name": name, "password": first}).status_code == 303
        second = app.one_time_password(core, name)
        assert second is not None
        assert client.get("/api/me").status_code == 200, "the open session goes on"
        with web.client() as other:
            assert other.post("/login", data={"name": name, "password": first}).status_code == 401
            assert other.post("/login", data={"name": name, "password": second}).status_code == 303
    assert Secret(second) != Secret(first)


def test_ux_16_the_log_in_takes_a_recovery_code(web: Web, page: Page) -> None:
    page.goto(f"{web.url}/login")
    code = recovery_codes.make(secrets.token_bytes)[0]
    field = page.get_by_test_id("login-code")
    field.fill(code)
    field.press("End")
    assert field.get_attribute("maxlength") == "24"
    expect(field).to_have_value(code)
