"""Clips with real parts: RTSP → recorder → event → alert → command → redactor → upload → board in Chromium."""

from __future__ import annotations

import hashlib
import io

import av
import httpx2
import msgspec
import pytest
from agg_support import Web, add_staff, log_in, wait_until
from picture_box import Running, recorded
from playwright.sync_api import Page, expect

from aggregator import app
from aggregator.domain.accounts.authorization import RoleAssignment
from aggregator.domain.clip import Clip
from aggregator.domain.read_models import AlertQuery, Batch
from aggregator.web.dashboard.i18n.texts import TEXTS
from aggregator.web.error_page import LANGUAGE_COOKIE
from common.clock import DAY_NS
from common.secret import Secret
from protocol.signing.upload_tokens import DIGEST, LENGTH, OFFSET, upload_path

from picture_box import running  # noqa: F401  # isort: skip
from domain.test_clips_table import made  # isort: skip

FOREIGN = "a password for somebody else"


def alert_of(web: Web, camera: str) -> str:
    found: list[str] = []

    def there() -> bool:
        alerts = web.parts.core.reader.alerts(AlertQuery(place=camera))
        # under load the box may have lost its camera for a moment, which is an alert too
        found[:] = [it.id for it in alerts if (it.box, it.kind) == ("pictures", "zone.entered")]
        return bool(found)

    wait_until(there, 30)
    return found[0]


def clip_of(web: Web, number: str, *states: str) -> Clip:
    found: list[Clip] = []

    def there() -> bool:
        clip = web.parts.core.reader.clip(number)
        found[:] = [clip] if clip is not None else []
        return clip is not None and clip.state in states

    wait_until(there, 150)  # low priority on a busy machine
    return found[0]


@pytest.mark.timeout(300)
def test_an_alert_gets_a_blurred_clip_that_is_played_on_the_board(
    web: Web,
    running: Running,  # noqa: F811
    page: Page,
) -> None:
    running.recorded(10)
    name = add_staff(web, "supervisor@village/yards")  # what other files send is not on this user's board
    log_in(web, page, name)
    page.get_by_test_id("health").wait_for()
    running.enter("yard", seconds_ago=20)
    number = alert_of(web, "yard")
    page.goto(f"{web.url}/?alert={number}")
    with web.logged_in(name) as client:
        clip = clip_of(web, number, "stored", "failed")
        assert (clip.state, clip.problem) == ("stored", "")
        before = len(recorded(web, "clip"))
        whole = client.get(f"/api/clips/{number}")
        assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
        assert (len(whole.content), hashlib.sha256(whole.content).hexdigest()) == (clip.bytes, clip.digest)
        check_ranges(client, number, whole.content)
        assert len(recorded(web, "clip")) == before + 1  # once per user and clip
    act = recorded(web, "clip")[-1]
    assert (act.who, act.site, act.target, act.detail) == (name, "village", number, {"camera": "pictures/yard"})
    with av.open(io.BytesIO(whole.content), "r") as film:
        assert (film.streams.video[0].codec_context.name, len(film.streams.audio)) == ("h264", 0)
        assert len(list(film.decode(video=0))) >= 30
    page.get_by_test_id("tool-clip").click()  # it came by itself
    expect(page.get_by_test_id("clip-state")).to_have_text("")
    expect(page.get_by_test_id("alert-clip")).to_be_visible()
    page.wait_for_function("document.querySelector('[data-testid=alert-clip]').currentTime > 0.3")
    assert list((running.folder / "data" / "clips").iterdir()) == []


def check_ranges(client: httpx2.Client, number: str, whole: bytes) -> None:
    path, size = f"/api/clips/{number}", len(whole)
    for asked, begin, end in (("0-99", 0, 100), ("100-", 100, size), ("-50", size - 50, size), ("5-99999999", 5, size)):
        part = client.get(path, headers={"Range": f"bytes={asked}"})
        assert (part.status_code, part.content) == (206, whole[begin:end]), asked
        assert part.headers["content-range"] == f"bytes {begin}-{end - 1}/{size}"
    for beyond in (f"{size}-", "9-2", "-0"):
        assert client.get(path, headers={"Range": f"bytes={beyond}"}).status_code == 416
    assert client.get(path, headers={"Range": "miles=1-2"}).content == whole


@pytest.mark.timeout(300)
def test_foreign_roles_see_no_clip(web: Web, running: Running) -> None:  # noqa: F811
    running.recorded(10)
    running.enter_early("yard-265")
    number = alert_of(web, "yard-265")
    assert clip_of(web, number, "stored", "failed").state == "stored"
    for name, grant, status in (
        ("far", RoleAssignment("monitor", "harbour"), 404),
        ("audit", RoleAssignment("auditor"), 403),
    ):
        app.add_user(web.parts.core.settings, name, Secret(FOREIGN), [grant])
        with web.client() as client:
            client.post("/login", data={"name": name, "password": FOREIGN})
            assert client.get(f"/api/clips/{number}").status_code == status
    assert {it.who for it in recorded(web, "clip") if it.target == number} == set()
    path = upload_path("clip", number)  # it is not wanted any more, even with the right ticket
    ticket = {"Authorization": f"Ticket {web.parts.core.keys.ticket('clip', number)}"}
    assert httpx2.head(web.url + path, headers=ticket).status_code == 404


def test_without_footage_there_is_no_clip_and_the_reason_is_shown(
    web: Web,
    running: Running,  # noqa: F811
    page: Page,
) -> None:
    running.enter("yard", seconds_ago=7200)
    clips: list[Clip] = []

    def failed() -> bool:
        alerts = web.parts.core.reader.alerts(AlertQuery(place="yard"))
        clips[:] = [it for alert in alerts if (it := web.parts.core.reader.clip(alert.id)) and it.state == "failed"]
        return bool(clips)

    wait_until(failed, 60)
    assert "no footage" in clips[0].problem
    number = clips[0].id
    name, guard = add_staff(web, "supervisor@village/yards"), add_staff(web, "guard@village/yards")
    expected = {"state": "failed", "problem": clips[0].problem, "problem_code": clips[0].problem_code}
    for who, shown in ((name, expected), (guard, None)):
        with web.logged_in(who) as client:
            assert client.get(f"/api/clips/{number}").status_code == (404 if shown else 403)
            assert client.get(f"/api/alerts/{number}").json()["clip"] == shown
    page.context.add_cookies([{"name": LANGUAGE_COOKIE, "value": "zh-CN", "url": web.url}])
    log_in(web, page, name, path=f"/?alert={number}")
    expect(page.get_by_test_id("clip-state")).to_have_text(f"片段无法生成。 {TEXTS['zh-CN']['box.footage.none']}")


def test_forged_tickets_and_wrong_hashes_bring_nothing(web: Web) -> None:
    now_ns = web.parts.core.clock.wall_ns()
    clip = msgspec.structs.replace(made(77), made_ns=now_ns, next_ns=now_ns + DAY_NS, expires_ns=now_ns + 9 * DAY_NS)
    web.parts.core.queue.submit(lambda store: store.apply(Batch(clips=[clip]))).result(10)
    path, right = web.url + upload_path("clip", clip.id), web.parts.core.keys.ticket("clip", clip.id)
    data = b"not what it says"
    for ticket in ("x" * 64, web.parts.core.keys.ticket("release", clip.id)):
        assert httpx2.head(path, headers={"Authorization": f"Ticket {ticket}"}).status_code == 404
    head = {"Authorization": f"Ticket {right}", OFFSET: "0", LENGTH: str(len(data))}
    assert httpx2.patch(path, headers=head | {DIGEST: "00" * 32}, content=data).status_code == 422
    found = web.parts.core.reader.clip(clip.id)
    assert found is not None
    assert found.state == "wanted"
    good = hashlib.sha256(data).hexdigest()
    assert httpx2.patch(path, headers=head | {DIGEST: good}, content=data).status_code == 204
    found = web.parts.core.reader.clip(clip.id)
    assert found is not None
    assert (found.state, found.digest) == ("stored", good)
