"""Tells a running aggregator that a command has changed accounts: a file beside the data that grows by a byte."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

NAME = "accounts.changed"
_MOST_BYTES = 4096


class ChangeStamp:
    """May be used from any thread and process.

    Args:
        folder: The data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def read(self) -> tuple[int, int]:
        """Something that differs after each `change`; one call of `stat`."""
        with suppress(OSError):
            found = self._path.stat()
            return found.st_mtime_ns, found.st_size
        return 0, 0

    def change(self) -> None:
        """Say that accounts were changed.

        Raises:
            OSError: The file cannot be written.
        """
        with self._path.open("ab") as file:
            if file.tell() >= _MOST_BYTES:
                file.truncate(0)
            file.write(b".")
