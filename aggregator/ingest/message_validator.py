"""Judges messages: an event, a status, or something to quarantine. Pure.

A quarantined message settles its sequence number where it names one and comes from the box that it names: its bytes
are kept, and sending it again would not help.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Annotated

import msgspec

from aggregator.domain.read_models import KEPT_BYTES, Quarantined
from aggregator.messaging.outbound_queue import ReplyReceived
from common import logging_setup
from common.clock import SECOND_NS
from common.decoding import JsonDecoder
from common.errors import ContractError
from protocol import envelope, receipts
from protocol.commands import Reply, decode_reply
from protocol.envelope import Event
from protocol.event_types import OutboxLost
from protocol.receipts import BoxStatus
from protocol.topics import box_of

_log = logging_setup.get("intake")
MOST_LOST = 10_000_000
"""Numbers that one `outbox.lost` can report: more events than an outbox holds."""
FUTURE_LIMIT_S = 600
"""A box whose clock is further ahead than this is not accepted."""


class SequenceClaim(msgspec.Struct, frozen=True):
    """Outbox and sequence number in a rejected message."""

    source: str
    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    epoch: Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[0-9a-f]*$(?!\n)")] = ""


@dataclass(frozen=True)
class StatusReceived:
    """A box's status."""

    site: str
    box: str
    status: BoxStatus


@dataclass(frozen=True)
class InvalidMessage:
    """A message that breaks the contract, and the sequence number that it settles, if it can be read."""

    reason: str
    site: str = ""
    box: str = ""
    epoch: str = ""
    sequence: int = 0


Verdict = Event | StatusReceived | ReplyReceived | InvalidMessage
_CLAIM = JsonDecoder(SequenceClaim)


def validate(topic: str, payload: bytes, now_ns: int) -> Verdict:
    """What a message is.

    Args:
        topic: The topic that it came on.
        payload: Its bytes, whatever they are.
        now_ns: The wall clock, to recognise events from the future.
    """
    try:
        site, box, leaf = _address(topic)
        if leaf == "events":
            return _checked(envelope.decode(payload), site, box, now_ns)
        if leaf == "status":
            return StatusReceived(site, box, receipts.decode_status(payload))
        if leaf.startswith("replies/"):
            return _answered(site, box, decode_reply(payload), leaf)
        raise ContractError(f"topic '{topic[:120]}': no message is expected there")
    except ContractError as error:
        return rejected(topic, payload, str(error))
    except Exception as error:  # a mistake of ours costs this message, never the others
        _log.exception("message not judged")
        return rejected(topic, payload, f"{type(error).__name__}: {error}")


def quarantined(topic: str, payload: bytes, reason: str, now_ns: int) -> Quarantined:
    """The quarantine's entry for a message."""
    return Quarantined(
        digest=hashlib.sha256(topic.encode("utf-8", "replace") + b"\0" + payload).hexdigest(),
        topic=_plain(topic)[:400],
        reason=_plain(reason)[:400],
        payload=payload[:KEPT_BYTES],
        size=len(payload),
        first_ns=now_ns,
        last_ns=now_ns,
    )


def _plain(text: str) -> str:
    r"""Text that both databases take: without NUL and without halves of surrogate pairs.

    >>> _plain("a\0b")
    'a?b'
    """
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


@functools.lru_cache(maxsize=8192)
def _address(topic: str) -> tuple[str, str, str]:
    topics = box_of(topic)
    return topics.site, topics.box, topic[len(topics.base) + 1 :]


def _checked(event: Event, site: str, box: str, now_ns: int) -> Event:
    if (event.site, event.box) != (site, box):
        raise ContractError(f"$.source: '/{event.site}/{event.box}' does not belong to topic of '/{site}/{box}'")
    if event.time_ns > now_ns + FUTURE_LIMIT_S * SECOND_NS:
        ahead_s = (event.time_ns - now_ns) // SECOND_NS
        raise ContractError(f"$.time: {ahead_s} s in the future; at most {FUTURE_LIMIT_S}: set the box's clock")
    if event.time_ns < 0:
        raise ContractError("$.time: before 1970")
    if isinstance(event.data, OutboxLost):
        if sum(max(0, last - first + 1) for first, last in event.data.sequences) > MOST_LOST:
            raise ContractError(f"$.data.sequences: more than {MOST_LOST} numbers; no outbox holds so many events")
        for first, last in event.data.sequences:
            if not 1 <= first <= last < event.sequence:
                raise ContractError(
                    f"$.data.sequences: {first} to {last} is no range before the event's own {event.sequence}"
                )
    return event


def _answered(site: str, box: str, reply: Reply, leaf: str) -> ReplyReceived:
    if leaf != f"replies/{reply.id}":
        raise ContractError("$.id: is not the one in the topic")
    return ReplyReceived(site, box, reply)


def rejected(topic: str, payload: bytes, reason: str) -> InvalidMessage:
    """The verdict on a message that broke the contract, or that could not be stored; never raises."""
    try:
        site, box, leaf = _address(topic)
        claim = _CLAIM.decode(payload)
    except Exception:  # it was bad before
        return InvalidMessage(reason)
    if leaf != "events" or not claim.source.startswith(f"/{site}/{box}/"):
        return InvalidMessage(reason)
    return InvalidMessage(reason, site, box, claim.epoch, claim.sequence)
