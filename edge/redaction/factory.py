"""Builds the video redactors from the available models."""

from __future__ import annotations

import functools

import numpy as np

from edge.media.redaction_statistics import UsedModel
from edge.redaction.detection_plan import Detectors, Sized
from edge.redaction.face_search import FACE_SEARCH, SMALL_PX, live_faces
from edge.redaction.live_redactor import PLATES_PX, LiveRedactor
from edge.redaction.two_pass_redactor import THREADS, ExportRedactor
from models.detector_factory import WRAPPERS, open_detector, open_model
from models.files.store import ModelStore
from models.manifest import Task
from models.session import Options
from pipelines.types import Detector

LEAST = 0.2
"""Minimum score for whole videos: far below the usual one, since an excess mask costs little."""
LEAST_SCORE = {"clp_det": 0.3, "ppocr_det": 0.3}
"""Minimum score of models with another score scale. Face models share one scale (`centerface.py`)."""


def export_redactor(
    store: ModelStore, faces_only: bool = False, threads: int = THREADS, face_model: str | None = None
) -> ExportRedactor:
    """A redactor of whole videos.

    Args:
        store: The model store.
        faces_only: Do not mask plates.
        threads: Parallel searches; a running box uses one, since each needs memory for its input.
        face_model: Name of the face model; default: the first available choice.

    Raises:
        ModelUnavailable: A model is missing; tells the command that fetches it.
    """
    in_box = threads == 1
    faces, used = _sized("faces-to-blur", store, face_model, in_box)
    thorough = FACE_SEARCH[used.name].thorough
    if faces_only:
        return ExportRedactor(Detectors(faces, None, thorough), np.random.default_rng(), (used,), threads=threads)
    plates, plate_model = _sized("plate-find", store, None, in_box)
    models = (used, plate_model)
    return ExportRedactor(Detectors(faces, plates, thorough), np.random.default_rng(), models, threads=threads)


def live_redactor(store: ModelStore, rate: float, lead: int) -> LiveRedactor:
    """A redactor of one view, live or recorded.

    Raises:
        ModelUnavailable: A model is missing; tells the command that fetches it.
    """
    plates = open_detector("plate-find", store, Options(long_side=PLATES_PX))
    return LiveRedactor(live_faces(store), plates, np.random.default_rng(), rate, lead=lead)


def _sized(task: Task, store: ModelStore, name: str | None, in_box: bool) -> tuple[Sized, UsedModel]:
    """A task's first available model, or the named one; opened once for each size, at the first use.

    Giving memory back costs 8 % of the time of a small input. In a box it is given back after each: all models share
    one arena, which inputs of many sizes in turn would split and grow.
    """
    if name is None:
        open_detector(task, store)  # raises now if a model is missing
    else:
        open_model(name, store)
    here = (it for it in store.for_task(task) if it.name in WRAPPERS and store.has(it.name))
    manifest = next(it for it in here if name in (None, it.name))
    threshold = LEAST_SCORE.get(manifest.name, LEAST)

    @functools.cache
    def sized(long_side: int) -> Detector:
        lean = in_box or long_side > SMALL_PX
        return open_model(manifest.name, store, Options(long_side=long_side, threshold=threshold, lean=lean))

    return sized, UsedModel(manifest.name, manifest.sha256)
