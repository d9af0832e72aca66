"""The command `still`: the newest picture of a camera, redacted, in the reply. Nothing is stored.

It uses a frame that was decoded anyway, so a still costs three detections of a small picture and no decoding. Within
`KEEP_S` a camera's still is made once, however often it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import av

from common.clock import SECOND_NS, Clock
from common.errors import SettingsError, SourceLost
from edge.redaction.snapshots import SnapshotRedactor
from edge.redaction.stills import redacted_still
from edge.video.decoder import picture_of
from edge.video.inference import SizedDetector
from protocol.commands import Command, Reply

KEEP_S = 10.0


class StillSource(Protocol):
    """A camera."""

    @property
    def newest(self) -> tuple[av.VideoFrame, int] | None:
        """The newest decoded frame and its time (UTC nanoseconds); None while the camera is lost."""


@dataclass
class StillHandler:
    """Answers `still`. Called from one thread.

    Args:
        cameras: Id → the camera.
        redactor: Redacts every picture.
        objects: Detects persons.
        clock: Monotonic time.
    """

    cameras: Mapping[str, StillSource]
    redactor: SnapshotRedactor
    objects: SizedDetector
    clock: Clock
    _made: dict[str, tuple[int, bytes, int]] = field(default_factory=dict)
    """Camera → monotonic time when it was made, JPEG, time of the picture."""

    def still(self, command: Command) -> Reply:
        """The redacted picture and its time.

        Raises:
            SettingsError: There is no such camera.
            SourceLost: The camera gives no picture.
            ModelError, RedactionError: It cannot be redacted; no picture is returned.
        """
        camera = self.cameras.get(command.target)
        if camera is None:
            raise SettingsError("", "", f"there is no camera '{command.target}'")
        newest = camera.newest
        if newest is None:
            self._made.pop(command.target, None)
            raise SourceLost(f"camera '{command.target}' gives no picture", sentence="source.silent")
        now_ns = self.clock.monotonic_ns()
        made = self._made.get(command.target)
        if made is None or now_ns - made[0] >= KEEP_S * SECOND_NS:
            jpeg = redacted_still(picture_of(newest[0]), self.redactor, self.objects)
            made = self._made[command.target] = (now_ns, jpeg, newest[1])
        return Reply(id=command.id, done=True, picture=made[1], picture_ns=made[2])
