"""The page of faults and their tests is as `tools/ux_faults.py` writes it; each test that it names exists."""

from __future__ import annotations

from tools import ux_faults


def test_the_page_of_faults_is_up_to_date() -> None:
    assert ux_faults.PAGE.read_text("utf-8") == ux_faults.page(), "run `python tools/ux_faults.py`"


def test_each_of_the_29_faults_has_a_test() -> None:
    assert len(ux_faults.FAULTS) == 29
    assert ux_faults.missing() == []
