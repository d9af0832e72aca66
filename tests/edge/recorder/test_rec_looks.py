"""Questions about footage from afar: spans, gaps, holds, and stills that the box itself redacts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from rec_kit import START_NS, stream

from common.clock import SECOND_NS, FakeClock
from common.errors import FootageError, ModelError, RedactionError
from edge.recorder.box_events import BoxEvents
from edge.recorder.factory import FootageStore
from edge.recorder.footage.query_handler import FootageQueryHandler
from edge.recorder.retention.legal_holds import Hold
from edge.redaction.snapshots import SnapshotRedactor
from edge.settings.recorder import RecorderSettings
from pipelines.types import Detections, Picture
from protocol.commands import Command

JPEG = b"\xff\xd8"


class Finder:
    """Finds nothing, or fails."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.pictures: list[Picture] = []

    def detect(self, picture: Picture) -> Detections:
        if self.problem is not None:
            raise self.problem
        self.pictures.append(picture.copy())
        return Detections.none()

    def detect_at(self, picture: Picture, size: tuple[int, int]) -> Detections:
        assert size[0] % 32 == 0
        return self.detect(picture)


@pytest.fixture
def finder() -> Finder:
    return Finder()


@pytest.fixture
def looks(tmp_path: Path, finder: Finder) -> Iterator[FootageQueryHandler]:
    """A minute of footage, ten seconds of nothing, half a minute."""
    (tmp_path / "footage").mkdir()
    (tmp_path / "data").mkdir()
    clock = FakeClock(now_ns=START_NS)
    told = RecorderSettings(enabled=True)
    store = FootageStore(told, tmp_path, "data")
    writer, _ = store.create_workers(told, ["cam-1"], clock, BoxEvents("box", lambda _event: None))
    writer.start()
    for item in stream(clock, 60):
        writer.feed(item)
    clock.advance(10)
    for item in stream(clock, 30, session=2):
        writer.feed(item)
    writer.close()
    yield FootageQueryHandler(store, SnapshotRedactor(finder, finder, np.random.default_rng(1)), finder, clock)
    store.index.close()


def asked(name: str, from_s: float, to_s: float = 0, camera: str = "cam-1") -> Command:
    span = [START_NS + round(it * SECOND_NS) for it in (from_s, to_s)]
    return Command(
        id="01a0e4d9-5c00-7000-8000-000000000001", name="footage-still" if name == "still" else "footage-spans",
        target=camera, by="li", reason="case A-1", time_ns=START_NS, from_ns=span[0], to_ns=span[1],
    )  # fmt: skip


def test_a_range_shows_what_is_kept_missing_and_held(looks: FootageQueryHandler) -> None:
    hold = Hold(
        id="h", camera="cam-1", from_ns=START_NS, to_ns=START_NS + 5 * SECOND_NS, owner="li", reason="theft",
        case="A-1", made_ns=START_NS, end_ns=START_NS + 86_400 * SECOND_NS,
    )  # fmt: skip
    looks._store.holds.place(hold)
    kept = looks.spans(asked("spans", -10, 200)).kept
    assert kept is not None
    lengths = [round((span.to_ns - span.from_ns) / SECOND_NS) for span in kept.spans]
    assert lengths == [60, 30]
    assert [round((gap.to_ns - gap.from_ns) / SECOND_NS) for gap in kept.gaps] == [10]
    assert [span.about for span in kept.holds] == ["A-1"]


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (asked("spans", 10, 10), "at most two days"),
        (asked("spans", 0, 3 * 86_400), "at most two days"),
        (asked("spans", 0, 10, "other"), "never recorded; known: cam-1"),
        (asked("still", 64), "no footage"),
        (asked("still", 0, camera="other"), "never recorded"),
    ],
)
def test_what_is_not_there_is_said(looks: FootageQueryHandler, command: Command, problem: str) -> None:
    with pytest.raises(FootageError, match=problem):
        looks.still(command) if command.name == "footage-still" else looks.spans(command)


def test_a_still_is_redacted_and_of_its_moment(looks: FootageQueryHandler, finder: Finder) -> None:
    shown = []
    for second in (0.5, 1.5, 41.2, 75.0):
        reply = looks.still(asked("still", second))
        assert reply.picture is not None
        assert reply.picture.startswith(JPEG)
        shown.append(finder.pictures[-3])  # objects, faces, plates each saw it once
    assert np.abs(shown[0].astype(int) - shown[1].astype(int)).mean() > 0.5  # another second, another picture


def test_without_the_redactor_there_is_no_still(looks: FootageQueryHandler, finder: Finder) -> None:
    finder.problem = ModelError("broken")
    with pytest.raises((ModelError, RedactionError)):
        looks.still(asked("still", 1))
