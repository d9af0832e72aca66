from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quiet_kit import AREAS, DAY_NS, HOUR_NS, NOW_NS, SHELF_ID, FakeAlert, shelf, silence, window

from aggregator.domain.alerts.types import SEVERITIES, Severity
from aggregator.domain.quiet.inhibition import Cause, CauseKey
from aggregator.domain.quiet.maintenance import Window
from aggregator.domain.quiet.matching import Matcher
from aggregator.domain.quiet.shelving import Shelf
from aggregator.domain.quiet.silence import Silence
from aggregator.domain.quiet.suppression import Suppression, SuppressionKind, rules_of

LOST = FakeAlert(kind="camera.lost", severity="high")
BOX = Cause("box-alert", NOW_NS)


def suppression(
    alert: FakeAlert,
    *,
    shelves: list[Shelf] | None = None,
    silences: list[Silence] | None = None,
    windows: list[Window] | None = None,
    box: Cause | None = None,
    now_ns: int = NOW_NS,
) -> Suppression | None:
    rules = rules_of(shelves or [], silences or [], windows or [], AREAS, lambda _: ZoneInfo("Asia/Shanghai"))

    def find(key: CauseKey) -> Cause | None:
        return box if key.kind == "box.lost" else None

    return rules.suppression(alert, None, find, now_ns)


def test_each_reason_and_its_end() -> None:
    hour_ns = NOW_NS + HOUR_NS
    assert suppression(LOST) is None
    assert suppression(LOST, shelves=[shelf()]) == Suppression("shelved", SHELF_ID, hour_ns)
    assert suppression(LOST, silences=[silence()]) == Suppression("silenced", "silence-1", NOW_NS + DAY_NS)
    assert suppression(LOST, windows=[window()]) == Suppression("maintenance", "window-1", hour_ns)
    assert suppression(LOST, box=BOX) == Suppression("inhibited", "box-alert", None)


@pytest.mark.parametrize(
    ("count", "kind"), [(4, "shelved"), (3, "silenced"), (2, "maintenance"), (1, "inhibited"), (0, None)]
)
def test_the_next_reason_takes_over_where_one_ends(count: int, kind: SuppressionKind | None) -> None:
    found = suppression(
        LOST,
        shelves=[shelf()] if count > 3 else [],
        silences=[silence()] if count > 2 else [],
        windows=[window()] if count > 1 else [],
        box=BOX if count > 0 else None,
    )
    assert (found.kind if found else None) == kind


@given(st.sampled_from(SEVERITIES), st.booleans(), st.booleans(), st.booleans())
def test_a_critical_alert_is_quiet_only_where_a_supervisor_named_it(
    severity: Severity, shelved: bool, silenced: bool, maintained: bool
) -> None:
    """Each of the three says so by itself: a shelf and a window with `critical`, a silence by the severity."""
    forced = FakeAlert(kind="door.forced", severity=severity)
    match = Matcher(site=("village",), place=("cam-1",), severity=("critical",) if silenced else ())
    found = suppression(
        forced,
        shelves=[shelf(critical=shelved)],
        silences=[silence(match)],
        windows=[window(critical=maintained)],
        box=BOX,
    )
    if severity == "critical":
        assert (found is not None) == (shelved or silenced or maintained)
    else:
        assert found is not None
