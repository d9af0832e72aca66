"""What the readers of one line share: a picture of fixed height goes in, CTC rates per step come out.

Source of the form: B. Shi et al., "An End-to-End Trainable Neural Network for Image-based Sequence Recognition",
arXiv:1507.05717.
"""

from __future__ import annotations

import threading

import cv2
import numpy as np
from numpy.typing import NDArray

from common.errors import ModelError
from models.preprocessing import check_picture
from models.session import Session, expect
from pipelines.types import Picture

Floats = NDArray[np.float32]

WIDTH_PX = 320
"""Lines are padded to this width with zeros after scaling: without it clp_rec read 8 plates of 68 instead of 55."""
HALF = 127.5


class CtcLine:
    """Runs one reader. Calls from several threads are safe.

    Args:
        session: The loaded graph.
        height: Of the input, pixels.
        characters: Of columns 1…; one column fewer than the graph puts out.
        home: It knows mainland plates only.
    """

    def __init__(self, session: Session, height: int, characters: tuple[str, ...], home: bool = False) -> None:
        self._session, self._height, self.home = session, height, home
        self.characters = characters
        self._buffers = threading.local()

    def rates(self, line: Picture) -> Floats:
        """How likely each character is at each step.

        Args:
            line: H x W x 3 uint8 BGR.

        Returns:
            T x (1 + len(characters)) float32.

        Raises:
            ModelError: Not such a picture, an empty one, or the model could not run on it.
        """
        check_picture(line)
        if not line.size:
            raise ModelError(f"a line of shape {line.shape} holds nothing to read")
        (rows,) = self._session.run(self._blob(line))
        steps: Floats = expect("rates", rows, 1, -1, 1 + len(self.characters))[0]
        return steps

    def _blob(self, line: Picture) -> Floats:
        width = max(1, min(WIDTH_PX, round(line.shape[1] * self._height / line.shape[0])))
        small = cv2.resize(np.ascontiguousarray(line), (width, self._height), interpolation=cv2.INTER_LINEAR)
        stored_files: Floats | None = getattr(self._buffers, "blob", None)
        blob = np.zeros((1, 3, self._height, WIDTH_PX), np.float32) if stored_files is None else stored_files
        self._buffers.blob = blob
        blob[0, :, :, :width] = small.transpose(2, 0, 1)
        blob[0, :, :, :width] /= HALF
        blob[0, :, :, :width] -= 1
        blob[0, :, :, width:] = 0
        filled: Floats = np.asarray(blob, np.float32)
        return filled
