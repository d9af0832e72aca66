"""MQTT out over HTTP and at the real embedded broker: accounts, order, permissions, pause, and the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from agg_support import Web, add_staff, log_in, wait_until
from feed_site_kit import FeedSite, feed_site
from mqtt_kit import can_log_in, feed_client
from playwright.sync_api import Page, expect

from common.clock import DAY_NS

from web.test_consumers_web import decide, request  # isort: skip


@pytest.fixture
def admin(web: Web) -> Iterator[httpx2.Client]:
    with web.logged_in(add_staff(web, "admin")) as client:
        yield client


@pytest.fixture(scope="module")
def site(web: Web) -> Iterator[FeedSite]:
    with feed_site(web, "mqtt", "main.door") as made:
        yield made


def turn_on(admin: httpx2.Client, consumer_id: str, **body: Any) -> dict[str, str]:
    answer = admin.post(f"/api/consumers/{consumer_id}/mqtt", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


def output(admin: httpx2.Client, consumer_id: str) -> dict[str, Any]:
    found: dict[str, Any] = admin.get(f"/api/consumers/{consumer_id}/mqtt").json()["output"]
    return found


def test_the_feed_arrives_in_order_also_what_came_while_the_consumer_was_away(
    web: Web, admin: httpx2.Client, site: FeedSite
) -> None:
    key = str(site.consumer(admin)["id"])
    assert admin.get(f"/api/consumers/{key}/mqtt").json()["output"] is None
    account = turn_on(admin, key)
    assert admin.post(f"/api/consumers/{key}/mqtt", json={}).status_code == 409
    wait_until(lambda: can_log_in(web.broker_port, account))
    with feed_client(web.broker_port, account) as it:
        it.subscribe(f"paifang/feed/v1/{key}/#")
        sent = site.send(5)
        wait_until(lambda: len(it.got) == 5)
        assert {topic for topic, _, _ in it.got} == {f"paifang/feed/v1/{key}/mqttsite/events/main.door/door/granted"}
        assert [one["id"] for one in it.events()] == sent
        assert it.events()[0]["data"] == {"door": "hall"}
    away = site.send(300)  # more than one batch
    with feed_client(web.broker_port, account) as it:
        wait_until(lambda: len(it.got) >= 300)
        assert [one["id"] for one in it.events()] == away
        numbers = [int(one["sequence"]) for one in it.events()]
        assert numbers == sorted(numbers)
    folder = web.parts.core.folder / "broker" / "jetstream" / f"feed-{key}" / "streams" / "$MQTT_msgs"
    kept_ns = json.loads((folder / "meta.inf").read_text())["max_age"]
    assert kept_ns == 3 * DAY_NS, "what nobody fetches is erased"
    wait_until(lambda: output(admin, key)["delivered"] is not None)
    shown = output(admin, key)
    assert (shown["username"], shown["problem"], shown["tree"]) == (key, "", f"paifang/feed/v1/{key}")
    assert account["password"] not in str(shown)


def test_a_consumer_reads_its_own_tree_only_and_publishes_nothing(
    web: Web, admin: httpx2.Client, site: FeedSite
) -> None:
    key, other = str(site.consumer(admin)["id"]), str(site.consumer(admin)["id"])
    account = turn_on(admin, key)
    turn_on(admin, other)
    wait_until(lambda: can_log_in(web.broker_port, account))
    with feed_client(web.broker_port, account) as it:
        own = f"paifang/feed/v1/{key}/#"
        refused = (
            "#", "+/#", "paifang/#", "paifang/v1/#", "paifang/v1/mqttsite/mqtt-box/events", "paifang/feed/v1/+/#",
            f"paifang/feed/v1/{other}/#", "$MQTT/sub/#", "$MQTT/#", "$SYS/#", "$JS/#",
        )  # fmt: skip
        wait_until(lambda: it.subscribe(own)[own])  # a broker that has no time refuses, too
        assert it.subscribe(*refused) == {own: True} | dict.fromkeys(refused, False)
        for topic in (f"paifang/feed/v1/{key}/x", f"paifang/feed/v1/{other}/x", "paifang/v1/mqttsite/mqtt-box/events"):
            it.client.publish(topic, b"{}", qos=1, retain=True)
        wait_until(lambda: len(it.published) == 3)  # the broker acknowledges what it drops
        sent = site.send(1)
        wait_until(lambda: len(it.got) > 0)
        assert [one["id"] for one in it.events()] == sent
        assert len(it.got) == 1
    box = {"username": web.account.username, "password": web.account.password.reveal()}
    with feed_client(web.broker_port, box, "a-box") as it:
        assert it.subscribe(f"paifang/feed/v1/{key}/#") == {f"paifang/feed/v1/{key}/#": False}


@pytest.mark.parametrize("action", ["paused", "revoked", "off", "password"])
def test_what_ends_a_consumer_disconnects_it_and_nothing_more_is_published(
    web: Web, admin: httpx2.Client, site: FeedSite, action: str
) -> None:
    key = str(site.consumer(admin)["id"])
    account = turn_on(admin, key)
    wait_until(lambda: can_log_in(web.broker_port, account))
    with feed_client(web.broker_port, account) as it:
        it.subscribe(f"paifang/feed/v1/{key}/#")
        if action == "off":
            assert admin.delete(f"/api/consumers/{key}/mqtt").status_code == 200
        elif action == "password":
            account = admin.post(f"/api/consumers/{key}/mqtt/password").json()
        else:
            assert decide(admin, {"id": key}, action).status_code == 200
        assert it.ended.wait(10)
        assert it.got == []
    if action == "password":
        wait_until(lambda: can_log_in(web.broker_port, account))
        return
    assert not can_log_in(web.broker_port, account)
    sent = site.send(2)
    if action == "paused":
        with web.logged_in() as other:
            decide(other, {"id": key}, "resumed")
        wait_until(lambda: can_log_in(web.broker_port, account))
        with feed_client(web.broker_port, account) as it:
            wait_until(lambda: len(it.got) == 2)
            assert [one["id"] for one in it.events()] == sent
        changes = [it.detail["change"] for it in web.audit_entries() if it.detail.get("consumer") == key]
        assert changes == ["requested", "approved", "MQTT turned on", "paused", "resumed"]


def test_only_approved_consumers_within_reach_get_mqtt(web: Web, admin: httpx2.Client) -> None:
    key = request(admin)["id"]
    answer = admin.post(f"/api/consumers/{key}/mqtt", json={})
    assert (answer.status_code, "only an approved consumer" in answer.json()["error"]) == (409, True)
    missing = admin.post(f"/api/consumers/{key}/mqtt/home-assistant", json={"on": True})
    assert (missing.status_code, missing.json()["error"]) == (422, "MQTT is not turned on for this consumer")
    assert admin.delete(f"/api/consumers/{key}/mqtt").status_code == 422
    with web.logged_in(add_staff(web, "admin@harbour")) as elsewhere:
        assert elsewhere.post(f"/api/consumers/{key}/mqtt", json={}).status_code == 422
        assert elsewhere.get(f"/api/consumers/{key}/mqtt").status_code == 422


def test_home_assistant_finds_devices_in_the_consumers_tree_and_forgets_them(
    web: Web, admin: httpx2.Client, site: FeedSite
) -> None:
    key = str(site.consumer(admin)["id"])
    account = turn_on(admin, key, home_assistant=True)
    wait_until(lambda: can_log_in(web.broker_port, account))
    prefix = f"paifang/feed/v1/{key}/homeassistant"
    with feed_client(web.broker_port, account) as it:
        it.subscribe(f"{prefix}/+/+/config", f"{prefix}/+/+/+/config")  # as Home Assistant does
        wait_until(lambda: len(it.got) > 0)
        config = json.loads(it.got[0][1])
        it.subscribe(config["state_topic"])
        wait_until(lambda: any(topic == config["state_topic"] for topic, _, _ in it.got))
    with feed_client(web.broker_port, account, "later") as it:
        it.subscribe(f"{prefix}/#")
        wait_until(lambda: any(retained and payload for _, payload, retained in it.got))
        answer = admin.post(f"/api/consumers/{key}/mqtt/home-assistant", json={"on": False})
        assert answer.json() == {"home_assistant": False}
        wait_until(lambda: it.got[-1][1] == b"")
    assert output(admin, key)["home_assistant"] is False


def test_the_page_turns_mqtt_on_shows_the_account_once_and_turns_it_off(
    web: Web, admin: httpx2.Client, site: FeedSite, page: Page
) -> None:
    key = str(site.consumer(admin)["id"])
    log_in(web, page, add_staff(web, "admin"))
    page.goto(f"{web.url}/consumers")
    page.locator(f'[data-testid=consumer][data-id="{key}"]').get_by_test_id("open-mqtt").click()
    panel = page.get_by_test_id("mqtt-panel")
    panel.get_by_test_id("mqtt-on").click()
    account = panel.get_by_test_id("mqtt-account").locator("code")
    expect(account.first).to_have_text(key)
    password = account.last.text_content()
    assert password is not None
    wait_until(lambda: can_log_in(web.broker_port, {"username": key, "password": password}))
    site.send(1)
    expect(panel).to_contain_text("Last published", timeout=15_000)
    panel.get_by_test_id("mqtt-ha").check()
    expect(panel.get_by_test_id("mqtt-status")).to_have_text("Devices are published for Home Assistant.")
    assert output(admin, key)["home_assistant"] is True
    panel.get_by_test_id("mqtt-off").click()
    page.get_by_test_id("confirm").click()
    expect(panel.get_by_test_id("mqtt-on")).to_be_visible()
    assert output(admin, key) is None
