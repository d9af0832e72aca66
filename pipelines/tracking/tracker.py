"""Tracks of one camera, for one run: associates detections with the objects of the last frame.

After Y. Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022: confident
detections are matched first, low-score ones then continue existing tracks and never start one. Only boxes are
compared, never pictures. A track's number means nothing outside its camera and run (DESIGN section 1).

Two additions for cameras that are mounted high: blobs of the motion detector continue a track over frames without a
detection, and start tracks without a class. Weak detections that overlap such a track accumulate until its class is
decided (track-before-detect: decide late, on all the evidence).

The detector runs only where something moved, so a track that was not inspected does not age: it is stationary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.clock import SECOND_NS
from pipelines.geometry import iou_matrix, overlap, shared_area
from pipelines.tracking.association import BUFFER, PART, alike, assign, blob_cost, is_merged, stack, whole
from pipelines.tracking.track import CONFIDENT, SAME_KIND, Borders, Track
from pipelines.types import Box, Detections

DOUBTFUL = 0.2
"""A detection with this score may continue a track; below, it is only a vote for the class of an unclassified one."""
MATCH = 0.15
"""Minimum buffered IoU of a match with a confident detection."""
MATCH_DOUBTFUL = 0.3
MATCH_BLOB = 0.2
OTHER_KIND = 0.4
"""Added to the cost of a match between different kinds."""
CLASS_VOTE_IOU = 0.35
"""Minimum IoU of a weak detection with the track for whose class it is a vote."""
MOVING_IOU = 0.4
"""Minimum IoU of a blob with a track that moves as a whole."""
SAME_DETECTION = 0.5
"""Two detections of one kind that agree this much, from different views, are one (IoU)."""
DUPLICATE_IOU = 0.65
"""Two tracks with this IoU are one object."""
DUPLICATE_UNCLASSIFIED_IOU = 0.4
"""The same if one of them has no class."""
EXPLAINED_SHARE = 0.3
"""A blob with this share of its area in known objects starts no track."""
MAX_JUMP = 1.25
"""Maximum distance to the next frame of a track seen once, in units of its longer side, if it is the only one."""
LOST_S = 1.5
"""A moving track that is inspected and not found ends after this."""
LOST_UNCLASSIFIED_S = 0.8
LOST_UNINSPECTED_S = 6.0
"""The same for a classified track that was not inspected: it has stopped, or the detector is late."""
LOST_STILL_S = 10.0
"""The same for a stationary track without motion: detectors miss single frames."""
BORDER = 0.015
"""A box this close to the picture's border may be cut by it, share of the picture's longer side."""


@dataclass(frozen=True)
class FrameObservation:
    """The observations of one frame.

    Attributes:
        found: Detections in pixels of the whole picture; several views may contain one object.
        is_inspected: Where inference ran, pixels; tracks outside are not expected to be found.
        time_ns: Of the frame.
        blobs: Moving blobs from the motion detector, pixels.
        moved: Regions that moved, pixels.
        standing: Ids of tracks at whose position there is foreground.
    """

    found: Detections
    is_inspected: Sequence[Box]
    time_ns: int
    blobs: Sequence[Box] = ()
    moved: Sequence[Box] = ()
    standing: frozenset[int] = frozenset()


class Tracker:
    """Tracks of one camera. Call `update` for every inspected frame.

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

    def update(self, observation: FrameObservation) -> tuple[Track, ...]:
        """Match the detections with the tracks.

        Args:
            observation: Must not be earlier than the last one.

        Returns:
            The confirmed tracks, with and without a class.
        """
        seconds = 0.0 if self._time_ns is None else max(0.0, (observation.time_ns - self._time_ns) / SECOND_NS)
        self._time_ns = observation.time_ns
        for track in self._tracks:
            if track.id in observation.standing and not any(overlap(region, track.box) for region in observation.moved):
                track.mark_stopped(observation.time_ns)
            track.predict(seconds)
        expected = [track.box for track in self._tracks]
        found, time_ns = _distinct(observation.found), observation.time_ns
        confident = found.scores >= CONFIDENT
        low_score = (found.scores >= DOUBTFUL) & ~confident
        unmatched_tracks, unmatched = self._match(found.where(confident), self._tracks, BUFFER, MATCH, time_ns)
        unmatched_tracks, _ = self._match(found.where(low_score), unmatched_tracks, 0.0, MATCH_DOUBTFUL, time_ns)
        unmatched_tracks, free_blobs = self._follow_blobs(
            unmatched_tracks, whole(observation.blobs, expected), expected, time_ns
        )
        self._mark_moving(observation.blobs)
        self._add_class_votes(observation.found)
        self._drop_lost(unmatched_tracks, observation)
        self._drop_duplicates()
        for box, score, kind in unmatched:
            self._start(Track.of_object(self._next_id, box, (score, kind), time_ns, self._borders(box)))
        self._start_from(free_blobs, time_ns)
        return tuple(track for track in self._tracks if track.confirmed)

    def _match(
        self, found: Detections, tracks: list[Track], buffer: float, min_iou: float, time_ns: int
    ) -> tuple[list[Track], list[tuple[Box, float, int]]]:
        """Match, update the matched tracks, and return the unmatched tracks and detections."""
        boxes = [Box(*row) for row in found.boxes.tolist()]
        facts = list(zip(boxes, found.scores.tolist(), found.classes.tolist(), strict=True))
        if not tracks or not facts:
            return tracks, facts
        cost = 1 - iou_matrix(stack([track.box for track in tracks]), found.boxes, buffer)
        track_values = np.array([track.kind for track in tracks])
        detection_values = SAME_KIND[found.classes]
        cost[(track_values[:, None] != detection_values[None, :]) & (track_values[:, None] >= 0)] += OTHER_KIND
        rows = assign(cost, 1 - min_iou)
        for track, column in zip(tracks, rows, strict=True):
            if column >= 0:
                box, score, kind = facts[column]
                track.add_detection(box, score, kind, time_ns)
        matched = set(rows)
        unmatched_tracks = [track for track, column in zip(tracks, rows, strict=True) if column < 0]
        return unmatched_tracks, [fact for i, fact in enumerate(facts) if i not in matched]

    def _follow_blobs(
        self, tracks: list[Track], blobs: list[Box], expected: list[Box], time_ns: int
    ) -> tuple[list[Track], list[Box]]:
        """Continue unmatched tracks by blobs of the motion detector; returns the rest of both."""
        updated_boxes = [track.box for track in self._tracks if track.updated]
        merged_blobs = [blob for blob in blobs if is_merged(blob, expected)]
        free = [blob for blob in blobs if blob not in merged_blobs and not _explained(blob, updated_boxes)]
        if tracks and free:
            tracks, free = self._assign_blobs(tracks, free, time_ns)
        lost = []
        for track in tracks:
            box = track.box
            if track.observations > 1 and any(shared_area(box, blob) >= PART * box.area for blob in merged_blobs):
                track.coast(time_ns)
            else:
                lost.append(track)
        return lost, free

    def _assign_blobs(self, tracks: list[Track], blobs: list[Box], time_ns: int) -> tuple[list[Track], list[Box]]:
        track_values, detection_values = stack([track.box for track in tracks]), stack(blobs)
        recent = np.array([track.observations < 3 or any(self._borders(track.box)) for track in tracks])
        is_growing = recent[:, None] | np.array([any(self._borders(blob)) for blob in blobs])[None, :]
        cost = blob_cost(track_values, detection_values, is_growing)
        cost[~is_growing & ~alike(track_values, detection_values)] = 2.0
        rows = assign(cost, 1 - MATCH_BLOB)
        for track, column in zip(tracks, rows, strict=True):
            if column >= 0:
                track.follow_blob(blobs[column], time_ns)
        matched = set(rows)
        unmatched_tracks = [track for track, column in zip(tracks, rows, strict=True) if column < 0]
        return _match_jumps(unmatched_tracks, [blob for i, blob in enumerate(blobs) if i not in matched], time_ns)

    def _mark_moving(self, blobs: Sequence[Box]) -> None:
        """Mark the tracks that a blob shows moving as a whole."""
        updated_boxes = [track for track in self._tracks if track.updated]
        if not updated_boxes or not blobs:
            return
        iou = iou_matrix(stack([track.box for track in updated_boxes]), stack(blobs))
        for track, row in zip(updated_boxes, iou, strict=True):
            best = int(row.argmax())
            if row[best] >= MOVING_IOU:
                track.mark_moving(blobs[best], whole=not any(self._borders(blobs[best])))

    def _add_class_votes(self, found: Detections) -> None:
        """Add each detection that overlaps an unclassified track as a vote for its class."""
        unclassified = [track for track in self._tracks if not track.decided and track.updated]
        if not unclassified or not len(found):
            return
        iou = iou_matrix(stack([track.box for track in unclassified]), found.boxes) >= CLASS_VOTE_IOU
        class_votes = list(zip(found.classes.tolist(), found.scores.tolist(), strict=True))
        for track, row in zip(unclassified, iou, strict=True):
            track.add_class_votes(class_votes[i] for i in np.flatnonzero(row))

    def _drop_lost(self, missed: list[Track], observation: FrameObservation) -> None:
        dropped = {track.id for track in missed if self._is_lost(track, observation)}
        self._tracks = [track for track in self._tracks if track.id not in dropped]

    def _is_lost(self, track: Track, observation: FrameObservation) -> bool:
        """Whether a track that was not found has ended."""
        box, (width, height) = track.box, self._size
        x, y = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
        if not (0 <= x <= width and 0 <= y <= height):
            return True
        in_motion = any(overlap(region, box) for region in observation.moved)
        if track.id in observation.standing and (track.still_since_ns is not None or not in_motion):
            return False  # an object cannot leave without motion
        is_inspected = any(area.x1 <= x <= area.x2 and area.y1 <= y <= area.y2 for area in observation.is_inspected)
        if track.still_since_ns is None:
            unseen_s = (observation.time_ns - track.seen_ns) / SECOND_NS
            timeout_s = LOST_UNCLASSIFIED_S if not track.decided else LOST_S if is_inspected else LOST_UNINSPECTED_S
            return unseen_s > timeout_s
        if not is_inspected:
            return False
        if track.missed_ns is None:
            track.missed_ns = observation.time_ns
        timeout_s = LOST_S if in_motion else LOST_STILL_S
        return (observation.time_ns - track.missed_ns) / SECOND_NS > timeout_s

    def _drop_duplicates(self) -> None:
        """Of two tracks of one object, keep the one with more evidence."""
        if len(self._tracks) < 2:
            return
        boxes = stack([track.box for track in self._tracks])
        iou = np.triu(iou_matrix(boxes, boxes), 1)
        dropped = set()
        for i, j in zip(*np.nonzero(iou > DUPLICATE_UNCLASSIFIED_IOU), strict=True):
            a, b = self._tracks[i], self._tracks[j]
            both_classified = a.decided and b.decided
            is_duplicate = iou[i, j] > DUPLICATE_IOU and (a.kind == b.kind or not both_classified)
            if is_duplicate or (a.decided != b.decided and a.updated and b.updated):
                dropped.add(_lower_ranked(a, b).id)
        self._tracks = [track for track in self._tracks if track.id not in dropped]

    def _start_from(self, blobs: list[Box], time_ns: int) -> None:
        """Start tracks from blobs outside of known objects."""
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
        nearby = BORDER * max(width, height)
        return box.x1 < nearby, box.y1 < nearby, box.x2 > width - nearby, box.y2 > height - nearby


def _distinct(found: Detections) -> Detections:
    """One detection for each object: overlapping views may each contain it."""
    if len(found) < 2:
        return found
    order = np.argsort(-found.scores, kind="stable")
    found = found.where(order)
    kinds = SAME_KIND[found.classes]
    is_duplicate = (iou_matrix(found.boxes, found.boxes) > SAME_DETECTION) & (kinds[:, None] == kinds[None, :])
    selected: list[int] = []
    for i in range(len(found)):
        if not is_duplicate[i, selected].any():
            selected.append(i)
    return found.where(np.array(selected, np.int64))


def _match_jumps(tracks: list[Track], blobs: list[Box], time_ns: int) -> tuple[list[Track], list[Box]]:
    """Continue tracks seen once to the only nearby blob: their velocity is not known yet."""
    for track in [track for track in tracks if track.observations == 1]:
        nearby = [blob for blob in blobs if _within_jump(track.box, blob)]
        competitors = [other for other in tracks if any(_within_jump(other.box, blob) for blob in nearby)]
        if len(nearby) == 1 and competitors == [track]:
            track.follow_blob(nearby[0], time_ns)
            tracks = [other for other in tracks if other is not track]
            blobs = [blob for blob in blobs if blob is not nearby[0]]
    return tracks, blobs


def _within_jump(a: Box, b: Box) -> bool:
    side = (max(a.x2 - a.x1, a.y2 - a.y1) + max(b.x2 - b.x1, b.y2 - b.y1)) / 2
    across, down = (a.x1 + a.x2 - b.x1 - b.x2) / 2, (a.y1 + a.y2 - b.y1 - b.y2) / 2
    return across * across + down * down < (MAX_JUMP * side) ** 2


def _explained(blob: Box, known: Sequence[Box]) -> bool:
    """Whether a good part of a blob belongs to known objects."""
    return any(shared_area(blob, box) > EXPLAINED_SHARE * blob.area for box in known)


def _lower_ranked(a: Track, b: Track) -> Track:
    return min(a, b, key=lambda track: (track.decided, track.updated, sum(track.votes), track.observations, -track.id))
