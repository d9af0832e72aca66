"""One look of the detector at a part of a picture, and the way back to the picture's pixels.

A crop may be looked at turned by a quarter: seen from above, vehicles lie any way round, and a detector that learned
from pictures taken at eye level knows few of those ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.types import Box, Detections, Picture


@dataclass(frozen=True)
class View:
    """What the detector is shown.

    Attributes:
        box: Part of the picture, whole pixels.
        input_px: Width and height of the detector's input, multiples of 32.
        turned: Turn the crop by a quarter, counter-clockwise, first.
    """

    box: Box
    input_px: tuple[int, int]
    turned: bool = False

    def crop(self, picture: Picture) -> Picture:
        """The pixels to show, H x W x 3 uint8 BGR."""
        part = picture[int(self.box.y1) : int(self.box.y2), int(self.box.x1) : int(self.box.x2)]
        return np.ascontiguousarray(np.rot90(part)) if self.turned else part

    def back(self, found: Detections) -> Detections:
        """Detections in the crop's pixels → in the picture's pixels."""
        if self.turned and len(found):
            x1, y1, x2, y2 = found.boxes.T
            width = self.box.x2 - self.box.x1
            boxes = np.stack([width - y2, x1, width - y1, x2], axis=1).astype(np.float32)
            found = Detections(boxes, found.scores, found.classes)
        return found.shifted(self.box.x1, self.box.y1)
