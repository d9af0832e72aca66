"""Video outputs of consumers over HTTP and on their page, with a receiver of libav."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from agg_support import Web, add_staff, log_in, wait_until
from live_video import SIZE, FakeVideoBox
from playwright.sync_api import Page, expect
from services.video_out.push_kit import Receiver, listening
from web.test_consumers_web import request
from web.video_out.video_kit import BOX, SITE, Approved, approved, change, logged, video_site

CAMERA = {"site": SITE, "box": BOX, "camera": "front"}


@pytest.fixture(scope="module")
def box(web: Web) -> Iterator[FakeVideoBox]:
    with video_site(web) as made:
        made.pause_s /= 10  # libav looks at five seconds of video first
        yield made


@pytest.fixture
def consumer(web: Web, box: FakeVideoBox) -> Iterator[Approved]:
    made = approved(web)
    yield made
    change(web, made, "revoked")


@pytest.fixture
def admin(web: Web) -> Iterator[httpx2.Client]:
    with web.logged_in() as client:
        yield client


def add(admin: httpx2.Client, consumer: Approved, address: str, **more: str) -> httpx2.Response:
    return admin.post(f"/api/consumers/{consumer.id}/video-outputs", json={**CAMERA, "address": address} | more)


def shown(admin: httpx2.Client, consumer: Approved) -> dict[str, Any]:
    (output,) = admin.get(f"/api/consumers/{consumer.id}/video-outputs").json()["video_outputs"]
    found: dict[str, Any] = output
    return found


def resumed(admin: httpx2.Client, output: str, receiver: Receiver) -> bool:
    """Try at once, as often as it takes until the receiver listens."""
    assert admin.post(f"/api/video-outputs/{output}/resume").json()["state"] == "active"
    return bool(receiver.keys)


def test_an_output_sends_until_it_is_paused_and_again_when_it_is_resumed(
    web: Web, box: FakeVideoBox, consumer: Approved, admin: httpx2.Client
) -> None:
    with listening("rtmp", 10**6) as receiver:
        made = add(admin, consumer, receiver.url)
        assert made.status_code == 201, made.text
        assert "app/key" not in made.text
        output = made.json()["id"]
        wait_until(lambda: resumed(admin, output, receiver))
        wait_until(lambda: bool(shown(admin, consumer)["sending"]))
        wait_until(lambda: len(receiver.keys) > 5)
        assert admin.post(f"/api/video-outputs/{output}/pause").json()["state"] == "paused"
        wait_until(lambda: box.running == 0)
    assert receiver.sizes == {SIZE}
    assert (shown(admin, consumer)["sending"], shown(admin, consumer)["problem"]) == (None, "")
    wait_until(lambda: [it.detail["live"] for it in logged(web, consumer)][-1:] == ["ends"])
    assert logged(web, consumer)[0].detail["address"] == "127.0.0.1"
    with admin.stream("DELETE", f"/api/video-outputs/{output}") as answer:
        assert answer.status_code == 200
    assert admin.delete(f"/api/video-outputs/{output}").status_code == 422
    changes = [it.detail["change"] for it in web.audit_entries() if it.detail.get("output") == output]
    assert (changes[0], changes[-1]) == ("video output added", "video output removed")
    assert "app/key" not in repr(web.audit_entries())


def test_a_receiver_that_is_not_there_is_tried_again_and_ends_with_the_consumer(
    web: Web, box: FakeVideoBox, consumer: Approved, admin: httpx2.Client
) -> None:
    add(admin, consumer, "rtsp://li:secret@127.0.0.1:9/app")
    wait_until(lambda: shown(admin, consumer)["tries"] > 0)
    it = shown(admin, consumer)
    assert (it["problem"], it["sending"], it["host"]) == ("no connection (ConnectionRefusedError)", None, "127.0.0.1")
    assert it["next"]
    assert logged(web, consumer) == [], "the box was not asked for a stream"
    with listening("rtsp", 10**6) as receiver:
        made = add(admin, consumer, receiver.url).json()["id"]
        wait_until(lambda: resumed(admin, made, receiver))
        change(web, consumer, "paused")
        wait_until(lambda: box.running == 0)


@pytest.mark.parametrize(
    ("more", "answered"),
    [
        ({"address": "http://x/"}, (422, "address: it must begin")), ({"camera": "nowhere"}, (409, "no such camera")),
        ({"address": "rtmps://u:p@h/a/b"}, (422, "address: RTMP has no user")),
        ({"site": "village"}, (403, "camera: ")),
        ({"camera": ""}, (422, "camera: ")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(
    consumer: Approved, admin: httpx2.Client, more: dict[str, str], answered: tuple[int, str]
) -> None:
    answer = add(admin, consumer, **{"address": "rtmps://pool.example/live/x"} | more)
    assert answer.status_code == answered[0], answer.text
    assert answered[1] in answer.json()["error"]


def test_outputs_lie_within_what_an_administrator_administers_and_are_bounded(
    web: Web, box: FakeVideoBox, consumer: Approved, admin: httpx2.Client
) -> None:
    outputs = [add(admin, consumer, f"rtsps://10.0.0.1/{number}").json()["id"] for number in range(5)]
    assert add(admin, consumer, "rtsps://10.0.0.1/5").status_code == 409
    with web.logged_in(add_staff(web, "admin@village")) as other:
        assert other.get(f"/api/consumers/{consumer.id}/video-outputs").status_code == 422
        for method, path in (("POST", "/pause"), ("POST", "/resume"), ("DELETE", "")):
            assert other.request(method, f"/api/video-outputs/{outputs[0]}{path}").status_code == 422
    waiting = request(admin, places=[SITE], media=["live"])
    assert admin.post(
        f"/api/consumers/{waiting['id']}/video-outputs", json={**CAMERA, "address": "rtsps://h/x"}
    ).status_code == 409  # fmt: skip
    found = admin.get(f"/api/consumers/{consumer.id}/video-outputs").json()
    assert [it["id"] for it in found["cameras"]] == ["back", "front"]
    wait_until(lambda: shown_problems(admin, consumer) == {"the host is in a private network"})


def shown_problems(admin: httpx2.Client, consumer: Approved) -> set[str]:
    found = admin.get(f"/api/consumers/{consumer.id}/video-outputs").json()["video_outputs"]
    return {it["problem"] for it in found}


def test_the_page_adds_pauses_and_removes_an_output(
    web: Web, box: FakeVideoBox, consumer: Approved, admin: httpx2.Client, page: Page
) -> None:
    log_in(web, page, add_staff(web, "admin"))
    page.goto(f"{web.url}/consumers")
    page.get_by_test_id("consumer").filter(has_text=consumer.name).get_by_test_id("open-outputs").click()
    panel = page.get_by_test_id("output-panel")
    panel.get_by_test_id("output-camera").select_option(label=f"{SITE} · Front")
    panel.get_by_test_id("output-address").fill("http://x")
    panel.get_by_test_id("output-add").click()
    expect(panel.get_by_test_id("wrong-address")).to_be_visible()
    panel.get_by_test_id("output-address").fill("rtsps://10.0.0.1/app")
    panel.get_by_test_id("output-add").click()
    row = panel.get_by_test_id("output")
    expect(row).to_contain_text("private network", timeout=15_000)
    row.get_by_test_id("output-pause").click()
    expect(row.get_by_test_id("output-resume")).to_be_visible()
    row.get_by_test_id("output-remove").click()
    page.get_by_test_id("confirm").click()
    expect(row).to_have_count(0)
