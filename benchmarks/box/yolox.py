"""The detector of the benchmarks: the first choice for cameras."""

from __future__ import annotations

import os
from pathlib import Path

from shared_clips import EVIDENCE

from edge.video.inference import SizedDetector
from models.detectors.yolox import YoloxNano
from models.files.store import ModelStore
from models.session import Options


def detector() -> SizedDetector:
    """YOLOX-nano, one thread; fetched where it is missing.

    Raises:
        ModelError: It cannot be had.
    """
    folder = os.environ.get("PAIFANG_TEST_MODELS") or Path.home() / ".cache" / "paifang-tests" / "models"
    store = ModelStore(Path(folder))
    if not store.has("yolox_nano"):
        store.fetch("yolox_nano")
    return YoloxNano(store.read("yolox_nano"), Options(threshold=EVIDENCE))
