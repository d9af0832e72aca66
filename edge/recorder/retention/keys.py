"""A key per camera and day, wrapped by the box's key (AES key wrap, RFC 3394), in files on the footage's disk.

A `Wrapper` can use a TPM or PKCS#11: anything that wraps 32 bytes. `FileWrapper` stores the box's key in a file with
mode 0600.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from common.errors import FootageBroken, FootageError
from common.secret import write_private
from edge.recorder.disk import Disk

KEY_BYTES, WRAPPED_BYTES = 32, 40
KEYS = "keys"


class Wrapper(Protocol):
    """Wraps day keys under a key that need not leave its hardware."""

    def wrap(self, key: bytes) -> bytes:
        """32 bytes to 40."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """40 bytes to 32.

        Raises:
            FootageBroken: Wrapped by another key, or changed.
        """


class FileWrapper:
    """The box's key in a file; made on first use, mode 0600.

    Raises:
        FootageError: The file can be read by others, or is not a key.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, secrets.token_bytes(KEY_BYTES))
        if path.stat().st_mode & 0o077:
            raise FootageError(f"{path}: others can read the box's key; chmod 600 it")
        self._key = path.read_bytes()
        if len(self._key) != KEY_BYTES:
            raise FootageError(f"{path}: {len(self._key)} bytes; the box's key has {KEY_BYTES}")

    def wrap(self, key: bytes) -> bytes:
        """See `Wrapper`."""
        return aes_key_wrap(self._key, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """See `Wrapper`."""
        try:
            return aes_key_unwrap(self._key, wrapped)
        except (InvalidUnwrap, ValueError) as error:
            raise FootageBroken("the day's key does not open with this box's key") from error


class DayKeyStore:
    """The day keys of one disk. A key is on the medium before the first segment that needs it is created."""

    def __init__(self, disk: Disk, wrapper: Wrapper) -> None:
        self._disk, self._wrapper = disk, wrapper
        self._last: dict[str, tuple[int, bytes]] = {}

    def obtain(self, camera: str, day: int) -> bytes:
        """The key to write with; created if missing. An incompletely written one is replaced.

        Raises:
            FootageBroken: It exists and was wrapped by another box's key.
            DiskTrouble: It cannot be written.
        """
        cached = self._last.get(camera)
        if cached is not None and cached[0] == day:
            return cached[1]
        path = path_of(camera, day)
        is_complete = self._disk.size(path) == WRAPPED_BYTES and any(self._disk.read(path, 0, WRAPPED_BYTES))
        if not is_complete and self._disk.size(path) is not None:
            self._disk.unlink(path)  # incompletely written: no data was ever encrypted with it
        key = self.find(camera, day) if is_complete else self._make(path)
        self._last[camera] = day, key
        return key

    def find(self, camera: str, day: int) -> bytes:
        """The key to read with.

        Raises:
            FootageBroken: Destroyed, missing, or it cannot be unwrapped.
        """
        path = path_of(camera, day)
        if self._disk.size(path) is None:
            raise FootageBroken(f"camera '{camera}', day {day}: its key is missing; erased, or another disk")
        return self._wrapper.unwrap(self._disk.read(path, 0, WRAPPED_BYTES + 1))

    def destroy(self, camera: str, day: int) -> None:
        """Destroy a day's key durably."""
        self._last.pop(camera, None)
        path = path_of(camera, day)
        self._disk.unlink(path)
        self._disk.sync_folder(path.rpartition("/")[0])

    def _make(self, path: str) -> bytes:
        key = secrets.token_bytes(KEY_BYTES)
        handle = self._disk.create(path)
        try:
            handle.write(self._wrapper.wrap(key))
            handle.sync()
        finally:
            handle.close()
        self._disk.sync_folder(path.rpartition("/")[0])
        return key


def path_of(camera: str, day: int) -> str:
    """Path of a day's key."""
    return f"{KEYS}/cam-{camera}/{day}.key"
