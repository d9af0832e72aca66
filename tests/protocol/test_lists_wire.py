"""Lists and commands on the wire: only this aggregator's, only for this site or box, only now."""

from __future__ import annotations

import os

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from common.clock import SECOND_NS
from common.errors import ContractError, SettingsError
from protocol import commands, site_lists
from protocol.commands import Command, Reply
from protocol.signing import signed_messages, trust_anchor
from protocol.site_lists import ListedVehicle, SiteLists
from protocol.topics import BoxTopics

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
SITE_KEY = bytes(range(32, 64))
NOW_NS = 1_795_000_000 * SECOND_NS
TOPICS = BoxTopics("village", "gate-1")
LISTS = SiteLists(
    site="village", version=7, vehicles=(ListedVehicle(id="e1", plate="京A12345", standing="registered"),)
)


def packed(key: Ed25519PrivateKey = KEY, sealing: bytes = SITE_KEY, these: SiteLists = LISTS) -> bytes:
    return site_lists.pack(these, key, sealing, os.urandom)


def test_lists_arrive_as_they_were_sent_and_show_nothing_on_the_way() -> None:
    message = packed()
    assert site_lists.unpack(message, "village", KEY.public_key(), SITE_KEY) == LISTS
    assert "京A12345".encode() not in message
    assert b"12345" not in message


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (packed(key=OTHER), "not by this site's aggregator"),
        (packed(sealing=bytes(32)), "another site's key"),
        (packed(these=msgspec.structs.replace(LISTS, site="estate")), "not for this topic"),
        (b"{}", "malformed"),
        (b"\xff", "malformed"),
        (signed_messages.sign(KEY, site_lists.topic("village"), b"short"), "malformed|sealed"),
    ],
)
def test_other_lists_are_refused(message: bytes, problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        site_lists.unpack(message, "village", KEY.public_key(), SITE_KEY)


@given(st.data())
def test_a_changed_byte_is_found(data: st.DataObject) -> None:
    message = bytearray(packed())
    place = data.draw(st.integers(0, len(message) - 1))
    message[place] ^= data.draw(st.integers(1, 255))
    try:
        same = site_lists.unpack(bytes(message), "village", KEY.public_key(), SITE_KEY)
    except ContractError:
        return
    assert same == LISTS  # the byte was one of JSON's own: nothing of what was said has changed


def a_command(**changes: object) -> Command:
    made = Command(
        id="01a0e4d9-5c00-7000-8000-000000000001", name="open-gate", target="gate-cam", by="li",
        reason="the fire brigade", time_ns=NOW_NS,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_a_command_arrives() -> None:
    message = commands.pack(a_command(), TOPICS, KEY)
    assert commands.unpack(message, "open-gate", TOPICS, KEY.public_key(), NOW_NS + SECOND_NS) == a_command()


@pytest.mark.parametrize(
    ("command", "name", "topics", "now_s", "problem"),
    [
        (a_command(), "open-gate", TOPICS, 31, "31 s ago"),
        (a_command(), "open-gate", TOPICS, -3600, "-3600 s ago"),
        (a_command(), "open-gate", BoxTopics("village", "gate-2"), 0, "not for this topic"),
        (a_command(), "unlock-door", TOPICS, 0, "not for this topic"),
        (a_command(id="again"), "open-gate", TOPICS, 0, "no UUIDv7"),
        (a_command(reason=""), "open-gate", TOPICS, 0, "reason"),
        (a_command(target="../x"), "open-gate", TOPICS, 0, "target"),
    ],
)
def test_other_commands_are_refused(command: Command, name: str, topics: BoxTopics, now_s: int, problem: str) -> None:
    message = commands.pack(command, TOPICS, KEY)
    with pytest.raises(ContractError, match=problem):
        commands.unpack(message, name, topics, KEY.public_key(), NOW_NS + now_s * SECOND_NS)


def test_replies_travel() -> None:
    reply = Reply(id="x", done=False, problem="the relay does not answer")
    assert commands.decode_reply(commands.encode(reply)) == reply
    with pytest.raises(ContractError, match="reply"):
        commands.decode_reply(b'{"id": 1}')


def test_what_is_too_long_is_not_sent() -> None:
    with pytest.raises(ContractError, match="at most"):
        signed_messages.sign(KEY, "t", bytes(signed_messages.MAX_BYTES))


def test_the_trust_file_hides_its_key_and_is_checked(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("trust") / "trust.json"
    made = trust_anchor.Trust("village", bytes(32).hex(), SITE_KEY.hex())
    made.write(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SITE_KEY.hex() not in repr(made)
    assert trust_anchor.load(path, "village").sealing == SITE_KEY
    with pytest.raises(SettingsError, match="is for site 'village'; this box is of 'estate'"):
        trust_anchor.load(path, "estate")
    path.write_text('{"site": "village", "public_key": "00", "list_key": "zz"}')
    with pytest.raises(SettingsError, match="64 hexadecimal digits"):
        trust_anchor.load(path, "village")
    with pytest.raises(SettingsError, match="cannot be read"):
        trust_anchor.load(path.with_name("none"), "village")
