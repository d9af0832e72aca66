"""Alerts, timers and entries of the queue for tests of escalation."""

from __future__ import annotations

from typing import Any

import msgspec
from agg_support import START_NS

from aggregator.domain.alerts.history import HistoryEntry
from aggregator.domain.alerts.types import Alert
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.escalation.notification import Notification, Target
from aggregator.domain.escalation.records import StepEffect, TakenStep, Timer
from aggregator.domain.store_port import Writer
from common.clock import SECOND_NS

MINUTE_NS = 60 * SECOND_NS
ENTRY = AuditEntry(time_ns=START_NS, who="li", what="notification.target")


def number_id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012d}"


def alert(number: int, acknowledged: bool = False, **fields: Any) -> Alert:
    base = Alert(
        id=number_id(number), fingerprint=f"f{number}", site="village", box="gate-1", place="cam-1",
        kind="door.forced", subject="hall", object="", severity="critical",
        acknowledgement="acknowledged" if acknowledged else "unacknowledged", count=1, first_ns=START_NS,
        last_ns=START_NS, opened_ns=START_NS + number,
    )  # fmt: skip
    return msgspec.structs.replace(base, **fields)


def timer(number: int) -> Timer:
    return Timer(
        alert=number_id(number), id=f"t{number}", site="village", place="cam-1", started_ns=START_NS, due_ns=START_NS
    )


def notification(number: int, **fields: Any) -> Notification:
    base = Notification(
        id=number_id(number), effect=f"t{number}/0/t", recipient="li", target="t", channel="json", made_ns=START_NS,
        next_ns=START_NS, expires_ns=START_NS + 60 * MINUTE_NS, alert=number_id(number), site="village", place="cam-1",
    )  # fmt: skip
    return msgspec.structs.replace(base, **fields)


def step_of(before: Timer, *entries: Notification, wait_ns: int = 5 * MINUTE_NS) -> StepEffect:
    """The next step of a timer."""
    after = msgspec.structs.replace(before, step=before.step + 1, due_ns=before.due_ns + wait_ns)
    taken = TakenStep(
        timer=before.id, step=before.step, alert=before.alert, due_ns=before.due_ns, time_ns=before.due_ns, level="",
        detail="{}",
    )  # fmt: skip
    history = HistoryEntry(
        id=f"h-{before.id}-{before.step}", alert=before.alert, time_ns=before.due_ns, actor="system:escalation",
        via="system", action="escalated",
    )  # fmt: skip
    return StepEffect(before, after, taken, entries, history)


def target(number: int, session: str = "", user: str = "li", **fields: Any) -> Target:
    base = Target(
        id=number_id(number), user=user, channel="webpush" if session else "json", label="", language="en",
        session=session, sealed=b"sealed", digest=f"d{number}".encode(), made_ns=START_NS,
    )  # fmt: skip
    return msgspec.structs.replace(base, **fields)


def timer_of(writer: Writer, alert_id: str) -> object:
    """The timer of an alert, whatever its state; None: there is none."""
    db: Any = writer
    with db._db.connection() as connection:
        return connection.exec_driver_sql(
            f"SELECT id FROM timers WHERE alert = '{alert_id}'"
        ).scalar()  # fmt: skip
