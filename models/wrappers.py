"""The table of wrappers: to add a model, write its manifest, its class, and one line here."""

from __future__ import annotations

from collections.abc import Callable

from common.errors import ModelError, ModelUnavailable
from models.centerface import CenterFace
from models.clp_det import ClpDet
from models.manifest import Task
from models.ppocr_det import PpocrDet
from models.session import DEFAULT_OPTIONS, Options
from models.ssdlite import SsdLite
from models.store import ModelStore
from models.yolox import YoloxNano
from models.yunet import YuNet
from pipelines.types import Detector

WRAPPERS: dict[str, Callable[[bytes, Options], Detector]] = {
    "yolox_nano": YoloxNano,
    "ssdlite_mobilenet_v2": SsdLite,
    "yunet_n": YuNet,
    "centerface": CenterFace,
    "clp_det": ClpDet,
    "ppocr_det": PpocrDet,
}
"""Manifest's name → what runs it. A model without an entry can be fetched but not opened."""


def open_model(name: str, store: ModelStore, options: Options = DEFAULT_OPTIONS) -> Detector:
    """Load one model from the store, verified. Never fetches.

    Raises:
        ModelUnavailable: It was not fetched yet; the text says what to run.
        HashMismatch: Its file is damaged.
        ModelError: There is no wrapper for it yet, or the file cannot be loaded.
    """
    if name not in WRAPPERS:
        raise ModelError(f"model '{name}' has no wrapper yet")
    return WRAPPERS[name](store.read(name), options)


def open_detector(task: Task, store: ModelStore, options: Options = DEFAULT_OPTIONS) -> Detector:
    """Load the task's first model that is in the store. Never fetches.

    Raises:
        ModelUnavailable: None of the task's models is in the store; the text says what to run.
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
