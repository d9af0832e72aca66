"""The models that a box needs, opened from the files on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2

from common.running.malloc_tuning import give_back_free_memory, give_back_large_blocks
from edge.access.gates.factory import Readers, load_readers
from edge.redaction.face_search import still_faces
from edge.redaction.factory import export_redactor
from edge.redaction.two_pass_redactor import ExportRedactor
from edge.settings.node import BoxSettings
from edge.video.inference import FixedSizeAdapter, SizedDetector
from models.detector_factory import open_detector
from models.detectors.yolox import YoloxNano
from models.files.store import ModelStore, default_folder
from models.session import Options
from pipelines.types import Detector

PLATES_PX = 480
"""Plates are looked for in a snapshot of at most 640 px at this long side; at 480 the finder misses 4 of 130 large ones
and at 960 it misses 10; what is smaller than its smallest prior, 24 px, cannot be read in such a picture either."""
EVIDENCE = 0.08
"""Detections down to this score speak for the class of things that move; see pipelines/tracking/tracker.py."""


@dataclass(frozen=True)
class Models:
    """The models that a box needs, loaded before the first camera is read (loading holds the interpreter's lock)."""

    objects: SizedDetector
    faces: Detector
    plates: Detector
    gates: Readers | None = None


def model_store(settings: BoxSettings, base: Path) -> ModelStore:
    """Where the box's models lie."""
    return ModelStore(base / settings.models if settings.models else default_folder(os.environ, Path.home()))


def load_models(settings: BoxSettings, base: Path) -> Models:
    """Open the box's models.

    Raises:
        ModelUnavailable: One is missing; tells the command that fetches it.
    """
    cv2.setNumThreads(1)
    store = model_store(settings, base)
    objects = open_detector("objects", store, Options(threshold=EVIDENCE))
    models = Models(
        objects=objects if isinstance(objects, YoloxNano) else FixedSizeAdapter(objects),
        faces=still_faces(store),
        plates=open_detector("plate-find", store, Options(long_side=PLATES_PX)),
        gates=load_readers(store) if any(camera.gate for camera in settings.cameras) else None,
    )
    give_back_free_memory()
    return models


def gate_readers() -> Readers:
    """The gates' models from the user's own folder, for commands."""
    cv2.setNumThreads(1)
    return load_readers(ModelStore(default_folder(os.environ, Path.home())))


def video_redactor(models: Path | None = None, faces_only: bool = False) -> ExportRedactor:
    """What covers whole videos, with the models of a folder, or of the user's own; for commands.

    Raises:
        ModelUnavailable: One is missing; tells the command that fetches it.
    """
    cv2.setNumThreads(1)
    give_back_large_blocks()
    return export_redactor(ModelStore(models or default_folder(os.environ, Path.home())), faces_only)
