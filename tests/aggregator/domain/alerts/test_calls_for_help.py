"""An alert for which a person asked for help."""

from __future__ import annotations

import pytest
from agg_support import START_NS
from domain.alerts.test_alert_lifecycle import CONTEXT, made

from aggregator.domain.alerts.lifecycle import transition
from aggregator.domain.alerts.rules import CLOSINGS
from aggregator.domain.alerts.transition_table import STATES, State
from aggregator.domain.alerts.types import (
    Acknowledged,
    Closed,
    ClosingDue,
    ConditionEnded,
    Effect,
    EscalationRequested,
    Reopened,
)
from aggregator.settings.alerts import Closing


@pytest.mark.parametrize("closing", CLOSINGS)
@pytest.mark.parametrize("state", [it for it in STATES if it[2] == "open"], ids=str)
def test_an_alert_with_a_call_for_help_closes_by_a_person_only(closing: Closing, state: State) -> None:
    """It closed as soon as the helper had acknowledged it, where the condition had ended."""
    alert, effects = transition(made(closing, state), EscalationRequested("n"), CONTEXT)
    assert effects == (Effect.ESCALATION_REQUESTED,)
    assert alert is not None
    assert (alert.acknowledgement, alert.assignee, alert.note) == ("unacknowledged", "", "n")
    assert alert.due_ns is None or state[0] == "active"
    for change in (ConditionEnded("x.y", START_NS + 1), Acknowledged(), ClosingDue(), ConditionEnded("", START_NS + 2)):
        alert, _ = transition(alert, change, CONTEXT)
        assert alert is not None
        assert alert.status == "open"
    closed, _ = transition(alert, Closed("real"), CONTEXT)
    assert closed is not None
    reopened, _ = transition(closed, Reopened(), CONTEXT)
    assert (closed.status, reopened is not None and reopened.help_ns) == ("closed", 0)
