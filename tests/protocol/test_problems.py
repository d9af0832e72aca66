"""Codes of what a box cannot do or see: one for every error, each with a sentence in every language."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from aggregator.web.dashboard.forms.box_text import box_text, door_text, erasure_text, gap_text
from aggregator.web.dashboard.forms.error_text import error_text
from aggregator.web.dashboard.i18n.texts import TEXTS
from common import errors
from common.errors import CommandError, DiskTrouble, FootageError, LoginRefused, PaifangError
from edge.access.doors import door_signals
from edge.recorder import gap_log
from edge.recorder.footage.transactional_outbox import Change
from protocol.commands import Reply, decode_reply, encode
from protocol.problems import (
    BY_CLASS,
    DOOR_REASONS,
    ERASURE_CAUSES,
    GAP_CAUSES,
    LIVE_BASE,
    PROBLEMS,
    close_code,
    code_from_close,
    code_of,
)
from protocol.receipts import CameraStatus

EDGE = Path(__file__).parents[2] / "edge"
HAN = re.compile(r"[\u4e00-\u9fff]")
KEYS = [
    *(f"box.{it}" for it in PROBLEMS),
    *(f"gap.{it}" for it in GAP_CAUSES.values()),
    *(f"erasure.{it}" for it in ERASURE_CAUSES.values()),
    *(f"door.reason.{it}" for it in DOOR_REASONS.values()),
    *(f"hold.change.{it}" for it in get_args(Change)),
]


def of_calls(text: str) -> set[str]:
    """The literal arguments `sentence` of all calls in a source."""
    calls = [it for it in ast.walk(ast.parse(text)) if isinstance(it, ast.Call)]
    given = [word.value for call in calls for word in call.keywords if word.arg == "sentence"]
    return {it.value for it in given if isinstance(it, ast.Constant) and isinstance(it.value, str)}


@pytest.mark.parametrize("key", KEYS)
def test_every_code_of_a_box_has_a_sentence_in_every_language(key: str) -> None:
    assert all(key in words for words in TEXTS.values())
    assert HAN.search(TEXTS["zh-CN"][key])
    assert not re.search(r"[A-Za-z]{3,}", TEXTS["zh-CN"][key])


def test_every_error_that_the_box_names_has_a_code() -> None:
    named = {code: path for path in EDGE.rglob("*.py") for code in of_calls(path.read_text(encoding="utf-8"))}
    assert len(named) > 15, "the box names some"
    assert {code: path for code, path in named.items() if code not in PROBLEMS} == {}
    kinds = [it for it in vars(errors).values() if isinstance(it, type) and issubclass(it, PaifangError)]
    found = {kind: next(BY_CLASS[it] for it in kind.__mro__ if it in BY_CLASS) for kind in kinds}
    assert set(found.values()) <= set(PROBLEMS)
    assert len(set(PROBLEMS)) == len(PROBLEMS)


def test_closed_words_of_the_box_are_all_in_the_tables() -> None:
    assert set(gap_log.CAUSES) | {gap_log.NOT_OVER} == set(GAP_CAUSES)
    assert set(door_signals.REASONS.values()) | {"other"} <= set(DOOR_REASONS)
    machine = (EDGE / "access" / "doors" / "door_state_machine.py").read_text(encoding="utf-8")
    assert set(re.findall(r'reason="([^"]+)"', machine)) <= set(DOOR_REASONS)
    worker = (EDGE / "recorder" / "retention" / "retention_worker.py").read_text(encoding="utf-8")
    assert set(re.findall(r'_log_erasure\(erased, "([^"]+)"', worker)) <= set(ERASURE_CAUSES)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LoginRefused("wrong password"), "source.login"),
        (FootageError("nothing", sentence="footage.none"), "footage.none"),
        (FootageError("no table of ours", sentence="error.of.aggregator"), "footage"),
        (DiskTrouble("full", "the disk is full"), "disk.full"),
        (PaifangError("x"), "failed"), (ZeroDivisionError("x"), "failed"), (None, "failed"),
    ],
)  # fmt: skip
def test_an_error_has_the_closest_code(error: Exception | None, code: str) -> None:
    assert code_of(error) == code


def test_close_codes_of_live_views_stay_in_the_private_range() -> None:
    assert [code_from_close(close_code(it)) for it in PROBLEMS] == list(PROBLEMS)
    assert {LIVE_BASE <= close_code(it) < 5000 for it in PROBLEMS} == {True}
    assert (close_code("unheard of"), code_from_close(4404), code_from_close(4999), code_from_close(0)) == (
        4404, "", "", "",
    )  # fmt: skip


def test_a_box_says_it_in_the_language_of_the_page_and_an_older_one_in_its_own_words() -> None:
    english, chinese = TEXTS["en"], TEXTS["zh-CN"]
    assert (english.language, chinese.language) == ("en", "zh-CN")
    text = "rtsp://10.0.0.7: wrong user or password"
    assert box_text(text, "source.login", chinese) == "摄像头用户名或密码错误。"
    assert box_text(text, "source.login", english) == text
    assert [box_text(text, code, chinese) for code in ("", "of.a.newer.box")] == [text, text]
    refused = CommandError("x", sentence="error.box_refused", problem="no footage", code="footage.none")
    assert error_text(refused, chinese) == "边缘盒拒绝执行：该时段没有录像。"
    assert error_text(refused, english) == "The box refused: no footage"
    older = CommandError("x", sentence="error.box_refused", problem="no footage", code="")
    assert error_text(older, chinese) == "边缘盒拒绝执行：no footage"
    assert [gap_text(it, chinese) for it in ("clock step", "fog")] == ["时钟跳变", "fog"]
    assert [erasure_text(it, chinese) for it in ("ceiling", "asked by li")] == ["达到最长保存期", "asked by li"]
    assert door_text("door.denied", "revoked:01a0", chinese) == "已挂失或注销"
    assert door_text("door.denied", "refused: wrong signature", english) == "refused: wrong signature"
    assert door_text("door.offline", "the controller's clock is off by 9 s", chinese) == chinese["box.door.lost"]
    assert door_text("door.offline", "the serial device was removed", english) == "the serial device was removed"


def test_boxes_and_aggregators_of_other_versions_understand_each_other() -> None:
    assert decode_reply(b'{"id":"x","done":false,"problem":"no"}').code == ""
    assert decode_reply(encode(Reply(id="x", done=False, problem="no", code="footage.none"))).code == "footage.none"
    assert b"code" not in encode(Reply(id="x", done=True))
    assert CameraStatus(id="cam").code == ""


def test_close_codes_keep_their_numbers() -> None:
    """Boxes and aggregators of other versions know them: a new code goes to the end of the list."""
    known = {
        "failed": 4500,
        "source.login": 4504,
        "footage.none": 4509,
        "door": 4521,
        "gate.relay": 4527,
        "jobs.full": 4530,
        "box.stopping": 4541,
        "keys": 4548,
    }
    assert {it: close_code(it) for it in known} == known
