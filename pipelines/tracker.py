"""Tracks of one camera, for one run: which thing in this look is which in the last.

After Y. Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022: confident
detections are matched first, doubtful ones then keep existing tracks alive and never start one. Only boxes are
compared, never pictures. A track's number means nothing outside its camera and run (DESIGN section 1).

Two things are added for cameras that hang high. The gate's blobs carry a track over looks in which the detector is
silent, and start tracks of their own: things that move and have no class yet. Weak detections that agree with such a
thing add up until its class is decided (the idea of track-before-detect: decide late, on all the evidence).

The detector looks only where something moved, so a track that was not looked at does not age: it stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lap
import numpy as np
from numpy.typing import NDArray

from common.clock import SECOND_NS
from pipelines.geometry import Boxes, iou_matrix, overlap
from pipelines.tracks import SAME_KIND, Track
from pipelines.types import Box, Detections

CONFIDENT = 0.45
"""A detection this sure may start a track."""
DOUBTFUL = 0.2
"""A detection this sure may carry a track on; below, it only speaks for the class of a thing without one."""
BUFFER = 0.35
"""Boxes are grown by this share before the first match."""
MATCH = 0.15
"""Least buffered IoU of a match with a confident detection."""
MATCH_DOUBTFUL = 0.3
MATCH_BLOB = 0.25
SPEAKS_FOR = 0.35
"""Least IoU of a weak detection with the thing whose class it speaks for."""
DOUBLE = 0.65
"""Two tracks whose boxes agree this much are one thing."""
FORGET_S = 1.5
"""A moving track that is looked for and not found lives this long."""
FORGET_STILL_S = 10.0
"""A still one where nothing moves lives longer: the detector blinks."""


@dataclass(frozen=True)
class Look:
    """What one look of the camera brought.

    Attributes:
        found: Detections in pixels of the whole picture.
        looked: Where the detector looked, pixels; tracks outside are not expected to be found.
        blobs: Moving things by the gate, pixels.
        moved: Regions that moved, pixels.
        time_ns: Of the frame.
    """

    found: Detections
    looked: Sequence[Box]
    time_ns: int
    blobs: Sequence[Box] = ()
    moved: Sequence[Box] = ()


class Tracker:
    """Tracks of one camera. `update` after every look."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._next_id = 1
        self._time_ns: int | None = None

    @property
    def tracks(self) -> tuple[Track, ...]:
        """All live tracks, confirmed or not."""
        return tuple(self._tracks)

    def update(self, look: Look) -> tuple[Track, ...]:
        """Match what was found with the tracks.

        Args:
            look: Must not be earlier than the last one.

        Returns:
            The confirmed tracks, with and without a class.
        """
        seconds = 0.0 if self._time_ns is None else max(0.0, (look.time_ns - self._time_ns) / SECOND_NS)
        self._time_ns = look.time_ns
        for track in self._tracks:
            track.predict(seconds)
        found, time_ns = look.found, look.time_ns
        sure = found.scores >= CONFIDENT
        likely = (found.scores >= DOUBTFUL) & ~sure
        left, unmatched = self._match(found.where(sure), self._tracks, BUFFER, MATCH, time_ns)
        left, _ = self._match(found.where(likely), left, 0.0, MATCH_DOUBTFUL, time_ns)
        left, loose = self._carry(left, list(look.blobs), time_ns)
        self._weigh(found)
        self._age(left, look)
        self._drop_doubles()
        for box, score, kind in unmatched:
            self._start(Track.of_object(self._next_id, box, score, kind, time_ns))
        for blob in loose:
            if not any(_inside(blob, track.box) for track in self._tracks):
                self._start(Track.of_blob(self._next_id, blob, time_ns))
        return tuple(track for track in self._tracks if track.confirmed)

    def _match(
        self, found: Detections, tracks: list[Track], buffer: float, least: float, time_ns: int
    ) -> tuple[list[Track], list[tuple[Box, float, int]]]:
        """Match, feed the matched tracks, and return what is left over of both."""
        boxes = [Box(*map(float, row)) for row in found.boxes]
        facts = list(zip(boxes, map(float, found.scores), map(int, found.classes), strict=True))
        if not tracks or not facts:
            return tracks, facts
        cost = 1 - iou_matrix(_stack([track.box for track in tracks]), found.boxes, buffer)
        ours = np.array([track.kind for track in tracks])
        theirs = SAME_KIND[found.classes]
        cost[(ours[:, None] != theirs[None, :]) & (ours[:, None] >= 0)] += 0.4
        rows = _assign(cost, 1 - least)
        for track, column in zip(tracks, rows, strict=True):
            if column >= 0:
                box, score, kind = facts[column]
                track.see(box, score, kind, time_ns)
        taken = set(rows)
        left = [track for track, column in zip(tracks, rows, strict=True) if column < 0]
        return left, [fact for i, fact in enumerate(facts) if i not in taken]

    def _carry(self, tracks: list[Track], blobs: list[Box], time_ns: int) -> tuple[list[Track], list[Box]]:
        """Carry tracks that the detector did not find with the gate's blobs; returns what is left over of both."""
        if not tracks or not blobs:
            return tracks, blobs
        ours, theirs = _stack([track.box for track in tracks]), _stack(blobs)
        cost = 1 - iou_matrix(ours, theirs, BUFFER)
        known = np.array([track.decided for track in tracks])
        cost[known[:, None] & ~_alike(ours, theirs)] = 2.0
        rows = _assign(cost, 1 - MATCH_BLOB)
        for track, column in zip(tracks, rows, strict=True):
            if column >= 0:
                track.carry(blobs[column], time_ns)
        taken = set(rows)
        left = [track for track, column in zip(tracks, rows, strict=True) if column < 0]
        return left, [blob for i, blob in enumerate(blobs) if i not in taken]

    def _weigh(self, found: Detections) -> None:
        """Let every detection that agrees with a thing without a class speak for it."""
        open_ = [track for track in self._tracks if not track.decided and track.updated]
        if not open_ or not len(found):
            return
        agree = iou_matrix(_stack([track.box for track in open_]), found.boxes) >= SPEAKS_FOR
        for track, row in zip(open_, agree, strict=True):
            track.hear(found.where(row))

    def _age(self, missed: list[Track], look: Look) -> None:
        gone = {track.id for track in missed if _is_gone(track, look)}
        self._tracks = [track for track in self._tracks if track.id not in gone]

    def _drop_doubles(self) -> None:
        """Of two tracks on one thing, keep the one that more speaks for."""
        if len(self._tracks) < 2:
            return
        boxes = _stack([track.box for track in self._tracks])
        same = iou_matrix(boxes, boxes) > DOUBLE
        gone = set()
        for i, j in zip(*np.nonzero(np.triu(same, 1)), strict=True):
            a, b = self._tracks[i], self._tracks[j]
            if a.kind == b.kind or not (a.decided and b.decided):
                gone.add(min(a, b, key=lambda track: (track.decided, track.updated, track.votes.sum(), -track.id)).id)
        self._tracks = [track for track in self._tracks if track.id not in gone]

    def _start(self, track: Track) -> None:
        self._tracks.append(track)
        self._next_id += 1


def _is_gone(track: Track, look: Look) -> bool:
    """Whether a track that was not found has ended."""
    unseen_s = (look.time_ns - track.seen_ns) / SECOND_NS
    if track.still_since_ns is None:
        return unseen_s > FORGET_S
    x, y = (track.box.x1 + track.box.x2) / 2, (track.box.y1 + track.box.y2) / 2
    if not any(area.x1 <= x <= area.x2 and area.y1 <= y <= area.y2 for area in look.looked):
        return False
    if track.missed_ns is None:
        track.missed_ns = look.time_ns
    stirred = any(overlap(region, track.box) for region in look.moved)
    patience_s = FORGET_S if stirred else FORGET_STILL_S
    return (look.time_ns - track.missed_ns) / SECOND_NS > patience_s


def _assign(cost: Boxes, limit: float) -> list[int]:
    """For each row the column that it is matched with, or -1 (R. Jonker & A. Volgenant, Computing 38, 1987)."""
    _, rows, _ = lap.lapjv(cost, extend_cost=True, cost_limit=limit)
    return [int(column) for column in rows]


def _stack(boxes: Sequence[Box]) -> Boxes:
    return np.array(boxes, np.float32).reshape(-1, 4)


def _alike(ours: Boxes, theirs: Boxes) -> NDArray[np.bool_]:
    """Pairs of about the same size: a blob that has flowed together with another carries no known object."""
    a = np.prod(ours[:, 2:] - ours[:, :2], axis=1)[:, None]
    b = np.prod(theirs[:, 2:] - theirs[:, :2], axis=1)[None, :]
    ratio = b / np.maximum(a, 1.0)
    alike: NDArray[np.bool_] = (ratio > 0.5) & (ratio < 1.8)
    return alike


def _inside(blob: Box, box: Box) -> bool:
    """Whether a good part of a blob belongs to a known object."""
    width = min(blob.x2, box.x2) - max(blob.x1, box.x1)
    height = min(blob.y2, box.y2) - max(blob.y1, box.y1)
    return width > 0 and height > 0 and width * height > 0.3 * blob.area
