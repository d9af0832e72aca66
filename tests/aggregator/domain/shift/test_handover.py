"""Hand-overs: the content is frozen, and two different people sign it."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from aggregator.domain.shift.handover import (
    MOST_NOTE,
    AlertLine,
    Content,
    Handover,
    checked_note,
    cut,
    digest_of,
    freeze,
    in_order,
    take,
)
from common.errors import HandoverError


def line(alert_id: str, severity: str, acknowledgement: str = "unacknowledged", first_ns: int = 1) -> AlertLine:
    return AlertLine(
        id=alert_id, site="village", box="b", place="cam", kind="zone.entered", subject="yard", object="person",
        severity=severity, acknowledgement=acknowledgement, assignee="", count=1, first_ns=first_ns, last_ns=9,
    )  # fmt: skip


def content(*alerts: AlertLine) -> Content:
    return Content(
        scope="village", since_ns=None, at_ns=10, counts={"high": 1}, alerts=alerts, hidden_count=0, hidden=(),
        devices=(), notes=(),
    )  # fmt: skip


def document(**changes: object) -> Handover:
    return msgspec.structs.replace(freeze(content(line("a", "high")), "h-1", "li"), **changes)


def test_the_order_is_severity_then_unacknowledged_then_age() -> None:
    wanted = [
        line("1", "critical", first_ns=5),
        line("2", "critical", "acknowledged", first_ns=1),
        line("3", "high", first_ns=1),
        line("4", "high", first_ns=2),
        line("5", "low", "assigned"),
    ]
    for shuffled in itertools.permutations(wanted):
        assert list(in_order(shuffled)) == wanted
    assert [it.id for it in cut(wanted[::-1], 2)] == ["1", "2"]


def test_the_content_is_frozen_with_its_hash() -> None:
    made = document()
    assert made.read() == content(line("a", "high"))
    assert made.digest == digest_of(made.content)
    changed = document(content=made.content.replace("person", "nobody"))
    with pytest.raises(HandoverError, match="not the one that was signed"):
        changed.read()
    with pytest.raises(HandoverError, match="not the one that was signed"):
        take(changed, "wu", made.digest, 20)


def test_another_person_signs_the_same_content() -> None:
    made = document()
    taken = take(made, "wu", made.digest, 20)
    assert (taken.state, taken.taken_by, taken.taken_ns, taken.content) == ("taken", "wu", 20, made.content)


@pytest.mark.parametrize(
    ("changes", "by", "digest", "why"),
    [
        ({}, "li", None, "another one"),
        ({}, "wu", "0" * 64, "digest"),
        ({"state": "taken", "taken_by": "chen"}, "wu", None, "chen"),
        ({"state": "replaced"}, "wu", None, "newer"),
    ],
)
def test_no_other_signature_counts(changes: dict[str, object], by: str, digest: str | None, why: str) -> None:
    made = document(**changes)
    with pytest.raises(HandoverError, match=why):
        take(made, by, digest or made.digest, 20)


@pytest.mark.parametrize("text", ["", "  ", "x" * (MOST_NOTE + 1), "a\x00b", "a\x1b[31m"])
def test_a_note_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(HandoverError, match=r"^text: "):
        checked_note(text)


def test_a_note_may_have_lines() -> None:
    assert checked_note(" 门禁已修。\n明天来人复查。 ") == "门禁已修。\n明天来人复查。"
