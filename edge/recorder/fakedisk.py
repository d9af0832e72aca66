"""An in-memory disk with power cuts: unflushed data is dropped, torn, or written in another order."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from common.errors import DiskTrouble


class PowerCut(BaseException):
    """A power cut. No production code may catch it."""


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes]] = field(default_factory=list)
    named: bool = False
    """Its name is durable."""

    def seen(self) -> bytes:
        """The content that a reader gets before a power cut."""
        data = bytearray(self.durable)
        for offset, piece in self.pending:
            _put(data, offset, piece)
        return bytes(data)


def _put(data: bytearray, offset: int, piece: bytes) -> None:
    if len(data) < offset:
        data.extend(bytes(offset - len(data)))
    data[offset : offset + len(piece)] = piece


class _FakeHandle:
    def __init__(self, disk: FakeDisk, file: _File) -> None:
        self._disk, self._file, self._end = disk, file, 0

    def write(self, data: bytes) -> None:
        """Append, to be flushed later."""
        if self._disk.used + len(data) > self._disk.capacity:
            raise DiskTrouble("full", "the disk is full")
        for start in range(0, len(data), 4096):  # a disk writes pages in any order
            self._disk.step()
            piece = data[start : start + 4096]
            self._file.pending.append((self._end, piece))
            self._end += len(piece)
            self._disk.used += len(piece)

    def sync(self) -> None:
        """Everything written is durable; the name is not."""
        self._disk.step()
        self._disk.syncs += 1
        for offset, piece in self._file.pending:
            _put(self._file.durable, offset, piece)
        self._file.pending.clear()

    def close(self) -> None:
        """Nothing."""


class FakeDisk:
    """See `Disk`.

    Args:
        random: Decides what survives a cut.
        capacity: Bytes.

    Attributes:
        used: Bytes in files.
    """

    def __init__(self, random: random.Random, capacity: int = 1 << 40) -> None:
        self._random, self.capacity = random, capacity
        self._files: dict[str, _File] = {}
        self._unlinked: dict[str, _File] = {}
        self.steps, self.cut_at = 0, -1
        self.syncs = 0
        self.used = 0

    def count(self) -> int:
        """Bytes in files, counted; `used` follows it."""
        return sum(len(file.durable) + sum(len(p) for _, p in file.pending) for file in self._files.values())

    def step(self) -> None:
        """Count one operation; a power cut may happen before it."""
        if self.steps == self.cut_at:
            raise PowerCut
        self.steps += 1

    def crash(self) -> None:
        """Restart after a power cut: keep flushed data, and a random part of the rest."""
        for path, file in list(self._files.items()):
            if not file.named and self._random.random() < 0.5:
                del self._files[path]
                continue
            file.named = True
            kept = [piece for piece in file.pending if self._random.random() < 0.5]
            self._random.shuffle(kept)
            for offset, piece in kept:
                torn = piece[: self._random.randrange(1, len(piece) + 1)] if self._random.random() < 0.3 else piece
                _put(file.durable, offset, torn)
            file.pending.clear()
        for path, file in self._unlinked.items():
            if self._random.random() < 0.5:
                self._files.setdefault(path, file)
        self._unlinked.clear()
        self.cut_at = -1
        self.used = self.count()

    def create(self, path: str) -> _FakeHandle:
        """See `Disk`."""
        self.step()
        if path in self._files:
            raise DiskTrouble("failed", f"the disk failed: {path} is there already")
        self._files[path] = _File()
        return _FakeHandle(self, self._files[path])

    def read(self, path: str, offset: int, size: int) -> bytes:
        """See `Disk`."""
        if path not in self._files:
            raise DiskTrouble("failed", f"the disk failed: no {path}")
        return self._files[path].seen()[offset : offset + size]

    def size(self, path: str) -> int | None:
        """See `Disk`."""
        return len(self._files[path].seen()) if path in self._files else None

    def unlink(self, path: str) -> None:
        """See `Disk`."""
        self.step()
        if path in self._files:
            file = self._files.pop(path)
            self._unlinked[path] = file
            self.used -= len(file.seen())

    def sync_folder(self, path: str) -> None:
        """See `Disk`."""
        self.step()
        for name, file in self._files.items():
            if name.rpartition("/")[0] == path:
                file.named = True
        self._unlinked = {name: it for name, it in self._unlinked.items() if name.rpartition("/")[0] != path}

    def walk(self, folder: str) -> list[str]:
        """See `Disk`."""
        return sorted(path for path in self._files if path.startswith(f"{folder}/") or not folder)

    def free_bytes(self) -> int:
        """See `Disk`."""
        return self.capacity - self.used
