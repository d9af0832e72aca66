"""Start-up: is it our disk; then files against rows, until both say the same. Nothing here needs a person."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common import logging_setup
from common.errors import DiskTrouble, FootageBroken, FootageError
from edge.recorder.disk import Disk
from edge.recorder.gap_log import FILE_MISSING, GapLog
from edge.recorder.index import Index, Segment
from edge.recorder.retention.keys import Keys
from edge.recorder.segments.segment import FOOTAGE, KeyOf, SegmentReader

DISK_ID, ACCEPT = "disk.id", "accept-new-disk"
_OURS = re.compile(rf"^{FOOTAGE}/cam-([A-Za-z0-9_.\-]{{1,64}})/(\d+)/([0-9a-f\-]{{36}})\.seg$")


@dataclass
class Report:
    """What start-up found.

    Attributes:
        salvaged: Torn segments that were kept up to their last whole part.
        emptied: Segments under way without a whole part: nothing was promised of them; their files are gone.
        finished_deletions: Files whose erasing had been interrupted.
        missing: Rows whose file was gone; an error of the disk.
        foreign: Files that are not ours, empty, damaged or under another key; left alone.
    """

    salvaged: int = 0
    emptied: int = 0
    finished_deletions: int = 0
    missing: int = 0
    foreign: list[str] = field(default_factory=list)


def open_index(path: Path, notice: Callable[[str], None]) -> Index:
    """The index; one that is damaged is set aside, and a new one is filled from the files by `reconcile`.

    Raises:
        FootageError: It was written by a newer version, or cannot be made.
    """
    try:
        return Index(path)
    except FootageError as error:
        if "newer version" in str(error) or not isinstance(error.__cause__, sqlite3.DatabaseError):
            raise
        if isinstance(error.__cause__, sqlite3.OperationalError):  # locked, no space, no right: not damage
            raise
        notice(str(error))
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.rename(path.with_name(f"{path.name}.damaged-{number}{suffix}"))
    return Index(path)


def check_disk(disk: Disk, index: Index, new_id: str) -> None:
    """Is this the disk that the index knows? A new store gets its id here.

    Raises:
        DiskTrouble: `changed`: unmounted, swapped, or emptied. A person accepts a new disk by putting an empty file
            called `accept-new-disk` into its folder.
    """
    known, here = index.fact("disk"), _disk_id(disk)
    if known is not None and known == here:
        return
    accepted = disk.size(ACCEPT) is not None
    if known is not None and not accepted:
        what = "another disk" if here else "no disk of ours (not mounted, or emptied)"
        raise DiskTrouble("changed", f"the footage's folder holds {what}; put '{ACCEPT}' into it to go on with it")
    if here is None:
        handle = disk.create(DISK_ID)
        handle.write(new_id.encode())
        handle.sync()
        handle.close()
        disk.sync_folder("")
    index.set_fact("disk", here or new_id)
    if accepted:
        disk.unlink(ACCEPT)
        disk.sync_folder("")


def same_disk(disk: Disk, index: Index) -> bool:
    """Whether the disk is still the one that it was; asked while recording."""
    try:
        return _disk_id(disk) == index.fact("disk")
    except DiskTrouble:
        return False


def reconcile(disk: Disk, keys: Keys, index: Index, ledger: GapLog) -> Report:
    """Make files and rows say the same.

    Raises:
        DiskTrouble: The disk fails.
        FootageError: The index cannot be written.
    """
    report = Report()
    report.finished_deletions = empty_garbage(disk, index)
    files = [path for path in disk.walk(FOOTAGE) if path]
    _drop_missing(index, set(files), ledger, report)
    torn = {row.path: row for row in index.unfinished()}
    known = index.all_ids()
    for path in files:
        match = _OURS.match(path)
        if match is None:
            report.foreign.append(path)
        elif path in torn or match[3] not in known:
            _salvage(disk, keys.find, index, path, torn.get(path), report)
    for path in report.foreign:
        logging_setup.get("recorder").warning("a file in the store cannot be used; it is left alone", path=path)
    return report


def empty_garbage(disk: Disk, index: Index) -> int:
    """Unlink what is in the garbage, flush the folders, then drop the rows. Keys come first. How many files."""
    paths = index.garbage()
    folders = []
    for path in paths:
        disk.unlink(path)
        folder = path.rpartition("/")[0]
        if folder.startswith("keys/"):
            disk.sync_folder(folder)  # the key is gone for good before the first file goes
        elif folder not in folders:
            folders.append(folder)
    for folder in folders:
        disk.sync_folder(folder)
    index.drop_garbage(paths)
    return len(paths)


def _drop_missing(index: Index, files: set[str], ledger: GapLog, report: Report) -> None:
    for use in index.days():
        rows = [row for row in index.rows(use.camera, use.day) if row.path not in files]
        for row in rows:
            ledger.note(row.camera, row.start_ns, row.end_ns, row.end_ns - row.start_ns, FILE_MISSING)
        index.drop_rows(rows)
        report.missing += len(rows)


def _salvage(  # noqa: PLR0917
    disk: Disk, key_of: KeyOf, index: Index, path: str, row: Segment | None, report: Report
) -> None:
    """Keep a segment up to its last whole part."""
    try:
        found = SegmentReader(disk, path, key_of).check()
    except FootageBroken:
        report.foreign.append(path)
        if row is not None:
            index.drop_rows([row])
        return
    header = found.header
    if found.parts == 0:
        disk.unlink(path)
        disk.sync_folder(path.rpartition("/")[0])
        if row is not None:
            index.drop_rows([row])
        report.emptied += 1
        return
    end_ns = header.wall_ns + found.end_ms * 1_000_000
    good = Segment(header.camera, header.id, header.wall_ns, end_ns, found.bytes, True)
    if good.path != path:
        report.foreign.append(path)
        return
    index.add([good])
    report.salvaged += 1


def _disk_id(disk: Disk) -> str | None:
    if disk.size(DISK_ID) is None:
        return None
    return disk.read(DISK_ID, 0, 64).decode(errors="replace")
