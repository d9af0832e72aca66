"""The video redactors, put together from the models that are here; `edge/app.py` hands over the store."""

from __future__ import annotations

import functools

import numpy as np

from edge.blur.counts import UsedModel
from edge.blur.export import THREADS, ExportRedactor
from edge.blur.live import LONG_SIDE_PX, PLATES_PX, LiveRedactor
from edge.blur.look import Finders, Sized
from models.manifest import Task
from models.session import Options
from models.store import ModelStore
from models.wrappers import WRAPPERS, open_detector, open_model
from pipelines.types import Detector

LEAST = 0.2
"""Least score for whole videos: far below the usual one, since covering too much costs little."""
LEAST_SCORE = {"clp_det": 0.3, "ppocr_det": 0.3, "centerface": 0.06}
"""The same of models whose scores mean something else. At 0.2 CenterFace left 24 % of the small faces of a crowd open,
at 0.06 with two sizes in each look 3 %, and hides no more of the
pictures than YuNet does at 0.2."""

THOROUGH = frozenset({"centerface"})
"""Face models that miss small faces at one size: with two in each look a third fewer were left open."""


def export_redactor(store: ModelStore, faces_only: bool = False, threads: int = THREADS) -> ExportRedactor:
    """What covers whole videos.

    Args:
        store: Where the models are.
        faces_only: Leave plates alone.
        threads: Searches at a time; a running box has one, since each needs the memory of its input.

    Raises:
        ModelUnavailable: A model is missing; tells the command that fetches it.
    """
    faces, face_model = _sized("faces-to-blur", store)
    thorough = face_model.name in THOROUGH
    if faces_only:
        return ExportRedactor(Finders(faces, None, thorough), np.random.default_rng(), (face_model,), threads=threads)
    plates, plate_model = _sized("plate-find", store)
    models = (face_model, plate_model)
    return ExportRedactor(Finders(faces, plates, thorough), np.random.default_rng(), models, threads=threads)


def live_redactor(store: ModelStore, rate: float, lead: int) -> LiveRedactor:
    """What covers one view, live or of footage.

    Raises:
        ModelUnavailable: A model is missing; tells the command that fetches it.
    """
    faces = open_detector("faces-to-blur", store, Options(long_side=LONG_SIDE_PX, threshold=0.3))
    plates = open_detector("plate-find", store, Options(long_side=PLATES_PX))
    return LiveRedactor(faces, plates, np.random.default_rng(), rate, lead=lead)


def _sized(task: Task, store: ModelStore) -> tuple[Sized, UsedModel]:
    """A task's first model that is here, opened for each size once, at the first use."""
    open_detector(task, store)  # says what is missing, now
    manifest = next(it for it in store.for_task(task) if it.name in WRAPPERS and store.has(it.name))

    threshold = LEAST_SCORE.get(manifest.name, LEAST)

    @functools.cache
    def sized(long_side: int) -> Detector:
        return open_model(manifest.name, store, Options(long_side=long_side, threshold=threshold, lean=True))

    return sized, UsedModel(manifest.name, manifest.sha256)
