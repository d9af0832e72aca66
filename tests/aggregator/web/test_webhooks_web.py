"""Webhooks over HTTP and on the page of consumers, with a real receiver."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agg_support import Web, add_staff, answers, log_in, wait_until
from feed_site_kit import FeedSite, feed_site
from playwright.sync_api import Page, expect
from port_kit import free_port
from receivers import FeedReceiver, feed_receiver

from aggregator.notifications.checked_addresses import PRIVATE
from aggregator.notifications.webhook_signature import SigningSecret
from aggregator.notifications.webhook_signature import headers as signature_headers

from web.test_consumers_web import request  # isort: skip


@pytest.fixture
def receiver() -> Iterator[FeedReceiver]:
    with feed_receiver() as it:
        yield it


@pytest.fixture
def admin(web: Web) -> Iterator[httpx2.Client]:
    with web.logged_in(add_staff(web, "admin")) as client:
        yield client


@pytest.fixture(scope="module")
def site(web: Web) -> Iterator[FeedSite]:
    with feed_site(web, "hook", "hall") as made:
        yield made


def add(admin: httpx2.Client, made: dict[str, Any], receiver: FeedReceiver, mode: str = "structured") -> dict[str, Any]:
    answer = admin.post(f"/api/consumers/{made['id']}/webhooks", json={"url": receiver.url, "mode": mode})
    assert answer.status_code == 201, answer.text
    assert "a-secret" not in answer.text
    found: dict[str, Any] = answer.json()
    return found


def shown(admin: httpx2.Client, made: dict[str, Any]) -> dict[str, Any]:
    (hook,) = admin.get(f"/api/consumers/{made['id']}/webhooks").json()["webhooks"]
    found: dict[str, Any] = hook
    return found


def signed_by(secret: str, message: tuple[dict[str, str], bytes]) -> bool:
    """Whether a message has a `v1` signature of this secret, checked as a receiver does."""
    headers, body = message
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    good = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return f"v1,{good}" in headers["webhook-signature"].split(" ")


@pytest.mark.parametrize("mode", ["structured", "batched"])
def test_events_come_signed_and_in_order_and_keys_are_replaced_with_two_signatures(
    web: Web, admin: httpx2.Client, receiver: FeedReceiver, site: FeedSite, mode: str
) -> None:
    made = site.consumer(admin)
    hook = add(admin, made, receiver, mode)
    assert (hook["state"], hook["problem"]) == ("active", "")
    sent = site.send(5)
    wait_until(lambda: len(receiver.events()) == 5)
    assert [it["id"] for it in receiver.events()] == sent
    kind = "application/cloudevents-batch+json" if mode == "batched" else "application/cloudevents+json"
    assert all(headers["content-type"].startswith(kind) for headers, _ in receiver.messages)
    assert all(signed_by(hook["secret"], it) for it in receiver.messages)
    new = admin.post(f"/api/webhooks/{hook['id']}/keys").json()
    site.send(1)
    wait_until(lambda: len(receiver.events()) == 6)
    assert signed_by(hook["secret"], receiver.messages[-1])
    assert signed_by(new["secret"], receiver.messages[-1])
    wait_until(lambda: shown(admin, made)["lag"] == 0)
    changes = [it.detail for it in web.audit_entries() if it.detail.get("webhook") == hook["id"]]
    assert [it["change"] for it in changes] == ["webhook added", "webhook keys replaced"]
    assert changes[0]["host"] == "127.0.0.1"


def test_a_test_event_is_sent_at_once_and_its_failure_is_said(
    web: Web, admin: httpx2.Client, receiver: FeedReceiver, site: FeedSite
) -> None:
    hook = add(admin, site.consumer(admin), receiver)
    assert admin.post(f"/api/webhooks/{hook['id']}/test").json() == {"sent": True, "problem": ""}
    assert receiver.events()[0]["type"] == "paifang.test.v1"
    receiver.status = 500
    failed = admin.post(f"/api/webhooks/{hook['id']}/test").json()
    assert failed == {"sent": False, "problem": "it answered with HTTP 500"}


def test_a_receiver_that_does_not_consent_gets_nothing_until_it_does(
    web: Web, admin: httpx2.Client, receiver: FeedReceiver, site: FeedSite
) -> None:
    made, receiver.consents = site.consumer(admin), ""
    hook = add(admin, made, receiver)
    assert (hook["state"], "does not consent" in hook["problem"]) == ("unconfirmed", True)
    assert admin.post(f"/api/webhooks/{hook['id']}/test").status_code == 409
    sent = site.send(1)
    receiver.consents = "localhost"
    assert admin.post(f"/api/webhooks/{hook['id']}/confirm").json()["state"] == "active"
    wait_until(lambda: len(receiver.messages) == 1)
    assert [it["id"] for it in receiver.events()] == sent


def test_messages_are_replayed_from_a_cursor_and_a_removed_webhook_gets_nothing(
    web: Web, admin: httpx2.Client, receiver: FeedReceiver, site: FeedSite
) -> None:
    made = site.consumer(admin)
    hook = add(admin, made, receiver, "batched")
    start = shown(admin, made)["position"]
    sent = site.send(3)
    wait_until(lambda: len(receiver.events()) == 3)
    assert admin.post(f"/api/webhooks/{hook['id']}/replay", json={"after": "9" * 17}).status_code == 422
    assert admin.post(f"/api/webhooks/{hook['id']}/replay", json={"after": start}).status_code == 200
    wait_until(lambda: len(receiver.events()) == 6)
    assert [it["id"] for it in receiver.events()] == sent + sent
    assert admin.get(f"/api/webhooks/{hook['id']}/dead-letters").json() == {"dead_letters": [], "before": None}
    assert admin.post(f"/api/webhooks/{hook['id']}/dead-letters/x/replay").status_code == 422
    assert admin.delete(f"/api/webhooks/{hook['id']}").json() == {"removed": hook["id"]}
    assert admin.delete(f"/api/webhooks/{hook['id']}").status_code == 422


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://user:pw@there.example/", "url: it must have no user"), ("ftp://there.example/", "url: it must be an"),
        ("https://there.example/#x", "url: it must have no user"), ("", "url: "),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused(site: FeedSite, admin: httpx2.Client, url: str, words: str) -> None:
    answer = admin.post(f"/api/consumers/{site.consumer(admin)['id']}/webhooks", json={"url": url})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(words)


def test_a_private_address_is_refused_at_the_handshake(site: FeedSite, admin: httpx2.Client) -> None:
    """The tests' settings name loopback only."""
    made = site.consumer(admin)
    answer = admin.post(f"/api/consumers/{made['id']}/webhooks", json={"url": "https://10.0.0.1/x"})
    assert (answer.json()["state"], answer.json()["problem"]) == ("unconfirmed", PRIVATE)


def test_webhooks_lie_within_what_an_administrator_administers(
    web: Web, site: FeedSite, admin: httpx2.Client, receiver: FeedReceiver
) -> None:
    made = site.consumer(admin)
    hook = add(admin, made, receiver)
    with web.logged_in(add_staff(web, "admin@village")) as other:
        for method, path in (
            ("GET", f"/api/consumers/{made['id']}/webhooks"), ("POST", f"/api/webhooks/{hook['id']}/test"),
            ("POST", f"/api/webhooks/{hook['id']}/keys"), ("DELETE", f"/api/webhooks/{hook['id']}"),
            ("GET", f"/api/webhooks/{hook['id']}/dead-letters"), ("POST", f"/api/webhooks/{hook['id']}/confirm"),
        ):  # fmt: skip
            assert other.request(method, path).status_code == 422, path
    waiting = request(admin, places=["hooksite"])
    assert admin.post(f"/api/consumers/{waiting['id']}/webhooks", json={"url": receiver.url}).status_code == 409


def test_the_page_adds_a_webhook_and_sends_a_test_event(
    web: Web, admin: httpx2.Client, receiver: FeedReceiver, site: FeedSite, page: Page
) -> None:
    made = site.consumer(admin)
    log_in(web, page, add_staff(web, "admin"), path="/consumers")
    page.get_by_test_id("consumer").filter(has_text=made["name"]).get_by_test_id("open-webhooks").click()
    panel = page.get_by_test_id("webhook-panel")
    panel.get_by_test_id("webhook-url").fill("ftp://x")
    panel.get_by_test_id("webhook-add").click()
    expect(panel.get_by_test_id("wrong-url")).to_be_visible()
    panel.get_by_test_id("webhook-url").fill(receiver.url)
    panel.get_by_test_id("webhook-add").click()
    expect(panel.get_by_test_id("webhook-keys")).to_contain_text("whsec_")
    panel.get_by_test_id("webhook-test").click()
    expect(panel.get_by_test_id("webhook-status")).to_have_text("The receiver took the test event.")
    receiver.status = 500
    site.send(1)
    expect(panel.get_by_test_id("webhook")).to_contain_text("HTTP 500", timeout=15_000)


def test_the_receiver_of_the_documents_consents_and_takes_what_is_signed(
    web: Web, admin: httpx2.Client, site: FeedSite
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "integrate" / "webhooks.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    made, port = site.consumer(admin), free_port()
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={"PORT": str(port), "WEBHOOK_SECRET": secret},
    )  # fmt: skip
    try:
        wait_until(lambda: answers(port))
        hook = add(admin, made, FeedReceiver(port))
        assert hook["state"] == "active"
        wrong = admin.post(f"/api/webhooks/{hook['id']}/test").json()
        assert wrong["problem"] == "it answered with HTTP 401", "it has other keys"
        keys = SigningSecret(b"k" * 32, b"s" * 32)
        body = b'{"specversion": "1.0"}'
        headers = signature_headers("msg", int(time.time()), body, [keys])
        assert httpx2.post(f"http://127.0.0.1:{port}/", content=body, headers=headers).status_code == 204
        assert process.stdout is not None
        assert process.stdout.readline() == body.decode() + "\n"
    finally:
        process.kill()
        process.communicate()


def test_the_check_of_the_documents_in_shell_knows_a_good_signature_from_a_wrong_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "integrate" / "webhooks.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    secret, body = "whsec_" + base64.b64encode(b"k" * 32).decode(), b'{"specversion": "1.0"}'
    for key, word in ((b"k", "good"), (b"x", "wrong")):
        headers = signature_headers("msg", 1_700_000_000, body, [SigningSecret(key * 32, b"s" * 32)])
        arguments = [headers[f"webhook-{it}"] for it in ("id", "timestamp", "signature")]
        done = subprocess.run(
            ["sh", "-c", code, "sh", *arguments], input=body, stdout=subprocess.PIPE, check=False,
            env={"WEBHOOK_SECRET": secret, "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert done.stdout.decode().strip() == word
