"""Tickets in addresses: until when, for what, and what ends them."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from agg_support import START_NS
from domain.feeds.test_consumer import consumer

from aggregator.domain.feeds.consumer import Consumer
from aggregator.services.video_out.stream_tickets import LIFE_S, StreamTickets
from aggregator.storage.keyring import KeyRing
from common.clock import FakeClock

CAMERA = "village/gate-1/yard"
MADE = msgspec.structs.replace(consumer(), id="019c0000-0000-7000-8000-000000000001", token_hash="one")


class Store:
    """The consumer as it is now."""

    now: Consumer = MADE

    def consumer(self, consumer_id: str) -> Consumer | None:
        return self.now if consumer_id == MADE.id else None


@pytest.fixture
def tickets(tmp_path: Path) -> StreamTickets:
    return StreamTickets(KeyRing(tmp_path, secrets.token_bytes), cast(Any, Store()), FakeClock(now_ns=START_NS))


def test_a_ticket_opens_its_camera_for_a_minute(tickets: StreamTickets) -> None:
    ticket, clock = tickets.make(MADE, CAMERA), cast(FakeClock, tickets.clock)
    assert tickets.holder(ticket, CAMERA) is MADE
    assert tickets.holder(ticket, "village/gate-1/hall") is None
    clock.advance(LIFE_S)
    assert tickets.holder(ticket, CAMERA) is MADE
    clock.advance(1)
    assert tickets.holder(ticket, CAMERA) is None
    clock.advance(-2 * LIFE_S - 1)
    assert tickets.holder(ticket, CAMERA) is None, "nobody has made it at that time"


def test_its_expiry_and_its_consumer_cannot_be_changed(tickets: StreamTickets) -> None:
    consumer_id, expiry, mac = tickets.make(MADE, CAMERA).split(".")
    for text in (
        f"{consumer_id}.{int(expiry) - 1}.{mac}",
        f"{consumer_id}.{expiry}.",
        f"{consumer_id}.-1.{mac}",
        "",
        ".",
    ):
        assert tickets.holder(text, CAMERA) is None


@pytest.mark.parametrize("change", [{"token_hash": "other"}, {"token_hash": None}, {"certificate": "ab" * 32}])
def test_it_ends_with_the_token_and_the_certificate(tickets: StreamTickets, change: dict[str, Any]) -> None:
    ticket = tickets.make(MADE, CAMERA)
    cast(Any, tickets.reader).now = msgspec.structs.replace(MADE, **change)
    assert tickets.holder(ticket, CAMERA) is None
