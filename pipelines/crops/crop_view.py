"""One inference on a part of a picture, and the way back to the picture's pixels.

A crop may be rotated by a quarter turn: seen from above, vehicles lie any way round, and a detector that learned
from pictures taken at eye level knows them upright: driving away from it, or towards it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.types import Box, Detections, Picture

CUT = 0.02
"""A box this close to a crop's border is cut by it, share of the crop's longer side."""


@dataclass(frozen=True)
class CropView:
    """What the detector is shown.

    Attributes:
        box: Part of the picture, whole pixels.
        input_px: Width and height of the detector's input, multiples of 32.
        rotations: Turn the crop by this many quarters counter-clockwise first: 0, 1 or 3.
        cut: The crop may cut things off at its left, top, right and bottom border; what reaches that far is then
            dropped, for nobody knows how far it goes on.
    """

    box: Box
    input_px: tuple[int, int]
    rotations: int = 0
    cut: tuple[bool, bool, bool, bool] = (False, False, False, False)

    def crop(self, picture: Picture) -> Picture:
        """The pixels to show, H x W x 3 uint8 BGR."""
        part = picture[int(self.box.y1) : int(self.box.y2), int(self.box.x1) : int(self.box.x2)]
        return np.ascontiguousarray(np.rot90(part, self.rotations)) if self.rotations else part

    def back(self, found: Detections) -> Detections:
        """Detections in the crop's pixels → in the picture's pixels."""
        if self.rotations and len(found):
            x1, y1, x2, y2 = found.boxes.T
            width, height = self.box.x2 - self.box.x1, self.box.y2 - self.box.y1
            sides = [width - y2, x1, width - y1, x2] if self.rotations == 1 else [y1, height - x2, y2, height - x1]
            found = Detections(np.stack(sides, axis=1).astype(np.float32), found.scores, found.classes)
        return self._complete(found).shifted(self.box.x1, self.box.y1)

    def _complete(self, found: Detections) -> Detections:
        """Without those that a border of the crop cuts off; boxes in the crop's pixels."""
        if not any(self.cut) or not len(found):
            return found
        width, height = self.box.x2 - self.box.x1, self.box.y2 - self.box.y1
        near = max(2.0, CUT * max(width, height))
        reach = found.boxes * np.array([1, 1, -1, -1], np.float32) + np.array([0, 0, width, height], np.float32)
        whole: NDArray[np.bool_] = ~((reach < near) & np.array(self.cut)).any(axis=1)
        return found.where(whole)
