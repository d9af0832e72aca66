"""Models: what they are (manifests), where they come from (store), and how they run (wrappers).

Tasks are a closed set, and none of them identifies anybody: objects are detected and classified, faces are found
in order to be blurred, plates are found and, at a gate, read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.files.store import ModelStore
    from models.manifest import Task
    from pipelines.types import Detector


def open_detector(task: Task, store: ModelStore, threads: int = 1) -> Detector:
    """The task's first model that is in `store`, loaded; see `models.detector_factory.open_detector` for more options.

    Raises:
        ModelUnavailable: None of the task's models is in the store; the text names the command to run.
        ModelError: No wrapper exists for the task yet, or the file cannot be loaded.
    """
    from models import detector_factory  # onnxruntime is heavy: commands that run no model do not load it
    from models.session import Options

    return detector_factory.open_detector(task, store, Options(threads=threads))
