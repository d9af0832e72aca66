"""`paifang models list|fetch|verify`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from common.errors import HashMismatch, ModelError, ModelUnavailable, SettingsError
from models import registry
from models.files.download import Progress
from models.files.store import ModelStore, default_folder
from models.manifest import TASKS, Manifest, Task

DONE, FAILED = 0, 1
BAR_WIDTH = 30
TOGETHER: tuple[Task, ...] = ("plate-find", "plate-read")
"""Tasks whose models are opinions beside each other at a gate, not only fallbacks."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the words of `paifang models`."""
    words = parser.add_subparsers(dest="word", required=True, metavar="list|fetch|verify")
    listing = words.add_parser("list", help="every model, its task, licence and whether it is here")
    listing.set_defaults(call=list_models)
    fetch = words.add_parser("fetch", help="bring models here: those named, one task's, or what a box with gates uses")
    fetch.set_defaults(call=fetch_models)
    fetch.add_argument("names", nargs="*", metavar="NAME")
    fetch.add_argument("--task", choices=TASKS)
    verify = words.add_parser("verify", help="compare the files that are here with their manifests")
    verify.set_defaults(call=verify_models)
    for word in (listing, fetch, verify):
        word.add_argument("--json", action="store_true", help="for programs")
        word.add_argument(
            "--folder",
            type=Path,
            default=default_folder(os.environ, Path.home()),
            help="where the models lie (%(default)s)",
        )


def list_models(options: argparse.Namespace) -> int:
    """Print every manifest and whether its files are here."""
    from models.detector_factory import READERS, WRAPPERS  # onnxruntime is heavy: only where it is needed

    store = ModelStore(options.folder)
    rows = [
        {
            "name": each.name,
            "task": each.task,
            "order": each.order,
            "bytes": each.bytes,
            "licence": each.licence,
            "caveat": each.caveat,
            "sha256": each.sha256,
            "here": store.has(each.name),
            "wrapper": each.name in WRAPPERS or each.name in READERS,
        }
        for each in registry.manifests()
    ]
    if options.json:
        _say_json({"folder": str(options.folder), "models": rows})
        return DONE
    for row in rows:
        here = "here" if row["here"] else "not fetched"
        wrapper = "" if row["wrapper"] else ", no wrapper yet"
        _say(f"{row['name']:22} {row['task']:14} {row['order']}  {row['bytes']:>10,} B  {here}{wrapper}")
        _say(f"    {row['licence']}. {row['caveat']}")
    return DONE


def fetch_models(options: argparse.Namespace) -> int:
    """Fetch the models asked for; for a task, its first that can be had.

    Without either it is one for each task, and those that gates use beside each other where they can be had.
    """
    if options.names and options.task:
        raise SettingsError("paifang models fetch", "--task", "name models or a task, not both")
    wanted = [_named(name) for name in options.names]
    store = ModelStore(options.folder)
    taken: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for manifest in wanted:
        try:
            store.fetch(manifest.name, progress_on(sys.stderr, manifest.name))
            taken.append(_taken(manifest, store))
        except ModelError as error:
            failed.append({"name": manifest.name, "reason": str(error)})
    for task in [] if wanted else [options.task] if options.task else TASKS:
        try:
            manifest, _ = store.ensure(task, progress_on(sys.stderr, task))
            taken.append(_taken(manifest, store))
        except ModelError as error:
            failed.append({"name": task, "reason": str(error)})
    missed = [] if wanted or options.task else _beside(store, taken)
    return _tell_fetched(options.json, taken, failed, missed)


def _beside(store: ModelStore, taken: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Fetch the other models of the tasks whose models work together; what cannot be had, with its reason."""
    missed: list[dict[str, str]] = []
    have = {row["name"] for row in taken}
    for manifest in [each for task in TOGETHER for each in registry.for_task(task) if each.name not in have]:
        try:
            store.fetch(manifest.name, progress_on(sys.stderr, manifest.name))
            taken.append(_taken(manifest, store))
        except ModelError as error:
            missed.append({"name": manifest.name, "reason": str(error)})
    return missed


def verify_models(options: argparse.Namespace) -> int:
    """Compare what is here; 1 where a file is damaged or a task has no model."""
    store = ModelStore(options.folder)
    states = {each.name: _state(store, each.name) for each in registry.manifests()}
    bare = [task for task in TASKS if all(states[each.name] != "good" for each in registry.for_task(task))]
    if options.json:
        _say_json({"folder": str(options.folder), "models": states, "tasks_without_model": bare})
    else:
        for name, state in states.items():
            _say(f"{name:22} {state}")
        for task in bare:
            _say(f"no model for '{task}': run `paifang models fetch --task {task}`")
    return FAILED if bare or any(state.startswith("damaged") for state in states.values()) else DONE


def progress_on(stream: TextIO, title: str) -> Progress:
    """A bar on a terminal, nothing in a pipe."""
    if not stream.isatty():
        return lambda _done, _total: None

    def draw(done: int, total: int) -> None:
        full = BAR_WIDTH * done // max(total, 1)
        bar = "#" * full + "." * (BAR_WIDTH - full)
        end = "\n" if done >= total else ""
        stream.write(f"\r{title:22} [{bar}] {done / 1e6:6.1f} of {total / 1e6:.1f} MB{end}")
        stream.flush()

    return draw


def _named(name: str) -> Manifest:
    try:
        return registry.named(name)
    except ModelError as error:
        raise SettingsError("paifang models fetch", name, str(error)) from error


def _taken(manifest: Manifest, store: ModelStore) -> dict[str, Any]:
    """What was fetched, after it has run once on a grey picture where it can run."""
    from models.detector_factory import WRAPPERS, open_model  # see list_models

    if manifest.name in WRAPPERS:
        open_model(manifest.name, store).detect(np.full((64, 64, 3), 127, np.uint8))
    path = str(store.path(manifest.name))
    return {"name": manifest.name, "task": manifest.task, "order": manifest.order, "path": path}


def _tell_fetched(
    as_json: bool, taken: list[dict[str, Any]], failed: list[dict[str, str]], missed: list[dict[str, str]]
) -> int:
    if as_json:
        _say_json({"taken": taken, "failed": failed, "missed": missed})
    else:
        for row in taken:
            choice = "first choice" if row["order"] == 1 else f"choice {row['order']}"
            _say(f"{row['task']:14} {row['name']} ({choice}): {row['path']}")
        for row in failed:
            print(f"{row['name']}: {row['reason']}", file=sys.stderr)  # noqa: T201
        for row in missed:
            print(f"gates work without {row['name']}, less well: {row['reason']}", file=sys.stderr)  # noqa: T201
    return FAILED if failed else DONE


def _state(store: ModelStore, name: str) -> str:
    try:
        store.verify(name)
    except ModelUnavailable:
        return "not fetched"
    except HashMismatch as error:
        return f"damaged: {error}"
    except ModelError as error:
        return f"damaged: {error}"
    return "good"


def _say(line: str) -> None:
    print(line)  # noqa: T201


def _say_json(value: dict[str, Any]) -> None:
    _say(json.dumps(value, ensure_ascii=False, indent=2))
