"""Commands at the box: done once, answered always, refused where they cannot be believed."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from common.clock import SECOND_NS, FakeClock
from common.errors import RelayError
from edge.messaging.command_handler import CommandDispatcher
from edge.messaging.mqtt_client import FakeBrokerLink
from protocol.commands import LIFE_S, Command, decode_reply, pack
from protocol.identifiers import uuid7
from protocol.signing.trust_anchor import Trust
from protocol.topics import BoxTopics

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUST = Trust("village", KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex(), bytes(32).hex())
TOPICS = BoxTopics("village", "gate-1")
NOW_NS = 1_795_000_000 * SECOND_NS


class Gate:
    """Opens, or cannot."""

    def __init__(self) -> None:
        self.opened: list[Command] = []
        self.problem: Exception | None = None

    def open(self, command: Command) -> None:
        if self.problem is not None:
            raise self.problem
        self.opened.append(command)


def command(number: int = 1, time_ns: int = NOW_NS) -> Command:
    made = uuid7(NOW_NS, number.to_bytes(10, "big"))
    return Command(id=made, name="open-gate", target="gate-cam", by="li", reason="fire brigade", time_ns=time_ns)


def asked(
    *commands: Command, gate: Gate, trust: Trust | None = TRUST, key: Ed25519PrivateKey = KEY
) -> tuple[CommandDispatcher, FakeBrokerLink]:
    link = FakeBrokerLink()
    remote = CommandDispatcher(link, TOPICS, trust, FakeClock(now_ns=NOW_NS), {"open-gate": gate.open})
    remote.start()
    for each in commands:
        link.deliver(TOPICS.command("open-gate"), pack(each, TOPICS, key))
    remote.stop()
    return remote, link


def replies(link: FakeBrokerLink) -> list[tuple[str, bool, str]]:
    found = [(topic, decode_reply(payload)) for topic, payload in link.published]
    return [(topic.rpartition("/")[2], reply.done, reply.problem) for topic, reply in found]


def test_a_command_is_done_once_and_answered_once() -> None:
    gate = Gate()
    remote, link = asked(command(), command(), gate=gate)
    assert gate.opened == [command()]
    assert replies(link) == [(command().id, True, "")]
    assert (remote.done, remote.refused) == (1, 0)


@pytest.mark.parametrize(
    ("problem", "said"),
    [(RelayError("the relay does not answer"), "the relay does not answer"), (KeyError("x"), "KeyError")],
)
def test_what_cannot_be_done_is_said(problem: Exception, said: str) -> None:
    gate = Gate()
    gate.problem = problem
    _, link = asked(command(), gate=gate)
    assert replies(link) == [(command().id, False, said)]


@pytest.mark.parametrize(
    ("sent", "trust", "key"),
    [
        (command(time_ns=NOW_NS - 3600 * SECOND_NS), TRUST, KEY),
        (command(), None, KEY),
        (command(), TRUST, Ed25519PrivateKey.generate()),
        (msgspec.structs.replace(command(), reason=""), TRUST, KEY),
    ],
)
def test_what_cannot_be_believed_is_not_done(sent: Command, trust: Trust | None, key: Ed25519PrivateKey) -> None:
    gate = Gate()
    remote, link = asked(sent, gate=gate, trust=trust, key=key)
    assert (gate.opened, link.published, remote.refused) == ([], [], 1)


def test_a_command_that_nothing_here_can_do_is_answered() -> None:
    link = FakeBrokerLink()
    remote = CommandDispatcher(link, TOPICS, TRUST, FakeClock(now_ns=NOW_NS), {})
    remote.start()
    link.deliver(TOPICS.command("open-gate"), pack(command(), TOPICS, KEY))
    remote.stop()
    assert replies(link) == [(command().id, False, "this box has nothing that can open-gate")]


@pytest.mark.parametrize(
    ("before_s", "set_back_s", "opens"), [(20, 0, False), (3, 0, False), (1, 0, True), (0, 0, True), (0, 3600, True)]
)
def test_a_command_from_before_the_start_does_not_run(before_s: int, set_back_s: int, opens: bool) -> None:
    gate, link, clock = Gate(), FakeBrokerLink(), FakeClock(now_ns=NOW_NS)
    remote = CommandDispatcher(link, TOPICS, TRUST, clock, {"open-gate": gate.open})
    given = command(time_ns=NOW_NS - before_s * SECOND_NS)
    if set_back_s:
        clock.advance(2 * LIFE_S)
        clock.step_wall(-set_back_s)
        given = command(time_ns=clock.wall_ns())
    remote.start()
    link.deliver(TOPICS.command("open-gate"), pack(given, TOPICS, KEY))
    remote.stop()
    assert (bool(gate.opened), remote.refused) == (opens, int(not opens))


@pytest.mark.parametrize(("waited_s", "opens"), [(LIFE_S - 1, True), (LIFE_S + 1, False), (300, False)])
def test_a_command_that_has_waited_behind_another_is_old_when_its_turn_comes(waited_s: int, opens: bool) -> None:
    gate, link, clock = Gate(), FakeBrokerLink(), FakeClock(now_ns=NOW_NS)
    remote = CommandDispatcher(link, TOPICS, TRUST, clock, {"open-gate": gate.open})
    link.deliver(TOPICS.command("open-gate"), pack(command(), TOPICS, KEY))
    clock.advance(waited_s)
    remote.start()
    remote.stop()
    assert (bool(gate.opened), remote.refused) == (opens, int(not opens))
    ((_, done, problem),) = replies(link)
    assert done == opens
    assert opens or "too late" in problem
