from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quiet_kit import MINUTE_NS, NOW_NS, FakeAlert

from aggregator.domain.alerts.own_kinds import BOX_LOST, UPLINK_LOST
from aggregator.domain.alerts.rules import RULES
from aggregator.domain.alerts.types import SEVERITIES, Severity
from aggregator.domain.quiet.inhibition import (
    CAUSES,
    CONSEQUENCES,
    HOLD_S,
    LEAD_S,
    Cause,
    CauseKey,
    Inhibition,
    inhibited,
)
from common.clock import SECOND_NS

BOX = CauseKey(BOX_LOST, "village", "box-1", "box-1")
UPLINK = CauseKey(UPLINK_LOST, "village", "", "")
CAMERA = CauseKey("camera.lost", "village", "box-1", "cam-1")
HOLD_NS, LEAD_NS = round(HOLD_S * SECOND_NS), round(LEAD_S * SECOND_NS)
ENDED_NS = NOW_NS + 30 * MINUTE_NS


def asked(
    alert: FakeAlert, *causes: tuple[CauseKey, Cause], now_ns: int = NOW_NS, ended_ns: int | None = None
) -> Inhibition | None:
    return inhibited(alert, ended_ns, dict(causes).get, now_ns)


def lost(**changed: int) -> FakeAlert:
    return FakeAlert(kind="camera.lost", severity="high", **changed)  # type: ignore[arg-type]


def test_fifty_cameras_of_a_lost_box_are_one_alert() -> None:
    box = Cause("box-alert", NOW_NS)
    cameras = [FakeAlert(id=str(n), kind="camera.lost", place=f"cam-{n}", severity="high") for n in range(50)]
    assert {asked(camera, (BOX, box)) for camera in cameras} == {Inhibition("box-alert")}


def test_the_highest_cause_is_the_reason() -> None:
    causes = (BOX, Cause("box", NOW_NS)), (UPLINK, Cause("uplink", NOW_NS))
    assert asked(lost(), *causes) == Inhibition("uplink")
    assert asked(FakeAlert(kind=BOX_LOST, place="box-1", severity="high"), *causes) == Inhibition("uplink")


@pytest.mark.parametrize(
    ("kind", "cause", "inhibits"),
    [
        ("door.offline", BOX, True),
        ("camera.frozen", BOX, True),
        ("camera.frozen", CAMERA, True),
        ("footage.gap", CAMERA, True),
        ("zone.crowded", CAMERA, True),
        ("line.crossed", CAMERA, True),
        ("camera.covered", BOX, False),
        ("camera.moved", CAMERA, False),
        ("door.forced", BOX, False),
        ("door.held", BOX, False),
        ("vehicle.barred", CAMERA, False),
        ("zone.entered", BOX, False),
        ("disk.full", BOX, False),
    ],
)
def test_only_what_follows_from_the_cause_is_inhibited(kind: str, cause: CauseKey, inhibits: bool) -> None:
    assert (asked(FakeAlert(kind=kind), (cause, Cause("cause", NOW_NS))) is not None) is inhibits


def test_what_a_camera_saw_before_it_was_lost_stays() -> None:
    camera = CAMERA, Cause("camera", NOW_NS)
    assert asked(FakeAlert(first_ns=NOW_NS - 1, last_ns=NOW_NS + MINUTE_NS), camera) is None
    assert asked(FakeAlert(first_ns=NOW_NS), camera) == Inhibition("camera")


def test_an_older_trouble_is_not_a_consequence() -> None:
    box = BOX, Cause("box", NOW_NS)
    assert asked(lost(last_ns=NOW_NS - LEAD_NS), box) == Inhibition("box")
    assert asked(lost(last_ns=NOW_NS - LEAD_NS - 1), box) is None


def test_it_ends_with_the_cause_when_the_condition_is_still_active() -> None:
    box = BOX, Cause("box", NOW_NS, ENDED_NS)
    assert asked(lost(), box, now_ns=ENDED_NS) == Inhibition("box", ENDED_NS + HOLD_NS)
    assert asked(lost(), box, now_ns=ENDED_NS + HOLD_NS - 1) == Inhibition("box", ENDED_NS + HOLD_NS)
    assert asked(lost(), box, now_ns=ENDED_NS + HOLD_NS) is None


def test_what_came_and_went_with_its_cause_is_not_shown_afterwards() -> None:
    box, late_ns = (BOX, Cause("box", NOW_NS, ENDED_NS)), ENDED_NS + 60 * MINUTE_NS
    assert asked(lost(), box, now_ns=late_ns, ended_ns=ENDED_NS + 1) == Inhibition("box")
    assert asked(lost(), box, now_ns=late_ns, ended_ns=ENDED_NS + HOLD_NS + 1) is None
    assert asked(lost(last_ns=ENDED_NS + HOLD_NS + 1), box, now_ns=ENDED_NS) is None


def test_causes_stand_higher_in_the_topology_and_never_in_a_circle() -> None:
    def above(kind: str, seen: tuple[str, ...] = ()) -> set[str]:
        assert kind not in seen
        return {it for edge in CAUSES.get(kind, ()) for it in {edge.kind, *above(edge.kind, (*seen, kind))}}

    levels = ["site", "box", "device"]
    for kind, edges in CAUSES.items():
        assert kind not in above(kind)
        assert [edge.level for edge in edges] == sorted((edge.level for edge in edges), key=levels.index)
    assert set(CONSEQUENCES[UPLINK_LOST]) >= set(CONSEQUENCES[BOX_LOST])


@given(
    st.sampled_from(sorted({*RULES, *CAUSES})),
    st.sampled_from(SEVERITIES),
    st.integers(-(10**12), 10**12),
    st.none() | st.integers(0, 10**12),
    st.none() | st.integers(0, 10**12),
)
def test_nothing_critical_and_no_security_alert_is_ever_inhibited(
    kind: str, severity: Severity, began: int, ended: int | None, now: int | None
) -> None:
    alert = FakeAlert(kind=kind, severity=severity, first_ns=NOW_NS + began, last_ns=NOW_NS + began)
    cause = Cause("cause", NOW_NS, None if ended is None else NOW_NS + ended)
    found = inhibited(alert, None, lambda _: cause, NOW_NS + (now or 0))
    if severity == "critical" or kind.startswith(("vehicle.", "disk.")) or kind in ("door.forced", "door.duress"):
        assert found is None
    if found is not None and cause.ended_ns is not None:
        assert found.until_ns is not None
        assert found.until_ns > NOW_NS + (now or 0)
