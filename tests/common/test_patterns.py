"""In Python `$` also matches before a final line feed, so that `both\\n` passes for `both`."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from aggregator.auth.accounts.user_names import check_user
from aggregator.domain.accounts.authorization import parse
from aggregator.domain.investigation.case import Reference
from aggregator.domain.investigation.search_query import Spot
from common.errors import ContractError, LoginError, StaffError
from protocol.event_types import Name, Pseudonym
from protocol.identifiers import check_name, from_rfc3339, is_uuid7
from protocol.signing.checkpoints import Hex32

ROOT = Path(__file__).resolve().parents[2]
ANCHORED = re.compile(r"""\$(?:"|')\s*[,)]""")
ELSEWHERE = {
    "edge/recorder/startup_recovery.py", "aggregator/web/api_models/search.py", "aggregator/web/api_models/audit.py",
    "aggregator/web/api_models/monitoring/statistics.py", "aggregator/web/api_models/monitoring/quiet.py",
    "aggregator/web/api_models/monitoring/shift.py", "aggregator/web/api/monitoring/notifications.py",
    "aggregator/web/api_models/monitoring/floor_plans.py", "aggregator/web/api_models/feeds/webhooks.py",
}  # fmt: skip
"""Matches paths in the recorder's own folder; pydantic's patterns, whose `$` is the end of the text alone."""


def test_no_pattern_ends_in_a_dollar_sign() -> None:
    found = {
        str(path.relative_to(ROOT))
        for package in ("aggregator", "common", "edge", "events", "models", "pipelines")
        for path in (ROOT / package).rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if ("re.compile(" in line or "re.match(" in line or "pattern=" in line) and ANCHORED.search(line)
    }
    assert found <= ELSEWHERE, "use fullmatch without $, or $(?!\\n) in a pattern that stands in a schema"


@pytest.mark.parametrize(
    ("kind", "good"),
    [(Name, "both"), (Pseudonym, "0" * 16), (Spot, "village/cam-1"), (Reference, "A-117"), (Hex32, "0" * 64)],
)
def test_a_final_line_feed_passes_no_pattern(kind: object, good: str) -> None:
    assert msgspec.convert(good, kind) == good
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(f"{good}\n", kind)


def test_a_final_line_feed_passes_no_check() -> None:
    with pytest.raises(ContractError):
        check_name("both\n", "name")
    with pytest.raises(LoginError):
        check_user("both\n")
    with pytest.raises((ContractError, StaffError)):
        parse("monitor@village\n")
    with pytest.raises(ContractError):
        from_rfc3339("2026-11-27T06:00:00Z\n")
    assert not is_uuid7("018f0000-0000-7000-8000-000000000001\n")
