"""DESIGN section 1, guarantee 5: whatever goes wrong means no picture, never a clear one."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from common.errors import ModelError, OutboxError, RedactionError
from edge.messaging.event_reporter import MAX_UNSAVED, QUEUE_SIZE, EventReporter
from edge.redaction.snapshots import SnapshotRedactor, Subject
from edge.video.report import Report
from pipelines.findings import DeferredFindings, Finding
from pipelines.tracking.track import Track
from pipelines.types import Box, Detections, Picture
from protocol.envelope import MAX_PICTURE_BYTES, UnsequencedEvent
from protocol.event_types import ZoneEntered


class Fixed:
    """A detector that always finds the same boxes."""

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self._boxes = boxes
        self.calls = 0

    def detect(self, picture: Picture) -> Detections:
        del picture
        self.calls += 1
        n = len(self._boxes)
        return Detections(
            np.array(self._boxes, np.float32).reshape(n, 4), np.ones(n, np.float32), np.zeros(n, np.int64)
        )


class Broken:
    """A detector that cannot run."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def detect(self, picture: Picture) -> Detections:
        raise self._error


def checkers(height: int = 360, width: int = 640) -> Picture:
    y, x = np.mgrid[:height, :width]
    return np.repeat(((x // 4 + y // 4) % 2 * 255).astype(np.uint8)[:, :, None], 3, axis=2)


def redactor(faces: object, plates: object) -> SnapshotRedactor:
    return SnapshotRedactor(faces, plates, np.random.default_rng(1))  # type: ignore[arg-type]


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture, np.uint8)


def detail(picture: Picture, box: Box) -> float:
    part = picture[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2), 0]
    return float(np.abs(np.diff(part.astype(int), axis=1)).mean())


FACE, PLATE, ELSEWHERE = Box(100, 80, 160, 160), Box(300, 250, 380, 280), Box(450, 40, 550, 140)


def test_faces_and_plates_are_gone_and_the_rest_is_there() -> None:
    shown = decoded(redactor(Fixed(FACE), Fixed(PLATE)).snapshots(checkers(), [None], [])[0])
    clear = detail(shown, ELSEWHERE)
    assert clear > 30
    assert detail(shown, FACE) < clear / 4
    assert detail(shown, PLATE) < clear / 4


def test_a_head_is_covered_even_when_no_face_is_found() -> None:
    person = Box(200, 100, 260, 300)
    shown = decoded(redactor(Fixed(), Fixed()).snapshots(checkers(), [Subject(person, person=True)], [])[0])
    assert detail(shown, Box(206, 104, 254, 150)) < detail(shown, ELSEWHERE) / 4
    others = decoded(redactor(Fixed(), Fixed()).snapshots(checkers(), [None], [person])[0])
    assert detail(others, Box(206, 104, 254, 150)) < detail(others, ELSEWHERE) / 4


def test_the_given_picture_is_not_changed() -> None:
    picture = checkers()
    redactor(Fixed(FACE), Fixed(PLATE)).snapshots(picture, [Subject(PLATE, person=False)], [])
    assert (picture == checkers()).all()


@pytest.mark.parametrize("error", [ModelError("x"), cv2.error("x"), ValueError("x"), MemoryError()])
@pytest.mark.parametrize("which", ["faces", "plates"])
def test_a_redactor_that_fails_means_no_picture(error: Exception, which: str) -> None:
    parts = {"faces": Fixed(), "plates": Fixed()} | {which: Broken(error)}
    made = redactor(parts["faces"], parts["plates"])
    with pytest.raises(RedactionError):
        made.snapshots(checkers(), [None], [])
    assert (made.failures, made.pictures) == (1, 0)


@pytest.mark.parametrize("size", [(1080, 1920), (2160, 3840), (8, 8)])
def test_a_picture_fits_into_a_message(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    jpeg = redactor(Fixed(), Fixed()).snapshots(noise, [None], [])[0]
    assert len(jpeg) <= MAX_PICTURE_BYTES
    assert decoded(jpeg).shape[1] <= 640


def finding(track: Track | None = None) -> Finding:
    data = ZoneEntered(zone="z", object="person", track=1, bbox=(1, 2, 3, 4), confidence=1.0)
    return Finding(data, track or Track.of_object(1, Box(10, 10, 40, 90), (0.9, 0), 0), ("person",), 5)


class Noting:
    """In place of a redactor: notes what it is asked to outline."""

    def __init__(self, asked: list[Subject | None]) -> None:
        self.asked = asked

    def snapshots(self, picture: Picture, subjects: Sequence[Subject | None], *_boxes: object) -> list[bytes]:
        self.asked.extend(subjects)
        return [b""] * len(subjects)


def test_an_event_carries_its_redacted_picture() -> None:
    sent: list[UnsequencedEvent] = []
    reporter = EventReporter(sent.extend, redactor(Fixed(FACE), Fixed()))
    reporter.start()
    reporter.report(Report("cam", [finding()], checkers(), ()))
    reporter.stop()
    assert [draft.time_ns for draft in sent] == [5]
    assert sent[0].picture is not None
    assert detail(decoded(sent[0].picture), FACE) < 20


def test_the_outline_is_where_the_thing_was_in_the_picture() -> None:
    """The track has moved on, and is unseen, by the time the reporter's thread takes the picture."""
    asked: list[Subject | None] = []
    there = Box(10, 10, 40, 90)
    track = Track.of_object(1, there, (0.9, 0), 0)
    (certain,) = DeferredFindings().release([finding(track)], [track])
    reporter = EventReporter(lambda _drafts: None, Noting(asked))  # type: ignore[arg-type]
    reporter.report(Report("cam", [certain], checkers(), ()))
    track.add_detection(Box(200, 10, 230, 90), 0.9, 0, 200_000_000)
    track.predict(0.2)
    reporter.start()
    reporter.stop()
    assert asked == [Subject(there, person=True)]


def test_an_event_goes_without_picture_when_the_redactor_fails() -> None:
    sent: list[UnsequencedEvent] = []
    reporter = EventReporter(sent.extend, redactor(Broken(ModelError("x")), Fixed()))
    reporter.start()
    reporter.report(Report("cam", [finding()], checkers(), ()))
    reporter.stop()
    assert [draft.picture for draft in sent] == [None]
    assert reporter.without_picture == 1


def test_no_event_is_dropped_when_pictures_pile_up() -> None:
    sent: list[UnsequencedEvent] = []
    reporter = EventReporter(sent.extend, redactor(Fixed(), Fixed()))
    for _ in range(QUEUE_SIZE + 10):
        reporter.report(Report("cam", [finding()], checkers(), ()))
    assert reporter.without_picture == 10
    reporter.start()
    reporter.stop()
    assert len(sent) == QUEUE_SIZE + 10
    assert sum(draft.picture is None for draft in sent) == 10


def test_what_the_disk_does_not_take_is_kept_and_tried_again() -> None:
    sent: list[UnsequencedEvent] = []
    full = [True]

    def put(drafts: list[UnsequencedEvent]) -> None:
        if full[0]:
            raise OutboxError("disk full")
        sent.extend(drafts)

    reporter = EventReporter(put, redactor(Fixed(), Fixed()))
    first, second = UnsequencedEvent("a", finding().data, 1), UnsequencedEvent("a", finding().data, 2)
    reporter.send([first])
    reporter.retry()
    assert (sent, reporter.unsaved) == ([], [first])
    full[0] = False
    reporter.send([second])
    assert (sent, reporter.unsaved, reporter.discarded) == ([first, second], [], 0)
    full[0] = True
    reporter.send([first] * (MAX_UNSAVED + 7))
    assert (len(reporter.unsaved), reporter.discarded) == (MAX_UNSAVED, 7)


def test_threads_wait_for_one_commit_together() -> None:
    both = threading.Barrier(2, timeout=20)
    sent: list[UnsequencedEvent] = []

    def put(drafts: list[UnsequencedEvent]) -> None:
        both.wait()  # as a group commit: it ends for both at once
        sent.extend(drafts)

    reporter = EventReporter(put, redactor(Fixed(), Fixed()))
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(reporter.send, [UnsequencedEvent("a", finding().data, number)]) for number in (1, 2)]:
            done.result()
    assert sorted(draft.time_ns for draft in sent) == [1, 2]


def test_several_subjects_share_one_search() -> None:
    faces = Fixed(FACE)
    made = redactor(faces, Fixed())
    one, two = made.snapshots(checkers(), [None, Subject(ELSEWHERE, person=False)], [])
    assert detail(decoded(one), FACE) < 20
    assert detail(decoded(two), FACE) < 20
    assert (made.pictures, faces.calls) == (2, 1)


class Meeting:
    """A detector in which two threads meet, if they can be in it at once; tells how many were there at most."""

    def __init__(self) -> None:
        self._lock, self._inside, self.most = threading.Lock(), 0, 0
        self._first_is_in, self.second_asks = threading.Event(), threading.Event()

    def detect(self, picture: Picture) -> Detections:
        """Finds nothing; stays until the other thread asks and has had a chance to come in."""
        del picture
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        self._first_is_in.set()
        self.second_asks.wait(20)
        for _ in range(10_000):
            os.sched_yield()
        with self._lock:
            self._inside -= 1
        return Detections.none()

    def wait_for_first(self) -> None:
        """Until a thread is in."""
        assert self._first_is_in.wait(20)


def test_snapshots_of_several_threads_are_made_one_at_a_time() -> None:
    faces = Meeting()
    made = redactor(faces, Fixed())
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(made.snapshots, checkers(), [None], [])
        faces.wait_for_first()
        second = pool.submit(made.snapshots, checkers(), [None], [])
        faces.second_asks.set()
        assert len(first.result(20)) == len(second.result(20)) == 1
    assert faces.most == 1
    assert made.pictures == 2


def test_a_snapshot_that_fails_does_not_hold_up_the_next() -> None:
    made = redactor(Broken(ModelError("x")), Fixed())
    for _ in range(2):
        with pytest.raises(RedactionError, match="no picture: x"):
            made.snapshots(checkers(), [None], [])
    assert made.failures == 2


def test_a_large_frame_is_covered_in_the_size_that_is_sent() -> None:
    shown = decoded(redactor(Fixed(), Fixed()).snapshots(checkers(1080, 1920), [None], [Box(600, 300, 780, 900)])[0])
    assert shown.shape == (360, 640, 3)
    assert detail(shown, Box(205, 104, 255, 150)) < 12
