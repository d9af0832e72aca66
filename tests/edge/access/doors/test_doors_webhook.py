from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest
from door_kits import CARD, DOOR, WebhookKit

from common.clock import FakeClock
from common.errors import SettingsError
from edge.access.doors.adapters.base import AdapterContext
from edge.access.doors.adapters.webhook import Nonces, Webhook, sign
from edge.access.doors.door_signals import ControllerRestored, CredentialPresented, DoorContact, DoorSignal, Refused
from edge.access.doors.door_state_machine import DoorRules, DoorState, Timestamp, tick, transition
from edge.settings.doors import DoorSettings, WebhookDoor
from protocol.event_types import DoorForced
from protocol.identifiers import to_rfc3339

PATH = f"/doors/{DOOR}"
NOW_S = 1_795_000_000


class Hook:
    """A webhook whose requests are given to it directly; `told` is what it said."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(NOW_S * 10**9)
        self.events: list[tuple[DoorSignal, int | None]] = []
        self.key = bytes(range(16))
        (folder / "k").write_text(self.key.hex())
        door = DoorSettings(id=DOOR, control=WebhookDoor(key_file="k"))
        parts = AdapterContext(folder, self.tell, self.clock, threading.Event(), lambda: 0.5)
        self.hook = Webhook("127.0.0.1", 0, [door], parts)
        self.clock.advance(100)

    def tell(self, door: str, what: DoorSignal, time_ns: int | None = None, done: object = None) -> None:
        assert door == DOOR
        self.events.append((what, time_ns))
        if callable(done):
            done()

    def post(
        self, body: bytes = b'{"event": "opened"}', *, off_s: float = 0, nonce: str = "a" * 16, path: str = PATH,
        key: bytes | None = None,
    ) -> int:  # fmt: skip
        at = f"{self.clock.wall_ns() / 1e9 + off_s:.3f}"
        signed = {"x-paifang-time": at, "x-paifang-nonce": nonce}
        signed["x-paifang-signature"] = sign(key or self.key, path, at, nonce, body)
        return self.hook._post(path, signed, body)[0]

    def last(self) -> DoorSignal:
        return self.events[-1][0]


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


def test_a_signed_message_is_taken_and_says_that_the_controller_is_there(hook: Hook) -> None:
    assert hook.post() == 204
    assert [what for what, _ in hook.events] == [ControllerRestored(), DoorContact(open=True)]


def test_a_message_counts_once(hook: Hook) -> None:
    assert hook.post() == 204
    assert hook.post() == 409
    assert hook.last() == Refused("replayed")
    assert hook.post(nonce="b" * 16) == 204


@pytest.mark.parametrize("nonce", ["", "short", "with space 123456", "x" * 65])
def test_a_nonce_must_be_one(hook: Hook, nonce: str) -> None:
    assert hook.post(nonce=nonce) == 409


@pytest.mark.parametrize("off_s", [3600, -3600, 61])
def test_a_clock_that_is_off_is_refused_with_the_reason(hook: Hook, off_s: float) -> None:
    hook.clock.advance(7200)
    assert hook.post(off_s=off_s) == 409
    assert [what for what, _ in hook.events] == [Refused(f"the controller's clock is off by {off_s} s")]


def test_an_old_message_that_is_sent_again_leaves_the_door_as_it_was(tmp_path: Path) -> None:
    """Signed and genuine, but of an hour ago: whoever recorded it must not hide a forced door behind it."""
    hook, state, rules = Hook(tmp_path), DoorState(), DoorRules(DOOR, lambda _: 30.0)
    at = Timestamp(0, 0)
    for said, seconds in ((ControllerRestored(), 0), (DoorContact(open=False), 10)):
        state = transition(state, said, at.after(seconds), rules).state
    before = tick(state, at.after(20), rules).state
    assert hook.post(off_s=-3600) == 409
    (replayed,) = [what for what, _ in hook.events]
    assert isinstance(replayed, Refused)
    outcome = transition(before, replayed, at.after(30), rules)
    assert (outcome.state.online, outcome.state.open) == (True, False)
    opened = transition(outcome.state, DoorContact(open=True), at.after(31), rules)
    told = tick(opened.state, at.after(40), rules).events
    assert [type(data) for data, _ in told] == [DoorForced]


def test_a_stranger_can_neither_open_nor_put_a_door_offline(hook: Hook) -> None:
    assert hook.post(key=bytes(16)) == 401
    assert hook.post(key=bytes(16), off_s=3600) == 401
    assert hook.hook._post(PATH, {}, b'{"event": "opened"}')[0] == 401
    assert {what for what, _ in hook.events} == {Refused("wrong signature")}


def test_a_signature_covers_body_path_time_and_nonce(hook: Hook) -> None:
    at, nonce, body = f"{hook.clock.wall_ns() / 1e9:.3f}", "c" * 16, b'{"event": "opened"}'
    good = {
        "x-paifang-time": at,
        "x-paifang-nonce": nonce,
        "x-paifang-signature": sign(hook.key, PATH, at, nonce, body),
    }
    assert hook.hook._post(PATH, good, b'{"event": "closed"}')[0] == 401
    assert hook.hook._post(PATH, {**good, "x-paifang-time": at + "1"}, body)[0] == 401
    assert hook.hook._post(PATH, {**good, "x-paifang-nonce": "d" * 16}, body)[0] == 401
    assert hook.hook._post(PATH, good, body)[0] == 204


def test_what_was_signed_before_a_restart_is_not_taken_after_it(hook: Hook) -> None:
    hook.hook._began_ns = hook.clock.wall_ns()
    assert hook.post(off_s=-1) == 409
    assert hook.last() == Refused("signed before the box started")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"event": "levitated"}', b'{"event": "opened", "name": "Li"}',
     b'{"event": "opened", "time": "noon"}',
     b'{"event": "opened", "time": "2099-01-01T00:00:00Z"}', b"\xff", b"[" * 5000],
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_refused(hook: Hook, body: bytes) -> None:
    assert hook.post(body) == 400
    assert isinstance(hook.last(), Refused)


def test_the_controllers_own_time_travels_along(hook: Hook) -> None:
    own_ns = hook.clock.wall_ns() - 5 * 10**9
    body = {"event": "granted", "credential": CARD, "time": to_rfc3339(own_ns)}
    assert hook.post(json.dumps(body).encode()) == 204
    (_, found_ns), (card, time_ns) = hook.events
    assert isinstance(card, CredentialPresented)
    assert found_ns == time_ns == own_ns


def test_another_path_is_no_door(hook: Hook) -> None:
    assert hook.post(path="/doors/attic") == 404
    assert hook.post(path="/") == 404
    assert hook.events == []


def test_nonces_are_forgotten_when_their_time_is_over() -> None:
    nonces = Nonces(100)
    assert [nonces.fresh("d", "n", now) for now in (0, 50, 100, 101)] == [True, False, False, True]
    assert nonces.fresh("other", "n", 101)
    for now in range(1000, 2000, 10):
        nonces.fresh("d", str(now), now)
    assert len(nonces._used) <= 12


def test_a_short_key_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("00ff")
    parts = AdapterContext(tmp_path, lambda *_: None, FakeClock(), threading.Event(), lambda: 0.5)
    with pytest.raises(SettingsError, match=r"doors 'lobby': control.key_file: needs at least 32 hex"):
        Webhook("127.0.0.1", 0, [DoorSettings(id=DOOR, control=WebhookDoor(key_file="k"))], parts)


def test_the_kit_signs_as_the_documents_say(tmp_path: Path) -> None:
    """`POST`, path, time, nonce and body, joined by line feeds, under HMAC-SHA-256."""
    import hashlib
    import hmac

    kit = WebhookKit(tmp_path)
    headers = kit.request(b"{}")
    text = f"POST\n{PATH}\n{headers['X-Paifang-Time']}\n{headers['X-Paifang-Nonce']}\n{{}}"
    assert headers["X-Paifang-Signature"] == hmac.new(kit.key, text.encode(), hashlib.sha256).hexdigest()
    assert abs(float(headers["X-Paifang-Time"]) - time.time()) < 60
