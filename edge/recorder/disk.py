"""The footage's disk as a small protocol, and the real one. The one that loses power is in `fakedisk.py`.

Paths are relative to the disk's folder, with `/`.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Protocol

from common.errors import DiskTrouble
from common.secret import fsync_folder

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
GONE = frozenset({errno.EROFS, errno.ENODEV, errno.ENXIO, errno.ENOTCONN})


class Handle(Protocol):
    """A file that is being written."""

    def write(self, data: bytes) -> None:
        """Append."""

    def sync(self) -> None:
        """Return when everything written is on the medium."""

    def close(self) -> None:
        """Close without sync."""


class Disk(Protocol):
    """The file system operations of the recorder. Every method raises `DiskTrouble`."""

    def create(self, path: str) -> Handle:
        """Create a new file, mode 0600; it must not exist. Missing folders are created durably."""

    def read(self, path: str, offset: int, size: int) -> bytes:
        """At most `size` bytes."""

    def size(self, path: str) -> int | None:
        """Size of a file in bytes; None if there is none."""

    def unlink(self, path: str) -> None:
        """Remove a file; a missing one is no error."""

    def sync_folder(self, path: str) -> None:
        """Make creations and removals inside a folder durable."""

    def walk(self, folder: str) -> list[str]:
        """All files below a folder, sorted."""

    def free_bytes(self) -> int:
        """Free space in bytes."""


def trouble(error: OSError) -> DiskTrouble:
    """Convert a system error; the text contains no file content."""
    if error.errno in FULL:
        return DiskTrouble("full", "the disk is full")
    reason = error.strerror or type(error).__name__
    return DiskTrouble("changed" if error.errno in GONE else "failed", f"the disk failed: {reason}")


class _RealHandle:
    def __init__(self, descriptor: int, disk: RealDisk) -> None:
        self._descriptor, self._disk = descriptor, disk

    def write(self, data: bytes) -> None:
        """Append all of it."""
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise trouble(error) from error

    def sync(self) -> None:
        """`fdatasync`: the file's length is part of what it flushes."""
        self._disk.syncs += 1
        try:
            os.fdatasync(self._descriptor)
        except OSError as error:
            raise trouble(error) from error

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


class RealDisk:
    """A folder of a real file system.

    Attributes:
        syncs: Files flushed so far.
        folder_syncs: Folders flushed so far.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.syncs = self.folder_syncs = 0

    def create(self, path: str) -> Handle:
        """See `Disk`."""
        target = self.folder / path
        try:
            self._make(target.parent)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            return _RealHandle(descriptor, self)
        except OSError as error:
            raise trouble(error) from error

    def read(self, path: str, offset: int, size: int) -> bytes:
        """See `Disk`."""
        try:
            descriptor = os.open(self.folder / path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                return os.pread(descriptor, size, offset)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise trouble(error) from error

    def size(self, path: str) -> int | None:
        """See `Disk`."""
        try:
            return (self.folder / path).stat().st_size
        except FileNotFoundError:
            return None
        except OSError as error:
            raise trouble(error) from error

    def unlink(self, path: str) -> None:
        """See `Disk`."""
        try:
            (self.folder / path).unlink(missing_ok=True)
        except OSError as error:
            raise trouble(error) from error

    def sync_folder(self, path: str) -> None:
        """See `Disk`; a missing folder needs no flush."""
        try:
            self.folder_syncs += 1
            fsync_folder(self.folder / path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise trouble(error) from error

    def walk(self, folder: str) -> list[str]:
        """See `Disk`."""
        found: list[str] = []
        for parent, _, names in os.walk(self.folder / folder):
            found += [str((Path(parent) / name).relative_to(self.folder)) for name in names]
        return sorted(found)

    def free_bytes(self) -> int:
        """See `Disk`."""
        try:
            facts = os.statvfs(self.folder)
        except OSError as error:
            raise trouble(error) from error
        return facts.f_bavail * facts.f_frsize

    def _make(self, folder: Path) -> None:
        """Create a folder and flush its parent. The disk's own folder is never created: it may be unmounted."""
        if folder == self.folder or folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        fsync_folder(folder.parent)
