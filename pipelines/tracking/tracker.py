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

import numpy as np

from common.clock import SECOND_NS
from pipelines.geometry import iou_matrix, overlap, shared_area
from pipelines.tracking.association import BUFFER, PART, alike, assign, blob_cost, flowed_together, stack, whole
from pipelines.tracking.track import CONFIDENT, SAME_KIND, Borders, Track
from pipelines.types import Box, Detections

DOUBTFUL = 0.2
"""A detection this sure may carry a track on; below, it only speaks for the class of a thing without one."""
MATCH = 0.15
"""Least buffered IoU of a match with a confident detection."""
MATCH_DOUBTFUL = 0.3
MATCH_BLOB = 0.2
OTHER_KIND = 0.4
"""Added to the cost of a match between different kinds."""
SPEAKS_FOR = 0.35
"""Least IoU of a weak detection with the thing whose class it speaks for."""
STIRS = 0.4
"""Least IoU of a blob with a thing that moves as a whole."""
SAME_DETECTION = 0.5
"""Two detections of one kind that agree this much, from different views, are one (IoU)."""
DOUBLE = 0.65
"""Two tracks whose boxes agree this much are one thing (IoU)."""
DOUBLE_NAMELESS = 0.4
"""The same where one of them has no class."""
EXPLAINED = 0.3
"""A blob with this share of its area in known objects starts nothing new."""
LEAP = 1.25
"""A thing seen once may go this far until the next look, in units of its longer side, if it is the only one there."""
FORGET_S = 1.5
"""A moving track that is looked for and not found lives this long."""
FORGET_NAMELESS_S = 0.8
FORGET_UNLOOKED_S = 6.0
"""A moving one with a class whose place nobody looked at has stopped there, or the detector is late."""
FORGET_STILL_S = 10.0
"""A still one where nothing moves lives longer: the detector blinks."""
BORDER = 0.015
"""A box this close to the picture's border may be cut by it, share of the picture's longer side."""


@dataclass(frozen=True)
class FrameObservation:
    """What one look of the camera brought.

    Attributes:
        found: Detections in pixels of the whole picture; several views may have found one thing.
        looked: Where the detector looked, pixels; tracks outside are not expected to be found.
        time_ns: Of the frame.
        blobs: Moving things by the gate, pixels.
        moved: Regions that moved, pixels.
        standing: Numbers of tracks at whose place something stands that is not the ground.
    """

    found: Detections
    looked: Sequence[Box]
    time_ns: int
    blobs: Sequence[Box] = ()
    moved: Sequence[Box] = ()
    standing: frozenset[int] = frozenset()


class Tracker:
    """Tracks of one camera. `update` after every look.

    Args:
        size: Width and height of the picture, pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._tracks: list[Track] = []
        self._next_id = 1
        self._time_ns: int | None = None

    @property
    def tracks(self) -> tuple[Track, ...]:
        """All live tracks, confirmed or not."""
        return tuple(self._tracks)

    def update(self, look: FrameObservation) -> tuple[Track, ...]:
        """Match what was found with the tracks.

        Args:
            look: Must not be earlier than the last one.

        Returns:
            The confirmed tracks, with and without a class.
        """
        seconds = 0.0 if self._time_ns is None else max(0.0, (look.time_ns - self._time_ns) / SECOND_NS)
        self._time_ns = look.time_ns
        for track in self._tracks:
            if track.id in look.standing and not any(overlap(region, track.box) for region in look.moved):
                track.halt(look.time_ns)
            track.predict(seconds)
        expected = [track.box for track in self._tracks]
        found, time_ns = _distinct(look.found), look.time_ns
        sure = found.scores >= CONFIDENT
        likely = (found.scores >= DOUBTFUL) & ~sure
        left, unmatched = self._match(found.where(sure), self._tracks, BUFFER, MATCH, time_ns)
        left, _ = self._match(found.where(likely), left, 0.0, MATCH_DOUBTFUL, time_ns)
        left, loose = self._carry(left, whole(look.blobs, expected), expected, time_ns)
        self._stir(look.blobs)
        self._weigh(look.found)
        self._age(left, look)
        self._drop_doubles()
        for box, score, kind in unmatched:
            self._start(Track.of_object(self._next_id, box, (score, kind), time_ns, self._borders(box)))
        self._start_from(loose, time_ns)
        return tuple(track for track in self._tracks if track.confirmed)

    def _match(
        self, found: Detections, tracks: list[Track], buffer: float, least: float, time_ns: int
    ) -> tuple[list[Track], list[tuple[Box, float, int]]]:
        """Match, feed the matched tracks, and return what is left over of both."""
        boxes = [Box(*row) for row in found.boxes.tolist()]
        facts = list(zip(boxes, found.scores.tolist(), found.classes.tolist(), strict=True))
        if not tracks or not facts:
            return tracks, facts
        cost = 1 - iou_matrix(stack([track.box for track in tracks]), found.boxes, buffer)
        ours = np.array([track.kind for track in tracks])
        theirs = SAME_KIND[found.classes]
        cost[(ours[:, None] != theirs[None, :]) & (ours[:, None] >= 0)] += OTHER_KIND
        rows = assign(cost, 1 - least)
        for track, column in zip(tracks, rows, strict=True):
            if column >= 0:
                box, score, kind = facts[column]
                track.see(box, score, kind, time_ns)
        taken = set(rows)
        left = [track for track, column in zip(tracks, rows, strict=True) if column < 0]
        return left, [fact for i, fact in enumerate(facts) if i not in taken]

    def _carry(
        self, tracks: list[Track], blobs: list[Box], expected: list[Box], time_ns: int
    ) -> tuple[list[Track], list[Box]]:
        """Carry tracks that the detector did not find with the gate's blobs; returns what is left over of both."""
        seen = [track.box for track in self._tracks if track.updated]
        mixed = [blob for blob in blobs if flowed_together(blob, expected)]
        free = [blob for blob in blobs if blob not in mixed and not _explained(blob, seen)]
        if tracks and free:
            tracks, free = self._carry_each(tracks, free, time_ns)
        lost = []
        for track in tracks:
            box = track.box
            if track.looks > 1 and any(shared_area(box, blob) >= PART * box.area for blob in mixed):
                track.coast(time_ns)
            else:
                lost.append(track)
        return lost, free

    def _carry_each(self, tracks: list[Track], blobs: list[Box], time_ns: int) -> tuple[list[Track], list[Box]]:
        ours, theirs = stack([track.box for track in tracks]), stack(blobs)
        young = np.array([track.looks < 3 or any(self._borders(track.box)) for track in tracks])
        growing = young[:, None] | np.array([any(self._borders(blob)) for blob in blobs])[None, :]
        cost = blob_cost(ours, theirs, growing)
        cost[~growing & ~alike(ours, theirs)] = 2.0
        rows = assign(cost, 1 - MATCH_BLOB)
        for track, column in zip(tracks, rows, strict=True):
            if column >= 0:
                track.carry(blobs[column], time_ns)
        taken = set(rows)
        left = [track for track, column in zip(tracks, rows, strict=True) if column < 0]
        return _leap(left, [blob for i, blob in enumerate(blobs) if i not in taken], time_ns)

    def _stir(self, blobs: Sequence[Box]) -> None:
        """Note which tracks the gate saw move as a whole."""
        seen = [track for track in self._tracks if track.updated]
        if not seen or not blobs:
            return
        agree = iou_matrix(stack([track.box for track in seen]), stack(blobs))
        for track, row in zip(seen, agree, strict=True):
            best = int(row.argmax())
            if row[best] >= STIRS:
                track.stir(blobs[best], whole=not any(self._borders(blobs[best])))

    def _weigh(self, found: Detections) -> None:
        """Let every detection that agrees with a thing without a class speak for it."""
        nameless = [track for track in self._tracks if not track.decided and track.updated]
        if not nameless or not len(found):
            return
        agree = iou_matrix(stack([track.box for track in nameless]), found.boxes) >= SPEAKS_FOR
        voices = list(zip(found.classes.tolist(), found.scores.tolist(), strict=True))
        for track, row in zip(nameless, agree, strict=True):
            track.hear(voices[i] for i in np.flatnonzero(row))

    def _age(self, missed: list[Track], look: FrameObservation) -> None:
        gone = {track.id for track in missed if self._is_gone(track, look)}
        self._tracks = [track for track in self._tracks if track.id not in gone]

    def _is_gone(self, track: Track, look: FrameObservation) -> bool:
        """Whether a track that was not found has ended."""
        box, (width, height) = track.box, self._size
        x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
        if not (0 <= x <= width and 0 <= y <= height):
            return True
        stirred = any(overlap(region, box) for region in look.moved)
        if track.id in look.standing and (track.still_since_ns is not None or not stirred):
            return False  # nothing leaves without moving
        looked = any(area.x1 <= x <= area.x2 and area.y1 <= y <= area.y2 for area in look.looked)
        if track.still_since_ns is None:
            unseen_s = (look.time_ns - track.seen_ns) / SECOND_NS
            patience_s = FORGET_NAMELESS_S if not track.decided else FORGET_S if looked else FORGET_UNLOOKED_S
            return unseen_s > patience_s
        if not looked:
            return False
        if track.missed_ns is None:
            track.missed_ns = look.time_ns
        patience_s = FORGET_S if stirred else FORGET_STILL_S
        return (look.time_ns - track.missed_ns) / SECOND_NS > patience_s

    def _drop_doubles(self) -> None:
        """Of two tracks on one thing, keep the one that more speaks for."""
        if len(self._tracks) < 2:
            return
        boxes = stack([track.box for track in self._tracks])
        agree = np.triu(iou_matrix(boxes, boxes), 1)
        gone = set()
        for i, j in zip(*np.nonzero(agree > DOUBLE_NAMELESS), strict=True):
            a, b = self._tracks[i], self._tracks[j]
            named = a.decided and b.decided
            same = agree[i, j] > DOUBLE and (a.kind == b.kind or not named)
            if same or (a.decided != b.decided and a.updated and b.updated):
                gone.add(_weaker(a, b).id)
        self._tracks = [track for track in self._tracks if track.id not in gone]

    def _start_from(self, blobs: list[Box], time_ns: int) -> None:
        """Start tracks from blobs that nothing known explains."""
        known = [track.box for track in self._tracks]
        for blob in blobs:
            if not _explained(blob, known):
                self._start(Track.of_blob(self._next_id, blob, time_ns, self._borders(blob)))

    def _start(self, track: Track) -> None:
        self._tracks.append(track)
        self._next_id += 1

    def _borders(self, box: Box) -> Borders:
        """Which borders of the picture may cut a box: left, top, right, bottom."""
        width, height = self._size
        near = BORDER * max(width, height)
        return box.x1 < near, box.y1 < near, box.x2 > width - near, box.y2 > height - near


def _distinct(found: Detections) -> Detections:
    """One detection for each thing: views overlap, and each may have found it."""
    if len(found) < 2:
        return found
    order = np.argsort(-found.scores, kind="stable")
    found = found.where(order)
    kinds = SAME_KIND[found.classes]
    same = (iou_matrix(found.boxes, found.boxes) > SAME_DETECTION) & (kinds[:, None] == kinds[None, :])
    kept: list[int] = []
    for i in range(len(found)):
        if not same[i, kept].any():
            kept.append(i)
    return found.where(np.array(kept, np.int64))


def _leap(tracks: list[Track], blobs: list[Box], time_ns: int) -> tuple[list[Track], list[Box]]:
    """Carry things seen only once over a gap, where there is no doubt: nothing is known yet of where they go."""
    for track in [track for track in tracks if track.looks == 1]:
        near = [blob for blob in blobs if _within_leap(track.box, blob)]
        rivals = [other for other in tracks if any(_within_leap(other.box, blob) for blob in near)]
        if len(near) == 1 and rivals == [track]:
            track.carry(near[0], time_ns)
            tracks = [other for other in tracks if other is not track]
            blobs = [blob for blob in blobs if blob is not near[0]]
    return tracks, blobs


def _within_leap(a: Box, b: Box) -> bool:
    side = (max(a.x2 - a.x1, a.y2 - a.y1) + max(b.x2 - b.x1, b.y2 - b.y1)) / 2
    across, down = (a.x1 + a.x2 - b.x1 - b.x2) / 2, (a.y1 + a.y2 - b.y1 - b.y2) / 2
    return across * across + down * down < (LEAP * side) ** 2


def _explained(blob: Box, known: Sequence[Box]) -> bool:
    """Whether a good part of a blob belongs to known objects."""
    return any(shared_area(blob, box) > EXPLAINED * blob.area for box in known)


def _weaker(a: Track, b: Track) -> Track:
    return min(a, b, key=lambda track: (track.decided, track.updated, sum(track.votes), track.looks, -track.id))
