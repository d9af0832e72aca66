from __future__ import annotations

from typing import Any

import pytest
from quiet_kit import HOUR_NS, MINUTE_NS, NOW_NS, FakeAlert, shelf

from aggregator.domain.alerts.types import Severity
from aggregator.domain.quiet.shelving import ShelfIndex, Source, after_end, check, covers, unshelve
from common.errors import QuietError

SOURCE = Source(site="village", box="", place="cam-1")


@pytest.mark.parametrize(
    ("changed", "supervisor", "severity", "problem"),
    [
        ({"until_ns": NOW_NS + 24 * HOUR_NS + 1}, True, "low", "minutes: 1 to 1440"),
        ({"until_ns": NOW_NS + MINUTE_NS - 1}, True, "low", "minutes: 1 to 1440"),
        ({"until_ns": NOW_NS}, True, "low", "minutes: 1 to 1440"),
        ({"mode": "for ever"}, True, "low", "mode: choose one of timed, one_shot"),
        ({"reason": ""}, False, "low", "reason: write 3 to 200"),
        ({}, False, "critical", "severity: a critical alert is shelved by a supervisor only"),
        ({"alert": "", "source": Source(site="village", box="", place="")}, True, None, "place: name the camera"),
    ],
)
def test_a_shelf_that_cannot_be_is_refused_with_the_field_and_the_fix(
    changed: Any, supervisor: bool, severity: Severity | None, problem: str
) -> None:
    with pytest.raises(QuietError) as error:
        check(shelf(**changed), supervisor=supervisor, severity=severity)
    assert str(error.value).startswith(problem)


def test_only_a_supervisor_shelves_what_is_critical() -> None:
    assert check(shelf(critical=True), supervisor=True, severity="critical").critical
    assert not check(shelf(critical=True), supervisor=False, severity="high").critical
    assert check(shelf(until_ns=NOW_NS + 24 * HOUR_NS), supervisor=False, severity="high")


@pytest.mark.parametrize(
    ("changed", "alert", "minutes", "covered"),
    [
        ({}, FakeAlert(), 0, True),
        ({}, FakeAlert(), 60, False),
        ({}, FakeAlert(id="another"), 0, False),
        ({}, FakeAlert(severity="critical"), 0, False),
        ({"critical": True}, FakeAlert(severity="critical"), 0, True),
        ({"alert": "", "source": SOURCE}, FakeAlert(id="any"), 0, True),
        ({"alert": "", "source": SOURCE}, FakeAlert(place="cam-2"), 0, False),
        ({"alert": "", "source": SOURCE}, FakeAlert(site="estate"), 0, False),
        ({"alert": "", "source": SOURCE}, FakeAlert(severity="critical"), 0, False),
        ({"alert": "", "source": Source(site="village", box="box-2", place="cam-1")}, FakeAlert(), 0, False),
        (
            {"alert": "", "source": Source(site="village", box="", place="cam-1", kind="camera.lost")},
            FakeAlert(),
            0,
            False,
        ),
        (
            {"alert": "", "source": Source(site="village", box="", place="cam-1", kind="zone.entered")},
            FakeAlert(),
            0,
            True,
        ),
    ],
)
def test_what_a_shelf_covers(changed: Any, alert: FakeAlert, minutes: int, covered: bool) -> None:
    it, now_ns = shelf(**changed), NOW_NS + minutes * MINUTE_NS
    assert covers(it, alert, now_ns) is covered
    assert (ShelfIndex([it]).find(alert, now_ns) == it) is covered


def test_one_shot_ends_with_the_condition_and_timed_does_not() -> None:
    later_ns = NOW_NS + MINUTE_NS
    once = after_end(shelf(mode="one_shot"), later_ns)
    assert (once.until_ns, once.ended_by, once.active(later_ns)) == (later_ns, "system", False)
    assert after_end(shelf(), later_ns) == shelf()
    gone = shelf(mode="one_shot", until_ns=later_ns)
    assert after_end(gone, later_ns) == gone


def test_a_person_unshelves_once() -> None:
    ended = unshelve(shelf(), "wang", NOW_NS + MINUTE_NS)
    assert not covers(ended, FakeAlert(), NOW_NS + MINUTE_NS)
    with pytest.raises(QuietError, match="not shelved any more"):
        unshelve(ended, "wang", NOW_NS + MINUTE_NS)


def test_of_several_shelves_the_one_that_ends_last_is_the_reason() -> None:
    longer = shelf(id="shelf-2", alert="", source=SOURCE, until_ns=NOW_NS + 2 * HOUR_NS)
    assert ShelfIndex([shelf(), longer]).find(FakeAlert(), NOW_NS) == longer
