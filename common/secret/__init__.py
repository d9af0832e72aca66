"""A value that hides itself, and log-ins with it."""

from __future__ import annotations

import os
from pathlib import Path


class Secret:
    """A string that never shows in a repr, a log or a traceback; `reveal()` is the only way out.

    >>> Secret("hunter2")
    Secret(***)
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def reveal(self) -> str:
        """The value itself."""
        return self._value


def write_private(path: Path, data: bytes) -> None:
    """Write `data` to a new file that only this user can read, atomically and durably.

    The file is created with mode 0600 under a temporary name, flushed to disk and renamed.
    """
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    temporary.rename(path)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Make a rename, creation or deletion inside `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
