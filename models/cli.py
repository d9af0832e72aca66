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
"""Tasks whose models a gate uses together, not only as fallbacks."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands of `paifang models`."""
    subparsers = parser.add_subparsers(dest="word", required=True, metavar="list|fetch|verify")
    listing = subparsers.add_parser("list", help="list every model, its task, licence and whether it is fetched")
    listing.set_defaults(call=list_models)
    fetch = subparsers.add_parser(
        "fetch", help="fetch models: those named, one task's, or all that a box with gates uses"
    )
    fetch.set_defaults(call=fetch_models)
    fetch.add_argument("names", nargs="*", metavar="NAME")
    fetch.add_argument("--task", choices=TASKS)
    verify = subparsers.add_parser("verify", help="compare the fetched files with their manifests")
    verify.set_defaults(call=verify_models)
    for subparser in (listing, fetch, verify):
        subparser.add_argument("--json", action="store_true", help="for programs")
        subparser.add_argument(
            "--folder",
            type=Path,
            default=default_folder(os.environ, Path.home()),
            help="where the models lie (%(default)s)",
        )


def list_models(options: argparse.Namespace) -> int:
    """Print every manifest and whether its files are fetched."""
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
        _print_json({"folder": str(options.folder), "models": rows})
        return DONE
    for row in rows:
        availability = "here" if row["here"] else "not fetched"
        wrapper = "" if row["wrapper"] else ", no wrapper yet"
        _print(f"{row['name']:22} {row['task']:14} {row['order']}  {row['bytes']:>10,} B  {availability}{wrapper}")
        _print(f"    {row['licence']}. {row['caveat']}")
    return DONE


def fetch_models(options: argparse.Namespace) -> int:
    """Fetch the requested models; for a task, its first available one.

    Without either, one for each task, and those that gates use together where available.
    """
    if options.names and options.task:
        raise SettingsError("paifang models fetch", "--task", "name models or a task, not both")
    requested = [_named(name) for name in options.names]
    store = ModelStore(options.folder)
    fetched_rows: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for manifest in requested:
        try:
            store.fetch(manifest.name, progress_on(sys.stderr, manifest.name))
            fetched_rows.append(_fetch_first(manifest, store))
        except ModelError as error:
            failed.append({"name": manifest.name, "reason": str(error)})
    for task in [] if requested else [options.task] if options.task else TASKS:
        try:
            manifest, _ = store.ensure(task, progress_on(sys.stderr, task))
            fetched_rows.append(_fetch_first(manifest, store))
        except ModelError as error:
            failed.append({"name": task, "reason": str(error)})
    not_fetched = [] if requested or options.task else _fetch_together(store, fetched_rows)
    return _print_fetched(options.json, fetched_rows, failed, not_fetched)


def _fetch_together(store: ModelStore, fetched_rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Fetch the other models of the tasks whose models work together; what cannot be had, with its reason."""
    not_fetched: list[dict[str, str]] = []
    fetched_names = {row["name"] for row in fetched_rows}
    for manifest in [each for task in TOGETHER for each in registry.for_task(task) if each.name not in fetched_names]:
        try:
            store.fetch(manifest.name, progress_on(sys.stderr, manifest.name))
            fetched_rows.append(_fetch_first(manifest, store))
        except ModelError as error:
            not_fetched.append({"name": manifest.name, "reason": str(error)})
    return not_fetched


def verify_models(options: argparse.Namespace) -> int:
    """Verify the fetched files; 1 if a file is damaged or a task has no model."""
    store = ModelStore(options.folder)
    states = {each.name: _state(store, each.name) for each in registry.manifests()}
    bare = [task for task in TASKS if all(states[each.name] != "good" for each in registry.for_task(task))]
    if options.json:
        _print_json({"folder": str(options.folder), "models": states, "tasks_without_model": bare})
    else:
        for name, state in states.items():
            _print(f"{name:22} {state}")
        for task in bare:
            _print(f"no model for '{task}': run `paifang models fetch --task {task}`")
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


def _fetch_first(manifest: Manifest, store: ModelStore) -> dict[str, Any]:
    """What was fetched, after it has run once on a grey picture where it can run."""
    from models.detector_factory import WRAPPERS, open_model  # see list_models

    if manifest.name in WRAPPERS:
        open_model(manifest.name, store).detect(np.full((64, 64, 3), 127, np.uint8))
    path = str(store.path(manifest.name))
    return {"name": manifest.name, "task": manifest.task, "order": manifest.order, "path": path}


def _print_fetched(
    as_json: bool, fetched_rows: list[dict[str, Any]], failed: list[dict[str, str]], not_fetched: list[dict[str, str]]
) -> int:
    if as_json:
        _print_json({"taken": fetched_rows, "failed": failed, "missed": not_fetched})
    else:
        for row in fetched_rows:
            choice = "first choice" if row["order"] == 1 else f"choice {row['order']}"
            _print(f"{row['task']:14} {row['name']} ({choice}): {row['path']}")
        for row in failed:
            print(f"{row['name']}: {row['reason']}", file=sys.stderr)  # noqa: T201
        for row in not_fetched:
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


def _print(line: str) -> None:
    print(line)  # noqa: T201


def _print_json(value: dict[str, Any]) -> None:
    _print(json.dumps(value, ensure_ascii=False, indent=2))
