"""The cache of model files: `FOLDER/NAME/FILE`, complete and verified or not there at all.

Order of a fetch: lock the cache → fetch into `.staging/NAME` → verify every file → convert where the manifest
asks for it → fsync → rename into place → fsync the folder. A crash leaves the old state and, for an address, a part to
go on with.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from common.errors import HashMismatch, ModelError, ModelUnavailable
from common.secret import fsync_folder
from models import registry
from models.files.convert_tfjs import convert as convert_tfjs
from models.files.download import Progress
from models.manifest import File, Folder, Manifest, Source, Task
from models.model_sources import FetchContext, FetchJob, label, system_context
from models.model_sources import fetch as fetch_files

CONVERTERS = {"tfjs-graph": convert_tfjs}
"""Manifest's `convert` → function from a folder of parts to the bytes of an ONNX file."""


def default_folder(environment: Mapping[str, str], home: Path) -> Path:
    """$PAIFANG_DATA/models, else the user's data folder."""
    data = environment.get("PAIFANG_DATA")
    return (Path(data) if data else home / ".local" / "share" / "paifang") / "models"


class ModelStore:
    """Model files on this machine.

    Args:
        folder: The cache; made where it is missing.
        context: Access to sources; default: this machine's.
        manifests: Available models; default: the registry's.
    """

    def __init__(
        self, folder: Path, context: FetchContext | None = None, manifests: Sequence[Manifest] | None = None
    ) -> None:
        self.folder = folder
        self._context = context or system_context()
        known = registry.manifests() if manifests is None else manifests
        self._manifests = {manifest.name: manifest for manifest in known}

    def manifest(self, name: str) -> Manifest:
        """The manifest of that name.

        Raises:
            ModelError: There is none.
        """
        return self._manifests[name] if name in self._manifests else registry.named(name)

    def for_task(self, task: Task) -> list[Manifest]:
        """The task's manifests, first choice first."""
        candidates = [each for each in self._manifests.values() if each.task == task]
        return sorted(candidates, key=lambda each: each.order)

    def has(self, name: str) -> bool:
        """Whether all files of the model exist; their content is not checked."""
        return all(self._place(name, file).is_file() for file in self.manifest(name).stored_files)

    def path(self, name: str) -> Path:
        """The model's file; its other files are in the same folder.

        Raises:
            ModelUnavailable: It was not fetched yet.
        """
        if not self.has(name):
            raise ModelUnavailable(f"model '{name}' is not in {self.folder}; run `paifang models fetch {name}`")
        return self._place(name, self.manifest(name).stored_files[0])

    def read(self, name: str) -> bytes:
        """The verified bytes of the model: what is hashed is what is loaded.

        Raises:
            ModelUnavailable: It was not fetched yet.
            HashMismatch: It is damaged.
            ModelError: It cannot be read.
        """
        path = self.path(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error}") from error
        _check(hashlib.sha256(data).hexdigest(), self.manifest(name).stored_files[0], path)
        return data

    def parts(self, name: str) -> dict[str, bytes]:
        """The verified bytes of the model's companion files, by name.

        Raises:
            ModelUnavailable: It was not fetched yet.
            HashMismatch: One is damaged.
            ModelError: One cannot be read.
        """
        self.path(name)
        found: dict[str, bytes] = {}
        for file in self.manifest(name).stored_files[1:]:
            path = self._place(name, file)
            try:
                found[file.name] = path.read_bytes()
            except OSError as error:
                raise ModelError(f"{path}: cannot be read: {error}") from error
            _check(hashlib.sha256(found[file.name]).hexdigest(), file, path)
        return found

    def verify(self, name: str) -> None:
        """Compare every file of the model with its manifest.

        Raises:
            ModelUnavailable: It was not fetched yet.
            HashMismatch: One of its files is damaged.
        """
        self.path(name)
        for file in self.manifest(name).stored_files:
            verify_file(self._place(name, file), file)

    def ensure(self, task: Task, progress: Progress | None = None, fetch: bool = True) -> tuple[Manifest, Path]:
        """The first model of the task that can be had.

        Args:
            task: What it is for.
            progress: Called with (bytes done, bytes in all).
            fetch: Whether a missing or damaged model may be fetched.

        Raises:
            ModelUnavailable: None can be had; lists each with its reasons.
        """
        reasons = []
        for manifest in self.for_task(task):
            try:
                self.verify(manifest.name)
                return manifest, self.path(manifest.name)
            except ModelError as error:
                reason = str(error)
            if fetch:
                try:
                    return manifest, self.fetch(manifest.name, progress)
                except ModelError as error:
                    reason = str(error)
            reasons.append(reason)
        hint = "" if fetch else f"; run `paifang models fetch --task {task}`"
        raise ModelUnavailable(f"no model for '{task}'{hint}:\n" + "\n".join(reasons))

    def fetch(self, name: str, progress: Progress | None = None) -> Path:
        """Bring the model from the first source that delivers what the manifest promises.

        Raises:
            ModelUnavailable: No source did; lists each with its reason.
            ModelError: The cache folder cannot be written, or the files cannot be converted.
        """
        manifest = self.manifest(name)
        try:
            with self._locked():
                if not self._intact(manifest):
                    self._fetch(manifest, progress or _no_progress)
        except OSError as error:
            raise ModelError(f"{self.folder}: cannot be written: {error}") from error
        return self.path(name)

    def _fetch(self, manifest: Manifest, progress: Progress) -> None:
        staging = self.folder / ".staging" / manifest.name
        staging.mkdir(parents=True, exist_ok=True)
        reasons = []
        for source in manifest.sources:
            try:
                self._stage(source, manifest, staging, progress)
            except ModelError as error:
                reasons.append(f"  {label(source)}: {error}")
                continue
            self._install(manifest, staging)
            shutil.rmtree(staging)
            return
        raise ModelUnavailable(f"model '{manifest.name}' cannot be had:\n" + "\n".join(reasons))

    def _stage(self, source: Source, manifest: Manifest, staging: Path, progress: Progress) -> None:
        """Everything of `manifest.kept` lies verified in `staging` afterwards."""
        finished = isinstance(source, Folder)  # folders hold copies of caches, where models are converted already
        files = manifest.stored_files if finished else manifest.fetched
        fetch_files(source, FetchJob(manifest, files, staging, self._context, progress))
        for file in files:
            _verify_or_discard(staging / file.name, file)
        if manifest.convert and not finished:
            (staging / manifest.file).write_bytes(CONVERTERS[manifest.convert](staging))
            _verify_or_discard(staging / manifest.file, manifest.stored_files[0])

    def _install(self, manifest: Manifest, staging: Path) -> None:
        place = self.folder / manifest.name
        place.mkdir(exist_ok=True)
        for file in reversed(manifest.stored_files):  # the model itself last: its presence marks the model as complete
            _flush(staging / file.name)
            (staging / file.name).replace(place / file.name)
        fsync_folder(place)
        fsync_folder(self.folder)

    def _intact(self, manifest: Manifest) -> bool:
        try:
            self.verify(manifest.name)
        except ModelError:
            return False
        return True

    def _place(self, name: str, file: File) -> Path:
        return self.folder / name / file.name

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One fetch at a time in this cache, also between processes; the kernel lets go when a holder dies."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def verify_file(path: Path, file: File) -> None:
    """Compare one file with what is promised.

    Raises:
        HashMismatch: It differs; names both hashes.
        ModelError: It cannot be read.
    """
    try:
        with path.open("rb") as data:
            found = hashlib.file_digest(data, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error}") from error
    _check(found, file, path)


def _check(found: str, file: File, path: Path) -> None:
    if found != file.sha256:
        raise HashMismatch(f"{path.name}: SHA-256 must be {file.sha256}, got {found}; not used")


def _verify_or_discard(path: Path, file: File) -> None:
    try:
        verify_file(path, file)
    except HashMismatch:
        path.unlink()
        raise


def _flush(path: Path) -> None:
    with path.open("rb+") as data:
        os.fsync(data.fileno())


def _no_progress(_done: int, _total: int) -> None:
    """Progress that nobody watches."""
