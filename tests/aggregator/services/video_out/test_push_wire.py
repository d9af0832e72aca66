"""What RTMP and RTSP look like on the wire, and which addresses may be stored."""

from __future__ import annotations

import asyncio
import random
import re

import pytest
from agg_support import run_apart
from requests.auth import HTTPDigestAuth

from aggregator.services.video_out.push import rtmp_messages as rtmp
from aggregator.services.video_out.push.push_address import parse
from aggregator.services.video_out.push.rtsp_messages import Answer, Credentials
from common.errors import FeedError, PushFailed

REALM = {"realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093", "opaque": "5ccc069c403ebaf9"}


def credentials(nonce: str = "0a4f113b") -> Credentials:
    return Credentials("Mufasa", "Circle Of Life", lambda: nonce)


def challenge(**more: str) -> str:
    return "Digest " + ", ".join(f'{name}="{value}"' for name, value in (REALM | more).items())


def test_a_digest_is_that_of_the_example_of_rfc_2617() -> None:
    it = credentials()
    assert it.challenged(Answer(401, {"www-authenticate": [challenge(qop="auth,auth-int")]}))
    sent = it.header("GET", "/dir/index.html")["Authorization"]
    assert 'response="6629fae49393a05397450978507c4ef1"' in sent
    assert "qop=auth, nc=00000001" in sent
    again = Answer(401, {"www-authenticate": [challenge()]})
    assert not it.challenged(again), "it has not helped"
    assert it.challenged(Answer(401, {"www-authenticate": [challenge(stale="true")]}))


@pytest.mark.parametrize("offered", [["MD5"], ["MD5", "SHA-256"], ["SHA-256"]])
def test_the_strongest_digest_is_chosen_and_is_that_of_another_implementation(offered: list[str]) -> None:
    other = HTTPDigestAuth("Mufasa", "Circle Of Life")
    other.init_per_thread_state()
    other._thread_local.chal = REALM | {"algorithm": offered[-1], "qop": "auth"}
    made = other.build_digest_header("ANNOUNCE", "rtsp://h/a") or ""
    cnonce, response = (re.findall(rf'\b{name}="([^"]*)"', made)[0] for name in ("cnonce", "response"))
    it, asked = credentials(cnonce), [challenge(algorithm=name, qop="auth") for name in offered]
    assert it.challenged(Answer(401, {"www-authenticate": ["Basic realm=x", *asked]}))
    assert f'response="{response}"' in it.header("ANNOUNCE", "/a")["Authorization"]


def test_nothing_is_sent_without_a_user_or_for_an_unknown_scheme() -> None:
    asked = Answer(401, {"www-authenticate": ['Digest realm="x", nonce="n"']})
    assert not Credentials("", "", str).challenged(asked)
    assert not credentials().challenged(Answer(401, {"www-authenticate": ["Negotiate"]}))
    assert credentials().header("GET", "/") == {}
    assert "Circle" not in repr(credentials())


def read(data: bytes, count: int) -> list[tuple[int, bytes]]:
    async def work() -> list[tuple[int, bytes]]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        chunks = rtmp.ChunkReader(reader)
        return [await chunks.message() for _ in range(count)]

    return run_apart(work())


@pytest.mark.parametrize("time_ms", [0, 0xFFFFFE, 0xFFFFFF, 0x1000000, 0xFFFFFFFF, 2**32 + 5])
def test_chunks_are_read_back_also_with_extended_times(time_ms: int) -> None:
    size = rtmp.chunks(rtmp.SET_CHUNK_SIZE, rtmp.CHUNK_BYTES.to_bytes(4), channel=2)
    body = bytes(range(256)) * 200
    sent = rtmp.chunks(rtmp.VIDEO, body, channel=6, stream=1, time_ms=time_ms)
    assert read(size + sent + sent, 2) == [(rtmp.VIDEO, body)] * 2


def test_values_are_read_back_and_damaged_ones_are_refused() -> None:
    values: list[rtmp.Value] = ["connect", 1.0, {"app": "live", "flag": True, "none": None}, ["a", 2.0], None]
    data = rtmp.encode(*values)
    assert rtmp.decode(data) == values
    chance, refused = random.Random(5), 0
    for _ in range(2_000):
        damaged = bytearray(data)
        for _ in range(3):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            rtmp.decode(bytes(damaged))
        except PushFailed:
            refused += 1
    assert refused > 100
    with pytest.raises(PushFailed):
        rtmp.decode(b"\3\0\1a" * 50)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://h/x", "must begin with one of"), ("rtmp:///a/b", "must begin"), ("rtsps://h:99999/", "must begin"),
        ("rtsps://h/" + "x" * 1000, "must begin"), ("rtsps://h/a b", "spaces"), ("rtsps://h/a#b", "fragment"),
        ("rtsps://h\n/", "control characters"), ("rtmps://u:secret@h/a/b", "RTMP has no user"),
        ("rtmps://h/a", "an application and a stream"), ("rtsps://u%0d:secret@h/a", "control characters"),
        ("rtsps://höst/a", "must begin"),
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_is_refused_and_not_repeated(address: str, words: str) -> None:
    with pytest.raises(FeedError, match=words) as told:
        parse(address, ("10.0.0.0/8",))
    assert "secret" not in str(told.value)


def test_without_tls_a_network_must_be_named() -> None:
    with pytest.raises(FeedError, match=r"use rtmps:// or rtsps://"):
        parse("rtsp://h/a", ())
    it = parse("rtsps://li:a%20secret@[::1]:8554/live/x?key=1", ())
    assert (it.scheme, it.host, it.port, it.path, it.user) == ("rtsps", "::1", 8554, "live/x?key=1", "li")
    assert (it.password, it.base) == ("a secret", "rtsps://[::1]:8554")
    assert "secret" not in repr(it)
