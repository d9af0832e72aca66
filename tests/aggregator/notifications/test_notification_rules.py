"""Addresses, messages, links, the circuit breaker, and what each attempt leads to."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from agg_support import START_NS
from escalation_kit import MINUTE_NS, notification

from aggregator.domain.escalation.notification import LIFE_S, Attempt, after_attempt, replayed
from aggregator.domain.escalation.records import AlertFacts
from aggregator.notifications import addresses, links, message
from aggregator.notifications.circuit_breaker import FIRST_S, CircuitBreaker
from aggregator.notifications.message import Place
from aggregator.storage.keyring import KeyRing
from aggregator.web.dashboard.i18n.texts import TEXTS
from common.clock import SECOND_NS, FakeClock
from common.errors import NotificationError


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd", "https://hook.example/x", "json", "dbus://", "syslog://", "tgram://1:a/2?template=/etc/passwd",
        "mailto://u:secret@h?pgp=yes", "json://h/?attach=/etc/passwd", "json://h/?RETRY=50", "json://h/\nx",
        "json://h/" + "a" * 1_000, "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_allowed_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(NotificationError, match=r"^url: ") as error:
        addresses.check(address)
    assert len(address) < 5 or address not in str(error.value)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("address", ["json://h:80/p?+X-Key=abc", "mailtos://u:p@h", "wecombot://k", "feishu://t"])
def test_addresses_of_the_services_are_taken(address: str) -> None:
    assert addresses.check(address) == address.partition("://")[0]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "100.64.0.1",
        "localhost", "", "2130706433",
    ],
)  # fmt: skip
def test_private_hosts_are_refused(host: str) -> None:
    assert not addresses.permitted(host, [])
    assert not addresses.permitted(host, ["203.0.113.0/24"])


def test_public_hosts_and_allowed_networks_may_be_connected_to() -> None:
    assert addresses.permitted("8.8.8.8", [])
    assert addresses.permitted("2606:4700::1111", [])
    assert addresses.permitted("127.0.0.1", ["127.0.0.0/8"])
    assert addresses.permitted("::ffff:127.0.0.1", ["127.0.0.0/8"])


FACTS = AlertFacts(
    id="a", site="village", box="b", place="cam-1", kind="door.forced", subject="<b>hall</b>", object="",
    severity="critical", count=3, first_ns=START_NS, last_ns=START_NS, opened_ns=START_NS, waiting=True,
)  # fmt: skip
WHERE = Place("Stone <Bridge> {0}", "Hall\r\nBcc: x@y\x00 {kind}", "2026-11-18 17:06:40 CST", "town")


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_markup_and_fields_in_names_stay_text(language: str) -> None:
    made = message.of_alert(TEXTS[language], FACTS, WHERE, "https://g/?alert=a", "https://g/acknowledge/t")
    assert "Stone <Bridge> {0}" in made.title
    assert "{kind}" in made.body
    assert not set("\r\x00") & set(made.title + made.body)
    assert "\n" not in made.title
    assert "https://g/acknowledge/t" in made.body
    assert made.urgent
    assert TEXTS[language]["kind.door.forced"] in made.title


def test_long_names_are_cut_and_without_an_address_there_is_no_link() -> None:
    made = message.of_alert(TEXTS["en"], FACTS, Place("x" * 10_000, "y", "t", ""), "", "")
    assert len(made.title) + len(made.body) < 600
    assert "http" not in made.body
    assert "dashboard" in made.body


def test_a_link_is_for_one_entry_alert_and_recipient(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path, bytes)
    it = notification(1)
    token = links.token(keys, it)
    assert links.entry_of(token) == it.id
    assert links.check(keys, token, it, START_NS) is it
    late_ns = START_NS + 24 * 60 * MINUTE_NS
    wrong = [
        ("invalid", msgspec.structs.replace(it, recipient="wang"), START_NS),
        ("invalid", msgspec.structs.replace(it, alert="other"), START_NS),
        ("invalid", msgspec.structs.replace(it, purpose="test"), START_NS),
        ("invalid", None, START_NS),
        ("used", msgspec.structs.replace(it, link_used_ns=1), START_NS),
        ("expired", it, late_ns),
    ]
    for reason, entry, now_ns in wrong:
        with pytest.raises(NotificationError, match=reason):
            links.check(keys, token, entry, now_ns)
    for text in ("", "x", token[:-1], token + "0", token.replace(".", "-"), "\u724c" * len(token)):
        with pytest.raises(NotificationError, match="invalid"):
            links.entry_of(text)


def test_another_key_ring_signs_other_links(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = KeyRing(tmp_path / "a", lambda size: b"a" * size)
    two = KeyRing(tmp_path / "b", lambda size: b"b" * size)
    with pytest.raises(NotificationError, match="invalid"):
        links.check(one, links.token(two, notification(1)), notification(1), START_NS)


def test_attempts_pause_longer_and_longer_and_end() -> None:
    it, now_ns, pauses = notification(1), START_NS, []
    for _ in range(100):
        it = after_attempt(it, Attempt(False, "no answer"), now_ns, 0.0)
        if it.state != "waiting":
            break
        pauses.append((it.next_ns - now_ns) // SECOND_NS)
        now_ns = it.next_ns
    assert pauses[:4] == [5, 10, 20, 40]
    assert max(pauses) == 300
    assert it.state == "dead"
    assert it.ended_ns <= it.expires_ns


@pytest.mark.parametrize(
    ("attempt", "state", "pause_s"),
    [
        (Attempt(True), "sent", None),
        (Attempt(False, "x", gone=True), "dead", None),
        (Attempt(False, "x", retry_after_s=600.0), "waiting", 600),
        (Attempt(False, "x", retry_after_s=1.0), "waiting", 5),
        (Attempt(False, "x", retry_after_s=LIFE_S * 9), "expired", None),
        (Attempt(False, "x", refused=True), "waiting", 5),
    ],
)  # fmt: skip
def test_what_an_attempt_leads_to(attempt: Attempt, state: str, pause_s: int | None) -> None:
    after = after_attempt(notification(1), attempt, START_NS, 0.0)
    assert after.state == state
    if pause_s is not None:
        assert after.next_ns == START_NS + pause_s * SECOND_NS


def test_a_target_that_says_no_is_given_up_after_three_attempts() -> None:
    it = notification(1)
    for state in ("waiting", "waiting", "dead"):
        it = after_attempt(it, Attempt(False, "HTTP 404", refused=True), START_NS, 0.0)
        assert it.state == state
    again = replayed(it, START_NS + MINUTE_NS)
    assert (again.state, again.tries, again.next_ns, again.ended_ns) == ("waiting", 0, START_NS + MINUTE_NS, 0)


def test_a_failing_target_is_closed_for_a_while_and_takes_few_places() -> None:
    clock = FakeClock(now_ns=START_NS)
    breaker = CircuitBreaker(clock, slow=2)
    for _ in range(3):
        assert breaker.take("a")
        assert not breaker.take("a"), "one attempt at a time"
        breaker.release("a", False)
    assert not breaker.take("a")
    clock.advance(FIRST_S)
    assert breaker.take("a")
    breaker.release("a", True)
    assert breaker.take("a")
    for name in ("b", "c", "d"):
        assert breaker.take(name)
        breaker.release(name, False)
    assert [breaker.take(name) for name in ("b", "c", "d", "e")] == [True, True, False, True]
