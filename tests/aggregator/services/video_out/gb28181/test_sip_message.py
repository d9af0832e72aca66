"""SIP messages: strict limits, compact and folded headers, messages in a stream that is cut anywhere."""

from __future__ import annotations

import re

import pytest
from sip_platform import SuperiorPlatform, query, read_sip

from aggregator.services.video_out.gb28181.sip import message
from aggregator.services.video_out.gb28181.sip.message import Framer, SipMessage, parse
from common.errors import ContractError

GOOD = SuperiorPlatform().message(query("Catalog"))


def test_compact_forms_folded_lines_and_several_vias_are_read() -> None:
    data = (
        b"MESSAGE sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;rport\r\n ;branch=z9hG4bK7\r\nVia: SIP/2.0/UDP x;branch=other\r\n"
        b"f: <sip:p@d>;tag=1\r\nt: <sip:a@b>\r\ni: c\r\nCSEQ: 7  message\r\nl: 2\r\n\r\nxyz"
    )
    read = parse(data)
    assert (read.method, read.branch, read.from_tag, read.to_tag) == ("MESSAGE", "z9hG4bK7", "1", "")
    assert read.cseq == (7, "MESSAGE")
    assert read.body == b"xy"
    assert read.all("via")[1] == "SIP/2.0/UDP x;branch=other"


def test_what_is_written_is_read_by_another_parser_and_by_this_one() -> None:
    headers = parse(GOOD).headers
    data = SipMessage("MESSAGE", "sip:a@b", headers=headers, body=b"\r\n\r\nbody").pack()
    assert read_sip(data).body == b"\r\n\r\nbody"
    again = parse(data)
    assert set(again.headers) - {("content-length", "8")} == set(headers) - {("content-length", again.get("x"))} - {
        it for it in headers if it[0] == "content-length"
    }


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((b"SIP/2.0\r", b"SIP/3.0\r"), "first line"),
        ((b"CSeq: 1 MESSAGE", b"CSeq: 1 INVITE"), "cseq"),
        ((b"CSeq: 1 ", b"CSeq: 4294967296 "), "cseq"),
        ((b"Call-ID: call-1\r\n", b""), "call-id must"),
        ((b"Call-ID: call-1\r\n", b"Call-ID: a\r\nCall-ID: b\r\n"), "call-id must"),
        ((b";tag=f1", b""), "tag in from"),
        ((b";branch=z9hG4bKp1", b""), "branch"),
        ((b"Max-Forwards", b"Max Forwards"), "malformed"),
        ((b"Max-Forwards: 70", b"Max-Forwards: \x00"), "malformed"),
        ((b"Content-Length: ", b"Content-Length: -"), "content-length"),
        ((b"Content-Length: ", b"Content-Length: 1"), "Content-Length"),
        ((b"Max-Forwards: 70", b"Max-Forwards: " + b"7" * message.MOST_LINE), "longer"),
        ((b"Max-Forwards: 70", b"\r\n".join([b"A: b"] * (message.MOST_HEADERS + 1))), "headers"),
        ((b"Max-Forwards: 70", b"\r\n".join([b"A: " + b"b" * 1_000] * 20)), "no end of the headers"),
    ],
)
def test_what_is_malformed_is_refused_by_name(change: tuple[bytes, bytes], problem: str) -> None:
    assert change[0] in GOOD
    with pytest.raises(ContractError, match=re.escape(problem)):
        parse(GOOD.replace(*change, 1))


def test_a_datagram_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ContractError, match="longer"):
        parse(GOOD + b" " * message.MOST_BYTES)


def test_messages_are_cut_out_of_a_stream_wherever_it_is_split() -> None:
    stream = b"\r\n\r\n" + GOOD + b"\r\n\r\n" + GOOD
    for at in range(len(stream) + 1):
        framer = Framer()
        assert [*framer.feed(stream[:at]), *framer.feed(stream[at:])] == [GOOD, GOOD]
    framer = Framer()
    assert [it for byte in stream for it in framer.feed(bytes([byte]))] == [GOOD, GOOD]


@pytest.mark.parametrize(
    "data",
    [
        b"A" * message.MOST_HEAD,
        GOOD.replace(b"Content-Length: ", b"X: "),
        GOOD.replace(b"Content-Length: ", b"Content-Length: 9999"),
        GOOD.replace(b"Content-Length: ", b"Content-Length: 1\r\nContent-Length: "),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_stream_that_is_no_sip_ends(data: bytes) -> None:
    with pytest.raises(ContractError):
        list(Framer().feed(data))
