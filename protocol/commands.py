"""Commands from the aggregator to a box, and the box's replies.

A command is signed with its topic, names who gave it and why, and is old after `LIFE_S`: a box does each id once.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from common.clock import SECOND_NS
from common.decoding import JsonDecoder
from common.errors import ContractError
from protocol.event_types import Name
from protocol.identifiers import PRINTABLE, is_uuid7
from protocol.problems import Code
from protocol.signing import signed_messages
from protocol.topics import BoxTopics

LIFE_S = 30
"""Older than this, or further ahead than this, a command is refused: clocks may be that far apart, not more."""
CommandName = Literal[
    "open-gate", "unlock-door", "footage-spans", "footage-still", "release", "clip", "live", "still", "hold",
    "end-hold",
]  # fmt: skip
COMMANDS: tuple[CommandName, ...] = get_args(CommandName)
FootageTime = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
UserName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PRINTABLE)]
"""In any script; the aggregator's rules for names are narrower."""
Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=200, pattern=PRINTABLE)]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """Do this now.

    Attributes:
        id: UUIDv7; the reply's topic ends in it.
        name: What to do.
        target: The gate, the door, or the camera.
        by: Who gave it: a user of the aggregator.
        reason: In their words.
        time_ns: When it was given, UTC nanoseconds.
        from_ns: Begin of the footage that is requested; 0 where none is.
        to_ns: Its end.
        until_ns: When a hold ends.
        approved_by: Who agreed to it, where that takes two.
        case: The case that it is done under.
        job: The job whose result is uploaded, UUIDv7.
        ticket: Lets it in, sealed for the site (`protocol.signing.upload_tokens`).
        hold: The hold that is to be ended, UUIDv7: the id of the command that placed it.
    """

    id: str
    name: CommandName
    target: Name
    by: UserName
    reason: Reason
    time_ns: int
    from_ns: FootageTime = 0
    to_ns: FootageTime = 0
    until_ns: FootageTime = 0
    approved_by: str = ""
    case: str = ""
    job: str = ""
    ticket: str = ""
    hold: str = ""


class Span(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of footage, of a gap or of a hold; `about` is the gap's cause or the hold's case."""

    from_ns: int
    to_ns: int
    about: str = ""


class RecordedRanges(msgspec.Struct, frozen=True, kw_only=True):
    """What a box has of a camera in a range."""

    spans: tuple[Span, ...] = ()
    gaps: tuple[Span, ...] = ()
    holds: tuple[Span, ...] = ()


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of a command; `problem` is the reason of a refusal.

    Attributes:
        code: The same reason as a code of `protocol.problems`, for programs and translations; empty: it has none.
        kept: To `footage-spans`.
        picture: To `footage-still` and `still`: a JPEG, redacted by the box.
        picture_ns: To `still`: when it was taken, UTC nanoseconds.
    """

    id: str
    done: bool
    problem: str = ""
    code: Code = ""
    kept: RecordedRanges | None = None
    picture: bytes | None = None
    picture_ns: FootageTime = 0


_COMMAND = JsonDecoder(Command, "command")
_REPLY = JsonDecoder(Reply, "reply")


def pack(command: Command, topics: BoxTopics, signing: Ed25519PrivateKey) -> bytes:
    """The signed message for `topics.command(command.name)`."""
    return signed_messages.sign(signing, topics.command(command.name), msgspec.json.encode(command))


def unpack(message: bytes, name: str, topics: BoxTopics, trusted: Ed25519PublicKey, now_ns: int) -> Command:
    """The command in a message.

    Args:
        message: As it came.
        name: The command that its topic names.
        topics: Of this box.
        trusted: The aggregator's key.
        now_ns: The wall clock.

    Raises:
        ContractError: Malformed, not signed for this box, or not of now.
    """
    command = _COMMAND.decode(signed_messages.verify(trusted, topics.command(name), message))
    if command.name != name or not is_uuid7(command.id):
        raise ContractError("command: not the one that its topic names, or its id is no UUIDv7")
    check_age(command, now_ns)
    return command


def check_age(command: Command, now_ns: int) -> None:
    """Hold a command against the clock; to be done when it arrives, and again before it is carried out.

    Raises:
        ContractError: It is not of now.
    """
    age_s = (now_ns - command.time_ns) / SECOND_NS
    if abs(age_s) > LIFE_S:
        raise ContractError(f"command: given {age_s:.0f} s ago by its own clock; at most {LIFE_S} are allowed")


def encode(reply: Reply) -> bytes:
    """The wire form."""
    return msgspec.json.encode(reply)


def decode_reply(message: bytes) -> Reply:
    """A box's reply.

    Raises:
        ContractError: Not a reply.
    """
    return _REPLY.decode(message)
