"""What a rule is, what it finds, and findings that wait until it is known what the thing is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from pipelines.tracking.track import Track
from pipelines.types import Box
from protocol.event_types import LineCrossed, ObjectClass, ZoneData


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    Attributes:
        data: The event's data; its `object` is provisional while the track has no class.
        track: What it is about.
        objects: Classes that the rule is about.
        time_ns: When it happened.
        outline: Where the track is in the frame in which the finding became certain, pixels; None where
            it was not seen there (what stands still counts as seen until it is not found any more). A copy: the track
            moves on while its picture is taken in another thread.
    """

    data: ZoneData | LineCrossed
    track: Track
    objects: tuple[ObjectClass, ...]
    time_ns: int
    outline: Box | None = None


class Rule(Protocol):
    """Something that is judged after every frame, also after one in which nothing moved.

    A rule treats a track without a class as if it belonged; `Pending` sorts that out.
    """

    def judge(self, tracks: Iterable[Track], time_ns: int) -> list[Finding]:
        """What is newly true.

        Args:
            tracks: Confirmed tracks.
            time_ns: Of the frame.
        """


def concerns(track: Track, objects: tuple[ObjectClass, ...]) -> bool:
    """Whether a rule about `objects` is about this track, or may turn out to be."""
    return not track.decided or track.object in objects


@dataclass
class DeferredFindings:
    """Holds findings about things without a class until they have one; the time stays that of what happened."""

    _waiting: list[Finding] = field(default_factory=list)

    def release(self, new: Iterable[Finding], live: Iterable[Track]) -> list[Finding]:
        """Findings that are certain now, oldest first.

        Args:
            new: Of this frame.
            live: All live tracks; what is about a track that ended without a class is dropped.
        """
        alive = {track.id for track in live}
        all_ = self._waiting + list(new)
        self._waiting = [f for f in all_ if not f.track.decided and f.track.id in alive]
        certain = [f for f in all_ if f.track.decided and f.track.object in f.objects]
        return [_certain(f) for f in certain]


def _certain(finding: Finding) -> Finding:
    track = finding.track
    seen = track.updated or (track.still_since_ns is not None and track.missed_ns is None)
    data = msgspec.structs.replace(finding.data, object=track.object)
    return replace(finding, data=data, outline=track.box if seen else None)
