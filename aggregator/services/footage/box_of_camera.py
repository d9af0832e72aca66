"""Which box has a camera: people name cameras, commands go to boxes."""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.domain.read_models import Camera
from common.errors import ReleaseError


def box_of_camera(cameras: Iterable[Camera], site: str, camera: str, box: str) -> str:
    """The box of a camera; `box` is needed only where two boxes have a camera of that name.

    Raises:
        ReleaseError: There is no such camera at the site, or it is on several boxes.
    """
    found = [it for it in cameras if it.site == site]
    boxes = [it.box for it in found if it.id == camera and box in ("", it.box)]
    if not boxes:
        known = ", ".join(sorted({it.id for it in found})) or "none"
        text = f"site '{site}' has no camera '{camera[:64]}'; known: {known}"
        raise ReleaseError(text, sentence="error.release.camera", field="camera")
    if len(boxes) > 1:
        text = f"camera '{camera}' is on several boxes; say box, one of {', '.join(sorted(boxes))}"
        raise ReleaseError(text, sentence="error.release.box", field="camera")
    return boxes[0]
