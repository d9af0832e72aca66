"""The table of wrappers: to add a model, write its manifest, its class, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from common.errors import ModelError, ModelUnavailable
from models.detectors.centerface import CenterFace
from models.detectors.clp_det import ClpDet
from models.detectors.clp_rec import ClpRec
from models.detectors.ppocr_det import PpocrDet
from models.detectors.ppocr_rec import PpocrRec
from models.detectors.ssdlite import SsdLite
from models.detectors.yolox import YoloxNano
from models.detectors.yunet import YuNet
from models.files.store import ModelStore
from models.manifest import Task
from models.session import DEFAULT_OPTIONS, Options
from pipelines.types import CornerFinder, Detector, LineReader

WRAPPERS: dict[str, Callable[[bytes, Options], Detector]] = {
    "yolox_nano": YoloxNano,
    "ssdlite_mobilenet_v2": SsdLite,
    "yunet_n": YuNet,
    "centerface": CenterFace,
    "clp_det": ClpDet,
    "ppocr_det": PpocrDet,
}
"""Manifest's name → what runs it. A model without an entry can be fetched but not opened."""

READERS: dict[str, Callable[[bytes, Mapping[str, bytes], Options], LineReader]] = {
    "ppocr_rec": PpocrRec,
    "clp_rec": ClpRec,
}
"""Manifest's name → what reads a line with it. Opened for gates only."""


CORNERS: dict[str, Callable[[bytes, Options], CornerFinder]] = {"clp_det": ClpDet, "ppocr_det": PpocrDet}
"""Manifest's name → what finds corners with it."""


def open_corners(name: str, store: ModelStore, options: Options = DEFAULT_OPTIONS) -> CornerFinder:
    """Load a finder of corners. Never fetches.

    Raises:
        ModelUnavailable: It was not fetched yet; the text names the command to run.
        HashMismatch: Its file is damaged.
        ModelError: It cannot be loaded.
    """
    return CORNERS[name](store.read(name), options)


def open_readers(store: ModelStore, options: Options = DEFAULT_OPTIONS) -> list[LineReader]:
    """Every reader of plates that is in the store; they are opinions beside each other. Never fetches.

    Raises:
        ModelUnavailable: None is there; the text names the command to run.
        HashMismatch: One that is there is damaged.
        ModelError: A file cannot be loaded.
    """
    here = [manifest.name for manifest in store.for_task("plate-read") if store.has(manifest.name)]
    if not here:
        names = " ".join([*CORNERS, *READERS])
        raise ModelUnavailable(
            f"a gate needs a reader of plates, and {store.folder} holds none; run `paifang models fetch {names}`"
        )
    return [READERS[name](store.read(name), store.parts(name), options) for name in here if name in READERS]


def open_model(name: str, store: ModelStore, options: Options = DEFAULT_OPTIONS) -> Detector:
    """Load one model from the store, verified. Never fetches.

    Raises:
        ModelUnavailable: It was not fetched yet; the text names the command to run.
        HashMismatch: Its file is damaged.
        ModelError: There is no wrapper for it yet, or the file cannot be loaded.
    """
    if name not in WRAPPERS:
        raise ModelError(f"model '{name}' has no wrapper yet")
    return WRAPPERS[name](store.read(name), options)


def open_detector(task: Task, store: ModelStore, options: Options = DEFAULT_OPTIONS) -> Detector:
    """Load the task's first model that is in the store. Never fetches.

    Raises:
        ModelUnavailable: None of the task's models is in the store; the text names the command to run.
        HashMismatch: The one that is there is damaged.
        ModelError: No model of the task has a wrapper yet, or the file cannot be loaded.
    """
    names = [manifest.name for manifest in store.for_task(task)]
    runnable = [name for name in names if name in WRAPPERS]
    if not runnable:
        raise ModelError(f"no model for '{task}' has a wrapper yet: {', '.join(names) or 'none is known'}")
    for name in runnable:
        if store.has(name):
            return open_model(name, store, options)
    raise ModelUnavailable(
        f"no model for '{task}' ({', '.join(runnable)}) is in {store.folder}; run `paifang models fetch --task {task}`"
    )
