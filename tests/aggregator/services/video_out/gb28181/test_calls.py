"""Calls for live video: what is answered, what is refused, and how calls end."""

from __future__ import annotations

import pytest
from gb_agent_kit import MEDIA_PORT, Wire
from sip_platform import CAMERAS, PLATFORM, offer, read_sip

from aggregator.services.video_out.gb28181.sip.calls import MOST_CALLS, CloseMedia, OpenMedia, StartMedia
from aggregator.services.video_out.gb28181.sip.transactions import TIMEOUT_S

TCP = "TCP/RTP/AVP"


@pytest.mark.parametrize(
    ("media", "more", "transport", "answered"),
    [
        ("RTP/AVP", "", "udp", [f"m=video {MEDIA_PORT} RTP/AVP 96"]),
        (TCP, "a=setup:passive\r\na=connection:new", "tcp-connect", ["a=setup:active", "a=connection:new"]),
        (TCP, "a=setup:active", "tcp-listen", [f"m=video {MEDIA_PORT} TCP/RTP/AVP 96", "a=setup:passive"]),
        (TCP, "a=setup:actpass", "tcp-connect", ["a=setup:active"]),
        (TCP, "", "tcp-listen", ["a=setup:passive"]),
    ],
)
def test_a_call_is_answered_and_begins_with_ack(media: str, more: str, transport: str, answered: list[str]) -> None:
    wire = Wire().registered()
    wire.send(wire.platform.invite(offer(6000, media=media, more=more)))
    assert [it.status for it in wire.platform.answers] == [100, 200]
    assert "tag=" not in wire.platform.last(100)["To"]
    lines = wire.platform.last(200).body.decode().split("\r\n")
    common = ["s=Play", "c=IN IP4 127.0.0.1", "a=sendonly", "a=rtpmap:96 PS/90000", "y=0100000001"]
    assert [it for it in [*common, *answered] if it not in lines] == []
    opened, started = wire.effects
    assert isinstance(opened, OpenMedia)
    assert isinstance(started, StartMedia)
    assert opened.call.media[1:] == ("127.0.0.1", 6000, transport, 96, 100000001)


@pytest.mark.parametrize(
    ("body", "camera", "status"),
    [
        (offer(6000, kind="Playback"), CAMERAS[0], 488),
        (offer(6000, kind="Download"), CAMERAS[0], 488),
        (offer(6000, host="192.0.2.9"), CAMERAS[0], 403),
        (offer(6000), CAMERAS[1], 480),
        (offer(6000), "34020000001320000099", 404),
        (offer(0), CAMERAS[0], 400),
        (offer(6000, host="platform.example"), CAMERAS[0], 400),
        (offer(6000).replace(b"y=0100000001", b"y=9999999999"), CAMERAS[0], 400),
        (offer(6000).replace(b" 96 98", b" 98"), CAMERAS[0], 488),
        (offer(6000).replace(b"PS/90000", b"JPEG/90000"), CAMERAS[0], 488),
        (offer(6000).replace(b"m=video", b"m=audio"), CAMERAS[0], 400),
        (offer(6000) + b"m=video 7000 RTP/AVP 96\r\n", CAMERAS[0], 400),
        (b"", CAMERAS[0], 400),
        (b"v=0\r\n" * 200, CAMERAS[0], 400),
    ],
)
def test_what_is_not_given_is_refused(body: bytes, camera: str, status: int) -> None:
    wire = Wire().registered()
    assert wire.ask(wire.platform.invite(body, camera)).status == status
    assert wire.effects == []
    wire.advance(TIMEOUT_S)
    assert len(wire.platform.answers) == 1, "the platform has acknowledged it"


def test_the_camera_may_be_named_in_the_subject_and_the_ssrc_be_missing() -> None:
    wire = Wire().registered()
    invite = wire.platform.invite(offer(6000).replace(b"y=0100000001\r\n", b""))
    uri, length = f"INVITE sip:{CAMERAS[0]}@".encode(), len(offer(6000))
    invite = invite.replace(uri, f"INVITE sip:{PLATFORM}@".encode()).replace(
        str(length).encode(), str(length - 14).encode()
    )
    assert wire.ask(invite).status == 200
    ssrc = next(it for it in wire.platform.last(200).body.decode().split("\r\n") if it.startswith("y="))
    opened = wire.effects[0]
    assert isinstance(opened, OpenMedia)
    assert ssrc == f"y={opened.call.ssrc:010d}"


def test_an_invite_that_comes_again_gets_the_same_answer() -> None:
    wire = Wire().registered()
    invite = wire.platform.invite(offer(6000))
    wire.send(invite, invite, invite)
    assert [it.status for it in wire.platform.answers] == [100, 200, 200, 200]
    assert len({it["To"] for it in wire.platform.answers if it.status == 200}) == 1
    assert len(wire.effects) == 2


def test_an_answer_is_repeated_until_ack_and_then_the_call_ends() -> None:
    wire = Wire().registered()
    wire.platform.ack = lambda answer: wire.platform.answer(answer, "200 OK")  # type: ignore[method-assign]
    wire.send(wire.platform.invite(offer(6000)))
    wire.advance(TIMEOUT_S + 0.1)
    assert 8 < [it.status for it in wire.platform.answers].count(200) < 14
    assert not any(isinstance(it, StartMedia) for it in wire.effects)
    assert (wire.closed(), wire.methods()[-1]) == (1, "BYE")


@pytest.mark.parametrize("by", ["platform", "device"])
def test_bye_from_either_side_ends_a_call(by: str) -> None:
    wire = Wire().registered()
    wire.send(wire.platform.invite(offer(6000)))
    answer, (call,) = wire.platform.last(200), wire.agent.calls.open
    if by == "platform":
        bye = wire.platform.within(answer, "BYE")
        assert wire.ask(bye).status == 200
        assert wire.ask(bye).status == 200, "it came again"
    else:
        wire.agent.calls.finish(call, wire.now_s)
        wire.agent.calls.finish(call, wire.now_s)
        wire.carry()
        (sent,) = [it for it in wire.platform.requests if it.method == "BYE"]
        assert (sent["From"], sent["To"]) == (answer["To"], answer["From"])
        assert sent.first == f"BYE sip:{PLATFORM}@127.0.0.1:5060 SIP/2.0"
    assert wire.closed() == 1
    assert wire.agent.calls.open == []
    late = wire.platform.within(answer, "BYE").replace(b"z9hG4bKBYE", b"z9hG4bKlate")
    assert wire.ask(late).status == 481


def test_cancel_ends_what_is_not_answered_and_nothing_else() -> None:
    wire = Wire(opens=False).registered()
    invite = wire.platform.invite(offer(6000))
    cancel = invite.partition(b"\r\n\r\n")[0].replace(b"INVITE", b"CANCEL")
    cancel = cancel.rpartition(b"\r\n")[0] + b"\r\nContent-Length: 0\r\n\r\n"
    assert wire.ask(cancel.replace(b"z9hG4bK", b"z9hG4bKother")).status == 481
    wire.send(invite, cancel)
    assert [it.status for it in wire.platform.answers[-3:]] == [100, 200, 487]
    assert wire.closed() == 1
    opened = wire.effects[0]
    assert isinstance(opened, OpenMedia)
    wire.agent.calls.ready(opened.call, MEDIA_PORT, wire.now_s)
    wire.carry()
    assert wire.platform.answers[-1].status == 487, "a port that opens too late changes nothing"


def test_a_call_whose_port_does_not_open_is_refused() -> None:
    wire = Wire(opens=False).registered()
    wire.send(wire.platform.invite(offer(6000)))
    (call,) = wire.agent.calls.open
    wire.agent.calls.finish(call, wire.now_s)
    wire.carry()
    assert wire.platform.answers[-1].status == 480
    assert isinstance(wire.effects[-1], CloseMedia)


def test_calls_are_limited_and_cannot_be_changed() -> None:
    wire = Wire().registered()
    for _ in range(MOST_CALLS):
        assert wire.ask(wire.platform.invite(offer(6000))).status == 200
    assert wire.ask(wire.platform.invite(offer(6000))).status == 486
    answer = wire.platform.last(200)
    again = wire.platform.invite(offer(6000))
    to = read_sip(again)["To"]
    assert wire.ask(again.replace(to.encode(), answer["To"].encode(), 1)).status == 481
    change = again.replace(f"To: {to}".encode(), f"To: {answer['To']}".encode())
    for name in ("From", "Call-ID"):
        change = change.replace(read_sip(change)[name].encode(), answer[name].encode())
    assert wire.ask(change.replace(b"z9hG4bKp", b"z9hG4bKq")).status == 488
    assert len(wire.agent.calls.open) == MOST_CALLS
