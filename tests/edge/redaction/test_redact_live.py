"""A live view is covered frame by frame, or black; it is never late by more than its deadline."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import av
import numpy as np
import pytest
from redaction_kit import SIDE, Bright, Failing, Stuck, detail, place, scene

from common.errors import ModelError
from edge.redaction.live_redactor import PLATES_EVERY, LiveRedactor
from edge.redaction.mask_renderer import RedactedFrame
from edge.redaction.worker_pool import WorkerPool
from pipelines.types import Box, Detector

OPEN = 12.0


def frame_of(number: int, form: str = "yuv420p") -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(scene(number), format="bgr24").reformat(format=form)


def live(faces: Detector, plates: Detector | None = None, deadline_s: float = 20.0) -> LiveRedactor:
    return LiveRedactor(faces, plates, np.random.default_rng(1), 12, deadline_s)


def cover(
    view: LiveRedactor, frame: av.VideoFrame, people: Sequence[Box] = (), plates: Sequence[Box] = ()
) -> RedactedFrame:
    """What leaves at once."""
    leaving = view.take(frame, 5, people, plates)
    assert leaving is not None
    assert leaving.time_ns == 5
    return leaving.covered


def is_open(covered: RedactedFrame, number: int) -> bool:
    return detail(np.asarray(covered.frame.to_ndarray(format="gray"), np.uint8), place(number)) > OPEN


def test_each_frame_is_covered_from_the_first_on() -> None:
    view = live(Bright())
    shown = [cover(view, frame_of(number)) for number in range(20)]
    view.close()
    assert not any(is_open(it, number) for number, it in enumerate(shown))
    assert (view.counts.frames, view.counts.black, view.counts.looks) == (20, 0, 20)
    assert not any(it.black for it in shown)


def test_a_box_stays_while_the_detector_misses() -> None:
    view = live(Bright(lambda call: call % 5 == 0))
    shown = [cover(view, frame_of(number)) for number in range(20)]
    view.close()
    assert not any(is_open(it, number) for number, it in enumerate(shown))


@pytest.mark.parametrize("lead", [0, 9])
def test_what_is_not_live_is_covered_before_it_was_found(lead: int) -> None:
    """The control: without a lead, the frames before the first that is found are open."""
    view = LiveRedactor(Bright(lambda call: call > 6), None, np.random.default_rng(1), 12, 20.0, lead=lead)
    taken = [view.take(frame_of(number), number) for number in range(20)]
    assert [it is None for it in taken] == [True] * lead + [False] * (20 - lead)
    left = [*(it for it in taken if it is not None), *view.rest()]
    view.close()
    assert [it.time_ns for it in left] == list(range(20))
    assert any(is_open(it.covered, it.time_ns) for it in left) == (lead == 0)
    assert (view.counts.frames, view.counts.black) == (20, 0)


def test_plates_are_searched_now_and_then_and_stay() -> None:
    plates = Bright()
    view = live(Bright(lambda _call: False), plates)
    shown = [cover(view, frame_of(number)) for number in range(20)]
    view.close()
    assert plates.calls == 20 // PLATES_EVERY
    assert not any(is_open(it, number) for number, it in enumerate(shown))


def test_what_the_box_knows_of_is_covered_too() -> None:
    view = live(Bright(lambda _call: False))
    box = place(0)
    person = Box(box.x1 - 10, box.y1, box.x2 + 10, box.y1 + 4 * SIDE)
    heads, plate = cover(view, frame_of(0), [person]), cover(view, frame_of(0), (), [box])
    view.close()
    assert not is_open(heads, 0)
    assert not is_open(plate, 0)


@pytest.mark.parametrize("error", [ModelError("x"), RuntimeError("x"), ValueError("x")])
def test_a_detector_that_raises_means_a_black_frame(error: Exception) -> None:
    view = live(Failing(lambda call: call in (3, 4), error))
    shown = [cover(view, frame_of(number)).black for number in range(8)]
    view.close()
    assert [number for number, black in enumerate(shown) if black] == [3, 4]
    assert (view.counts.failed_looks, view.counts.black) == (2, 2)


def test_a_search_that_is_late_means_black_frames_until_it_is_done_and_nobody_waits_again() -> None:
    stuck = Stuck(lambda call: call == 2)
    view = live(stuck, deadline_s=0.5)
    shown = [cover(view, frame_of(number)).black for number in range(6)]
    assert shown == [False, False, True, True, True, True]
    assert (view.counts.timed_out, view.counts.looks) == (1, 3)
    stuck.go.set()
    late = view._overdue
    assert late is not None
    late.value(20)
    assert not cover(view, frame_of(6)).black
    view.close()


def test_an_unknown_pixel_format_is_black() -> None:
    view = live(Bright())
    shown = cover(view, frame_of(0, "yuv410p"))
    view.close()
    assert shown.black
    assert shown.frame.to_ndarray(format="gray").max() < 30
    assert view.counts.unknown_pixels == 1


def test_a_crew_s_errors_and_answers_come_back_and_its_threads_end() -> None:
    crew: WorkerPool[int] = WorkerPool(2)
    assert crew.submit(lambda: 7).value(20) == 7
    with pytest.raises(ZeroDivisionError):
        crew.submit(lambda: 1 // 0).value(20)
    crew.close()
    for thread in [it for it in threading.enumerate() if it.name == "blur"]:
        thread.join(20)
    assert not any(it.name == "blur" for it in threading.enumerate())
