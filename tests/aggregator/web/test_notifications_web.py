"""Escalation, targets, dead letters and acknowledgement links over HTTP, with a real receiver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import msgspec
import pytest
from agg_support import Sender, Web, add_staff, event, wait_until
from escalation_kit import notification
from receivers import Webhook, webhook

from aggregator.domain.escalation.notification import Notification
from aggregator.notifications import links
from protocol.event_types import DoorForced

SITE = "village"
SECRET = "a-secret-path"


@pytest.fixture
def receiver() -> Iterator[Webhook]:
    with webhook() as it:
        yield it


def url_of(receiver: Webhook) -> str:
    return receiver.url(SECRET)


def add_target(client: httpx2.Client, receiver: Webhook, language: str = "en") -> str:
    answer = client.post("/api/me/notifications", json={"url": url_of(receiver), "language": language})
    assert answer.status_code == 201, answer.text
    assert SECRET not in answer.text
    return str(answer.json()["id"])


def forced(web: Web, place: str, number: int, door: str = "") -> str:
    """A new critical alert at a place; its id."""
    sender = Sender(web.broker_port, web.account, f"box-{door or place}")
    sender.send(event(1, DoorForced(door=door or place), place=place, box=f"box-{door or place}", number=number))
    sender.wait()
    sender.close()
    with web.logged_in() as client:
        found = client.get("/api/alerts", params={"camera": place}).json()["alerts"]
        return str(next(it["id"] for it in found if it["subject"] == (door or place)))


def save(client: httpx2.Client, levels: list[dict[str, Any]], **chain: Any) -> httpx2.Response:
    version = client.get(f"/api/escalation/{SITE}").json()["version"]
    chains = {"all": {"areas": ["stairs"], "levels": levels} | chain}
    return client.put(f"/api/escalation/{SITE}", json={"version": version, "escalation": {"chains": chains}})


def test_an_alert_climbs_until_a_link_acknowledges_it(web: Web, receiver: Webhook) -> None:
    guard = add_staff(web, f"monitor@{SITE}")
    boss = add_staff(web, f"supervisor@{SITE}")
    with web.logged_in(guard) as mine, web.logged_in(boss) as client:
        add_target(mine, receiver, "zh-CN")
        answer = save(client, [{"notify": [f"user:{guard}"], "name": "<b>一级</b>"}])
        assert answer.status_code == 200, answer.text
        alert = forced(web, "stairs-1", 77_001)
        wait_until(lambda: bool(receiver.bodies))
        body = receiver.bodies[0]
        assert "门被强行打开" in body["title"] or "stairs-1" in body["title"]
        assert "<b>一级</b>" in body["message"]
        wait_until(lambda: "notified" in actions(client, alert))
        assert {"opened", "escalated", "notified"} <= set(actions(client, alert))
        steps = client.get(f"/api/alerts/{alert}/steps").json()["steps"]
        assert [(it["step"], it["users"], it["targets"], it["problem"]) for it in steps] == [(0, [guard], 1, "")]
        check_link(web, sent_to(web, alert), client, guard, alert)
        save(client, [{"notify": ["supervisors"], "minutes": {"critical": 1440}}])


def test_help_is_asked_for_where_a_chain_covers_the_alert(web: Web, receiver: Webhook) -> None:
    guard, boss = add_staff(web, f"guard@{SITE}"), add_staff(web, f"supervisor@{SITE}")
    with web.logged_in(guard) as mine, web.logged_in(boss) as client:
        chains: dict[str, Any] = {"yards": {"areas": ["yards"], "levels": [{"notify": ["supervisors"]}]}}
        version = client.get(f"/api/escalation/{SITE}").json()["version"]
        body = {"version": version, "escalation": {"chains": chains}}
        assert client.put(f"/api/escalation/{SITE}", json=body).status_code == 200
        alert = forced(web, "stairs-1", 77_011, "roof")
        refused = mine.post(f"/api/alerts/{alert}/escalate")
        assert (refused.status_code, refused.json()["error"].split(";")[0]) == (
            422, "escalation: no chain covers this alert",
        )  # fmt: skip
        add_target(client, receiver)
        levels: list[dict[str, Any]] = [{"notify": [f"user:{guard}"]}, {"notify": [f"user:{boss}"], "name": "town"}]
        assert save(client, levels).status_code == 200
        wait_until(lambda: "escalated" in actions(client, alert))
        assert mine.post(f"/api/alerts/{alert}/acknowledge").status_code == 200
        client.post(f"/api/alerts/{alert}/shelve", json={"minutes": 5, "reason": "later"})
        assert mine.post(f"/api/alerts/{alert}/escalate").json()["error"].startswith("hidden: ")
        client.post(f"/api/alerts/{alert}/unshelve")
        asked = mine.post(f"/api/alerts/{alert}/escalate", json={"note": "three people"})
        assert (asked.status_code, asked.json()["acknowledgement"], asked.json()["note"]) == (
            200, "unacknowledged", "three people",
        )  # fmt: skip
        again = mine.post(f"/api/alerts/{alert}/escalate")
        assert (again.status_code, int(again.headers["Retry-After"]) > 0) == (429, True)
        wait_until(lambda: (1, "town", [boss]) in taken(client, alert))
        assert [step for step, *_ in taken(client, alert)] == [0, 1]
        wait_until(lambda: bool(receiver.bodies))
        asker = next(it for it in client.get(f"/api/alerts/{alert}").json()["history"] if "requested" in it["action"])
        assert (asker["actor"], asker["via"]) == (guard, "dashboard")
        client.post(f"/api/alerts/{alert}/close", json={"outcome": "test"})
        web.parts.use_cases.alerts.asks.forgive(alert)
        closed = [mine.post(f"/api/alerts/{alert}/escalate").status_code for _ in range(3)]
        assert closed == [409] * 3, "a call that reached nobody does not count"
        save(client, [{"notify": ["supervisors"], "minutes": {"critical": 1440}}])


def taken(client: httpx2.Client, alert: str) -> list[tuple[int, str, list[str]]]:
    steps = client.get(f"/api/alerts/{alert}/steps").json()["steps"]
    return [(it["step"], it["level"], it["users"]) for it in steps]


def actions(client: httpx2.Client, alert: str) -> list[str]:
    return [it["action"] for it in client.get(f"/api/alerts/{alert}").json()["history"]]


def sent_to(web: Web, alert: str) -> Notification:
    """The entry that told of an alert."""
    db: Any = web.parts.core.reader
    with db._db.connection() as connection:
        found = connection.exec_driver_sql("SELECT id FROM notifications WHERE alert = ?", (alert,)).scalar()
    entry = web.parts.core.reader.notification(str(found))
    assert entry is not None
    return entry


def check_link(web: Web, entry: Notification, client: httpx2.Client, user: str, alert: str) -> None:
    token = links.token(web.parts.core.keys, entry)
    with web.client() as anybody:
        for _ in range(2):  # mail scanners
            page = anybody.get(f"/acknowledge/{token}")
            assert page.status_code == 200
            assert f"以 {user} 的身份确认" in page.text
            assert 'lang="zh-CN"' in page.text
        anybody.head(f"/acknowledge/{token}")
        assert client.get(f"/api/alerts/{alert}").json()["alert"]["acknowledgement"] == "unacknowledged"
        foreign = anybody.post(f"/acknowledge/{token}", headers={"Origin": "http://elsewhere.example"})
        assert foreign.status_code == 403
        done = anybody.post(f"/acknowledge/{token}")
        assert done.status_code == 200
        shown = client.get(f"/api/alerts/{alert}").json()
        assert shown["alert"]["acknowledgement"] == "acknowledged"
        newest = next(it for it in shown["history"] if it["action"] == "acknowledged")
        assert (newest["actor"], newest["via"]) == (user, "link")
        assert anybody.post(f"/acknowledge/{token}").status_code == 410
        assert anybody.get(f"/acknowledge/{token}", headers={"Accept-Language": "en"}).status_code == 410


def test_a_link_that_is_none(web: Web) -> None:
    other = msgspec.structs.replace(notification(1), recipient="li")
    token = links.token(web.parts.core.keys, other)
    web.parts.monitoring.links.limits.forgive("127.0.0.1")
    with web.client() as anybody:
        anybody.headers["Accept-Language"] = "en"
        for text in ("x", token, token[:-1] + "!", "%00" * 69):
            page = anybody.get(f"/acknowledge/{text}")
            assert page.status_code == 404
            assert "This link is not valid." in page.text
        statuses = [anybody.post(f"/acknowledge/{token}").status_code for _ in range(12)]
        assert statuses[0] == 404
        assert statuses[-1] == 429, "guessing is slowed down"
    web.parts.monitoring.links.limits.forgive("127.0.0.1")


def test_targets_are_one_s_own_and_never_shown(web: Web, receiver: Webhook) -> None:
    name = add_staff(web, f"monitor@{SITE}")
    other = add_staff(web, f"monitor@{SITE}")
    with web.logged_in(name) as client, web.logged_in(other) as stranger:
        target = add_target(client, receiver)
        listed = client.get("/api/me/notifications")
        assert SECRET not in listed.text
        assert [it["channel"] for it in listed.json()["targets"]] == ["json"]
        assert stranger.get("/api/me/notifications").json()["targets"] == []
        assert stranger.delete(f"/api/me/notifications/{target}").status_code == 422
        assert stranger.post(f"/api/me/notifications/{target}/test").status_code == 422
        language = f"/api/me/notifications/{target}/language"
        assert stranger.put(language, json={"language": "zh-CN"}).status_code == 422
        assert "language: it must be one of en, zh-CN" in client.put(language, json={"language": "fr"}).text
        assert client.put(language, json={"language": "zh-CN"}).json()["language"] == "zh-CN"
        assert client.put(language, json={"language": "en"}).status_code == 200
        changes = [it.detail["change"] for it in web.audit_entries() if it.target == target]
        assert changes == ["added: json", "language: zh-CN", "language: en"]
        assert client.post(f"/api/me/notifications/{target}/test").status_code == 202
        wait_until(lambda: bool(receiver.bodies))
        assert receiver.bodies[0]["title"] == "Test message"
        assert client.post("/api/me/notifications", json={"url": url_of(receiver)}).status_code == 422
        assert client.delete(f"/api/me/notifications/{target}").status_code == 200
        assert client.get("/api/me/notifications").json()["targets"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": f"json://10.0.0.1/{SECRET}"}, "url"), ({"url": f"file:///{SECRET}"}, "url"),
        ({"url": f"tgram://1:{SECRET}/2?template=/etc/passwd"}, "url"),
        ({"url": "json://127.0.0.1", "language": "xx"}, "language"),
        ({"url": "json://127.0.0.1", "label": "x" * 61}, "label"), ({"url": ""}, "url"),
    ],
)  # fmt: skip
def test_a_target_that_cannot_be_is_refused_with_its_field(web: Web, body: dict[str, str], field: str) -> None:
    with web.logged_in(add_staff(web, f"monitor@{SITE}")) as client:
        answer = client.post("/api/me/notifications", json=body)
        assert answer.status_code == 422
        assert answer.json()["error"].startswith(f"{field}: ")
        assert SECRET not in answer.text


def test_a_browser_is_added_for_its_session_and_gone_with_it(web: Web) -> None:
    name = add_staff(web, f"monitor@{SITE}")
    keys = {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    }
    wanted = {"endpoint": "https://push.example/abc", "keys": keys}
    with web.logged_in(name) as client, web.logged_in(name) as second:
        assert client.post("/api/me/notifications/web-push", json=wanted).status_code == 201
        assert len(second.get("/api/me/notifications").json()["targets"]) == 1
        client.post("/logout")
        assert second.get("/api/me/notifications").json()["targets"] == []
        wrong = second.post("/api/me/notifications/web-push", json=wanted | {"keys": keys | {"auth": "x"}})
        assert wrong.json()["error"].startswith("auth: ")


def test_what_was_given_up_is_listed_and_sent_again(web: Web, receiver: Webhook) -> None:
    admin = add_staff(web, "admin", "monitor")
    elsewhere = add_staff(web, "supervisor@harbour")
    receiver.status = 404
    with web.logged_in(admin) as client, web.logged_in(elsewhere) as stranger:
        target = add_target(client, receiver)
        made = client.post(f"/api/me/notifications/{target}/test").json()["notification"]
        give_up(web, made)
        letters = client.get("/api/notifications").json()["notifications"]
        mine = next(it for it in letters if it["id"] == made)
        assert (mine["state"], mine["problem"], mine["recipient"]) == ("dead", "it answered with HTTP 404", admin)
        assert made not in stranger.get("/api/notifications").text
        assert stranger.post(f"/api/notifications/{made}/replay").status_code == 422
        receiver.status = 200
        sending: Any = web.parts.monitoring.jobs.sources[1]
        sending.breaker.release(target, True)  # else the target is left alone for 30 s
        assert client.post(f"/api/notifications/{made}/replay").status_code == 202
        assert client.post(f"/api/notifications/{made}/replay").status_code == 422
        wait_until(lambda: state_of(web, made) == "sent")
        assert made not in client.get("/api/notifications").text


def state_of(web: Web, notification_id: str) -> str:
    found = web.parts.core.reader.notification(notification_id)
    return found.state if found is not None else ""


def give_up(web: Web, notification_id: str) -> None:
    """Three attempts, without the pauses between them."""

    def due_now(store: Any) -> None:
        with store._db.transaction() as db:
            db.exec_driver_sql("UPDATE notifications SET next_ns = 0 WHERE id = ? AND tries > 0", (notification_id,))

    def tried() -> bool:
        it = web.parts.core.reader.notification(notification_id)
        assert it is not None
        if it.state == "waiting" and it.problem:
            web.parts.core.queue.submit(due_now).result(10)
        return it.state == "dead"

    wait_until(tried, 60)


@pytest.mark.parametrize(
    ("chains", "words"),
    [
        ({"a": {"areas": ["*"], "levels": [{"notify": ["supervisors"]}], "then": "a"}}, "chains.a.then: a loop"),
        ({"a": {"areas": ["*"], "levels": [{"notify": ["user:nobody"]}]}}, "there is no user 'nobody'"),
        ({"a": {"areas": ["nowhere"], "levels": [{"notify": ["supervisors"]}]}}, "the site has no area 'nowhere'"),
        ({"a": {"areas": ["*"], "levels": []}}, "chains.a: levels: there is none"),
    ],
)  # fmt: skip
def test_a_chain_that_reaches_nobody_is_refused_at_once(web: Web, chains: dict[str, Any], words: str) -> None:
    with web.logged_in(add_staff(web, f"supervisor@{SITE}")) as client:
        version = client.get(f"/api/escalation/{SITE}").json()["version"]
        wanted = {"version": version, "escalation": {"chains": chains}}
        answer = client.put(f"/api/escalation/{SITE}", json=wanted)
        assert answer.status_code == 422
        assert words in answer.json()["error"]
        assert client.get(f"/api/escalation/{SITE}").json()["version"] == version


def test_who_may_read_and_change_the_escalation_of_a_site(web: Web) -> None:
    monitor, boss = add_staff(web, f"monitor@{SITE}"), add_staff(web, f"supervisor@{SITE}")
    elsewhere, part = add_staff(web, "supervisor@harbour"), add_staff(web, f"supervisor@{SITE}/yards")
    wanted = {"version": 10**6, "escalation": {}}
    statuses = {}
    for name in (monitor, boss, elsewhere, part):
        with web.logged_in(name) as client:
            read = client.get(f"/api/escalation/{SITE}").status_code
            statuses[name] = (read, client.put(f"/api/escalation/{SITE}", json=wanted).status_code)
    assert list(statuses.values()) == [(403, 403), (200, 422), (404, 403), (200, 403)]
