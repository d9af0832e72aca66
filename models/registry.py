"""The explicit list of manifests, and questions about it."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from common.errors import ModelError
from models.manifest import TASKS, Manifest, Task, loads

MANIFESTS = (
    "yolox_nano",
    "ssdlite_mobilenet_v2",
    "yunet_n",
    "centerface",
    "clp_det",
    "ppocr_det",
    "ppocr_rec",
    "clp_rec",
)
"""Every model there is: `manifests/NAME.toml`."""

FOLDER = Path(__file__).parent / "manifests"


@cache
def manifests() -> tuple[Manifest, ...]:
    """All manifests, in the order of `MANIFESTS`.

    Raises:
        ModelError: One of them does not load.
    """
    return tuple(_load(name) for name in MANIFESTS)


def for_task(task: Task) -> list[Manifest]:
    """The task's models, first choice first.

    Raises:
        ModelError: The task is not one of the closed set.
    """
    if task not in TASKS:
        raise ModelError(f"task {task!r} is refused; tasks are a closed set: {', '.join(TASKS)}")
    return sorted((each for each in manifests() if each.task == task), key=lambda each: each.order)


def named(name: str) -> Manifest:
    """The manifest of that name.

    Raises:
        ModelError: There is none; names the nearest.
    """
    for manifest in manifests():
        if manifest.name == name:
            return manifest
    near = difflib.get_close_matches(name, MANIFESTS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"one of: {', '.join(MANIFESTS)}"
    raise ModelError(f"there is no model '{name}'; {hint}")


def _load(name: str) -> Manifest:
    path = FOLDER / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{path.name}: cannot be read: {error}") from error
    manifest = loads(text, path.name)
    if manifest.name != name:
        raise ModelError(f"{path.name}: name must be '{name}', got '{manifest.name}'")
    return manifest
