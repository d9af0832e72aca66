"""10,000 damaged SIP messages: each is refused or contained, and the agent answers a query afterwards."""

from __future__ import annotations

import random

from gb_agent_kit import Wire
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_platform import CAMERAS, offer, query

from aggregator.services.video_out.gb28181.sip import message, transactions
from aggregator.services.video_out.gb28181.sip.calls import MOST_CALLS
from common.errors import ContractError

EXAMPLES, MESSAGES = 100, 100
PIECES = (
    b"\r\n", b"\r\n\r\n", b"\x00", b"\xff\xfe", b":", b";tag=", b"SIP/2.0", b"9" * 40, b"<", b"&a;", b"]]>", b"sip:@",
    b"=" * 200, b"Content-Length: 0\r\n", b"Via: SIP/2.0/UDP x;branch=z9hG4bK\r\n", b"<!DOCTYPE a>",
    b"%s%n", b"m=video 1 RTP/AVP 96\r\n",
)  # fmt: skip


def damaged(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randrange(1, 5)):
        at, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        match chance.randrange(5):
            case 0:
                data = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            case 1:
                data = data[:at] + chance.choice(PIECES) + data[at:]
            case 2:
                data = data[:at] + data[min(end, at + 40) :]
            case 3:
                data = data[:end] + data[at : at + 200] + data[end:]
            case _:
                data = data[:at] or b"x"
    return data


def damaged_inside(data: bytes, chance: random.Random) -> bytes:
    """Only the body, or one header's value, with the length put right: so it passes the first checks."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")[:-1]  # the last one is the length
    if body and chance.random() < 0.7:
        body = damaged(body, chance)
    else:
        at = chance.randrange(1, len(lines))
        name, _, value = lines[at].partition(b": ")
        lines[at] = name + b": " + damaged(value, chance)
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", b""]) + body


def wholes(wire: Wire, chance: random.Random) -> bytes:
    """A message that the agent understands, of a kind that fits its present state."""
    platform = wire.platform
    made = [
        platform.message(query(chance.choice(("Catalog", "DeviceInfo", "DeviceStatus", "RecordInfo")))),
        platform.invite(offer(6000), chance.choice(CAMERAS)),
        platform.invite(offer(6000, media="TCP/RTP/AVP", more="a=setup:passive")),
        platform.request(chance.choice(("BYE", "CANCEL", "OPTIONS", "INFO", "SUBSCRIBE"))),
        platform.answer(platform.requests[-1], chance.choice(("200 OK", "401 Unauthorized", "403 No", "100 Trying"))),
    ]
    calls = [it for it in platform.answers[-20:] if it.status == 200 and it["CSeq"].endswith("INVITE")]
    made += [platform.within(it, chance.choice(("BYE", "ACK", "INVITE"))) for it in calls[-2:]]
    return chance.choice(made)


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(st.integers(0, 2**32))
def test_damaged_messages_are_contained(seed: int) -> None:
    chance, wire = random.Random(seed), Wire().registered()
    wire.platform.silent = ("MESSAGE",) if chance.random() < 0.2 else ()
    for _ in range(MESSAGES):
        data = chance.choice((damaged, damaged_inside))(wholes(wire, chance), chance)
        wire.agent.receive(data, chance.randrange(1, 65_536), wire.now_s)
        wire.carry()
        assert len(wire.agent.calls.open) <= MOST_CALLS
    assert wire.agent.malformed > 0
    wire.platform.silent = ()
    wire.advance(2 * transactions.TIMEOUT_S)
    if wire.agent.registration.state != "registered":  # a damaged answer may still be a refusal
        wire.registered()
    assert wire.agent.registration.state == "registered"
    wire.send(wire.platform.message(query("Catalog", 4_711)))
    wire.advance(transactions.TIMEOUT_S)
    found = [it.findtext("DeviceList/Item/DeviceID") for it in wire.platform.documents if it.findtext("SN") == "4711"]
    assert found == list(CAMERAS)


@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(st.integers(0, 2**32))
def test_damaged_streams_end_or_go_on_within_a_message(seed: int) -> None:
    chance, wire = random.Random(seed), Wire()
    wire.registered()
    framer = message.Framer()
    for _ in range(20):
        try:
            assert all(len(it) <= message.MOST_BYTES for it in framer.feed(damaged(wholes(wire, chance), chance)))
        except ContractError:
            framer = message.Framer()
        assert len(framer._held) <= message.MOST_BYTES
