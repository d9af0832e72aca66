"""Devices that do not work, as a hand-over has them."""

from __future__ import annotations

from typing import Any, cast

from agg_support import START_NS, run_apart
from escalation_kit import alert
from quiet_kit import UNIVERSE

from aggregator.domain.accounts.authorization import Principal, RoleAssignment
from aggregator.domain.read_models import Batch, StatusSeen
from aggregator.domain.store_port import Store, Writer
from aggregator.services.shift.handover_service import HandoverService
from common.clock import FakeClock
from protocol.receipts import BoxStatus

MONITOR = Principal("li", (RoleAssignment("monitor", "village"),))


def test_a_box_is_away_since_its_alert_says_so(store: Store, writer: Writer, clock: FakeClock) -> None:
    writer.apply(
        Batch(
            statuses=[StatusSeen("village", "gate-1", BoxStatus(online=False), START_NS + 900)],
            alerts={"a": alert(1, kind="box.lost", place="gate-1", severity="high", first_ns=START_NS + 5)},
        )
    )
    service = HandoverService(store.reader(), cast(Any, None), {}, clock, str, lambda: UNIVERSE)
    (box,) = run_apart(service.current(MONITOR, "village")).devices
    assert (box.device, box.box, box.since_ns) == ("box", "gate-1", START_NS + 5)
