"""Registration and keep-alive: log-in by Digest, lost datagrams, renewal, refusals, the end."""

from __future__ import annotations

import pytest
from gb_agent_kit import Wire
from sip_platform import CAMERAS, DEVICE, PLATFORM, SuperiorPlatform, offer, sip

from aggregator.services.video_out.gb28181.sip.registration import KEEPALIVE_S
from aggregator.services.video_out.gb28181.sip.transactions import TIMEOUT_S


def state_of(wire: Wire) -> str:
    return wire.agent.registration.state


@pytest.mark.parametrize(("algorithm", "qop"), [("MD5", ""), ("MD5", "auth"), ("SHA-256", "auth")])
def test_it_registers_with_digest(algorithm: str, qop: str) -> None:
    wire = Wire(SuperiorPlatform(algorithm, qop)).registered()
    assert wire.agent.registration.state == "registered"
    first, second = wire.platform.requests
    assert first.first == f"REGISTER sip:{PLATFORM}@{PLATFORM[:10]} SIP/2.0"
    assert second["Contact"] == f"<sip:{DEVICE}@127.0.0.1:5061>"
    assert (first["CSeq"], second["CSeq"]) == ("1 REGISTER", "2 REGISTER")
    assert first["Call-ID"] == second["Call-ID"]
    assert first["Via"] != second["Via"]


def test_a_wrong_password_is_refused_after_one_answer() -> None:
    wire = Wire(password="other").registered()
    assert wire.agent.registration.state == "refused"
    assert wire.agent.registration.problem == "the platform refused the device's id or password"
    wire.advance(1_000)
    assert wire.methods() == ["REGISTER"] * 2


def test_a_stale_nonce_is_answered_again_and_basic_is_not() -> None:
    wire = Wire().registered()
    wire.platform.nonce = "n0nce-2"
    wire.agent.registration.begin(wire.now_s)
    wire.carry()
    assert wire.agent.registration.state == "registered"
    wire = Wire(SuperiorPlatform(silent=("REGISTER",))).registered()
    basic = wire.platform.answer(wire.platform.requests[0], "401 Unauthorized", {"WWW-Authenticate": 'Basic realm="x"'})
    wire.send(basic)
    assert wire.agent.registration.state == "refused"


def test_a_registration_is_renewed_before_it_ends() -> None:
    wire = Wire(SuperiorPlatform(expires_s=600)).registered()
    wire.advance(539)
    assert wire.methods().count("REGISTER") == 2
    wire.advance(2)
    assert wire.methods().count("REGISTER") == 3, "the nonce is used again"
    assert wire.agent.registration.state == "registered"


def test_a_registration_that_is_not_renewed_ends_with_its_calls() -> None:
    wire = Wire(SuperiorPlatform(expires_s=600)).registered()
    wire.send(wire.platform.invite(offer(6000)))
    wire.platform.silent = ("REGISTER",)
    wire.advance(599)
    assert (wire.agent.registration.state, wire.closed()) == ("registered", 0)
    wire.advance(2)
    assert (wire.agent.registration.state, wire.closed()) == ("lost", 1)


def test_lost_and_repeated_datagrams_change_nothing() -> None:
    wire = Wire(lose=3)
    wire.registered()
    assert wire.platform.requests == []
    wire.advance(0.5 + 1 + 2 + 0.1)
    assert wire.agent.registration.state == "registered"
    again = wire.platform.answer(wire.platform.requests[-1], "200 OK", {"Expires": "1"})
    wire.send(again, again)
    wire.advance(100)
    assert wire.methods().count("REGISTER") == 2, "an answer that nobody waits for was taken"


def test_over_tcp_nothing_is_repeated_and_nobody_is_waited_for_longer_than_64_t1() -> None:
    wire = Wire(SuperiorPlatform(silent=("REGISTER",)), transport="tcp").registered()
    wire.advance(TIMEOUT_S - 1)
    assert (wire.methods(), wire.agent.registration.state) == (["REGISTER"], "connecting")
    assert wire.platform.requests[0]["Via"].startswith("SIP/2.0/TCP 127.0.0.1:5061;")
    wire.advance(2)
    assert (wire.agent.registration.state, wire.agent.registration.problem) == ("lost", "the platform does not answer")


def test_three_keep_alives_without_an_answer_end_it() -> None:
    wire = Wire().registered()
    wire.advance(2 * KEEPALIVE_S + 1)
    assert [it.findtext("CmdType") for it in wire.platform.documents] == ["Keepalive", "Keepalive"]
    assert [(it.tag, it.findtext("SN"), it.findtext("Status")) for it in wire.platform.documents][1] == (
        "Notify",
        "2",
        "OK",
    )
    wire.platform.silent = ("MESSAGE",)
    wire.advance(3 * KEEPALIVE_S + TIMEOUT_S - 2)
    assert state_of(wire) == "registered"
    wire.advance(2)
    assert state_of(wire) == "lost"


def test_a_platform_that_forgot_the_device_is_registered_at_again() -> None:
    wire = Wire().registered()
    wire.platform.silent = ("MESSAGE",)
    wire.advance(KEEPALIVE_S + 0.1)
    wire.send(wire.platform.answer(wire.platform.requests[-1], "403 Forbidden"))
    wire.platform.silent = ()
    wire.advance(1)
    assert (wire.methods().count("REGISTER"), wire.agent.registration.state) == (3, "registered")


@pytest.mark.parametrize(
    ("answer", "more", "state"),
    [
        ("403 Forbidden", {}, "refused"), ("302 Moved", {}, "refused"), ("503 Later", {}, "lost"),
        ("423 Too Brief", {"Min-Expires": "1"}, "refused"), ("423 Too Brief", {"Min-Expires": "7200"}, "connecting"),
        ("401 Unauthorized", {}, "refused"), ("100 Trying", {}, "connecting"),
    ],
)  # fmt: skip
def test_answers_to_a_registration(answer: str, more: dict[str, str], state: str) -> None:
    wire = Wire(SuperiorPlatform(silent=("REGISTER",))).registered()
    wire.send(wire.platform.answer(wire.platform.requests[0], answer, more))
    assert wire.agent.registration.state == state
    if "7200" in more.values():
        assert wire.platform.requests[-1]["Expires"] == "7200"


def test_the_end_is_told_to_the_platform() -> None:
    wire = Wire().registered()
    wire.send(wire.platform.invite(offer(6000)))
    wire.agent.stop(wire.now_s)
    assert wire.agent.registration.ending
    wire.carry()
    assert wire.methods()[-2:] == ["BYE", "REGISTER"]
    assert wire.platform.requests[-1]["Expires"] == "0"
    assert not wire.agent.registration.ending
    assert wire.closed() == 1
    assert wire.ask(wire.platform.invite(offer(6000))).status == 403


def test_without_a_registration_requests_are_refused() -> None:
    wire = Wire(SuperiorPlatform(silent=("REGISTER",))).registered()
    assert wire.ask(wire.platform.invite(offer(6000), CAMERAS[0])).status == 403
    assert wire.effects == []


def test_responses_with_a_method_or_a_call_that_was_not_sent_are_not_taken() -> None:
    wire = Wire(SuperiorPlatform(silent=("REGISTER",))).registered()
    sent = wire.platform.requests[0]
    right = {name: sent[name] for name in ("Via", "From", "To", "Call-ID", "CSeq")}
    for wrong in ({"CSeq": "1 BYE"}, {"Call-ID": "x"}, {"Via": "SIP/2.0/UDP h;branch=z9hG4bKx"}):
        wire.send(sip("SIP/2.0 200 OK", right | wrong))
        assert wire.agent.registration.state == "connecting"
    wire.send(sip("SIP/2.0 200 OK", right))
    assert wire.agent.registration.state == "registered"
