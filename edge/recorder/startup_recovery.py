"""Start-up: check the disk's identity, then reconcile files and index rows. Needs no operator."""

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
from edge.recorder.retention.keys import DayKeyStore
from edge.recorder.segments.segment import FOOTAGE, KeyOf, SegmentReader

DISK_ID, ACCEPT = "disk.id", "accept-new-disk"
_SEGMENT_PATH = re.compile(rf"^{FOOTAGE}/cam-([A-Za-z0-9_.\-]{{1,64}})/(\d+)/([0-9a-f\-]{{36}})\.seg$")


@dataclass
class Report:
    """Result of start-up recovery.

    Attributes:
        salvaged: Unfinished segments, kept up to their last complete fragment.
        emptied: Unfinished segments without a complete fragment; their files were removed.
        finished_deletions: Files whose deletion had been interrupted.
        missing: Rows whose file was missing; a disk error.
        foreign: Files that are not segments, or empty, damaged or under another key; left unchanged.
    """

    salvaged: int = 0
    emptied: int = 0
    finished_deletions: int = 0
    missing: int = 0
    foreign: list[str] = field(default_factory=list)


def open_index(path: Path, on_damage: Callable[[str], None]) -> Index:
    """Open the index; a damaged one is renamed, and `reconcile` fills a new one from the files.

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
        on_damage(str(error))
    number = 1
    while path.with_name(f"{path.name}.damaged-{number}").exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            old.rename(path.with_name(f"{path.name}.damaged-{number}{suffix}"))
    return Index(path)


def check_disk(disk: Disk, index: Index, new_id: str) -> None:
    """Check that this is the disk of the index. A new store gets its id here.

    Raises:
        DiskTrouble: `changed`: unmounted, swapped, or emptied. A person accepts a new disk by putting an empty file
            called `accept-new-disk` into its folder.
    """
    known_ids, disk_id = index.fact("disk"), _disk_id(disk)
    if known_ids is not None and known_ids == disk_id:
        return
    accepted = disk.size(ACCEPT) is not None
    if known_ids is not None and not accepted:
        what = "another disk" if disk_id else "no disk of ours (not mounted, or emptied)"
        raise DiskTrouble("changed", f"the footage's folder holds {what}; put '{ACCEPT}' into it to go on with it")
    if disk_id is None:
        handle = disk.create(DISK_ID)
        handle.write(new_id.encode())
        handle.sync()
        handle.close()
        disk.sync_folder("")
    index.set_fact("disk", disk_id or new_id)
    if accepted:
        disk.unlink(ACCEPT)
        disk.sync_folder("")


def same_disk(disk: Disk, index: Index) -> bool:
    """Whether the disk is still the same; checked while recording."""
    try:
        return _disk_id(disk) == index.fact("disk")
    except DiskTrouble:
        return False


def reconcile(disk: Disk, keys: DayKeyStore, index: Index, gap_log: GapLog) -> Report:
    """Make files and index rows consistent.

    Raises:
        DiskTrouble: The disk fails.
        FootageError: The index cannot be written.
    """
    report = Report()
    report.finished_deletions = delete_marked_files(disk, index)
    files = [path for path in disk.walk(FOOTAGE) if path]
    _drop_missing(index, set(files), gap_log, report)
    unfinished = {row.path: row for row in index.unfinished()}
    known_ids = index.all_ids()
    for path in files:
        match = _SEGMENT_PATH.match(path)
        if match is None:
            report.foreign.append(path)
        elif path in unfinished or match[3] not in known_ids:
            _salvage(disk, keys.find, index, path, unfinished.get(path), report)
    for path in report.foreign:
        logging_setup.get("recorder").warning("a file in the store cannot be used; it is left unchanged", path=path)
    return report


def delete_marked_files(disk: Disk, index: Index) -> int:
    """Unlink the files marked for deletion, keys first, flush the folders, then drop the rows; returns the number."""
    paths = index.files_to_delete()
    folders = []
    for path in paths:
        disk.unlink(path)
        folder = path.rpartition("/")[0]
        if folder.startswith("keys/"):
            disk.sync_folder(folder)  # the key is destroyed durably before the first file is removed
        elif folder not in folders:
            folders.append(folder)
    for folder in folders:
        disk.sync_folder(folder)
    index.drop_deleted_files(paths)
    return len(paths)


def _drop_missing(index: Index, files: set[str], gap_log: GapLog, report: Report) -> None:
    for use in index.days():
        rows = [row for row in index.rows(use.camera, use.day) if row.path not in files]
        for row in rows:
            gap_log.log_gap(row.camera, row.start_ns, row.end_ns, row.end_ns - row.start_ns, FILE_MISSING)
        index.drop_rows(rows)
        report.missing += len(rows)


def _salvage(  # noqa: PLR0917
    disk: Disk, key_of: KeyOf, index: Index, path: str, row: Segment | None, report: Report
) -> None:
    """Keep a segment up to its last complete fragment."""
    try:
        result = SegmentReader(disk, path, key_of).check()
    except FootageBroken:
        report.foreign.append(path)
        if row is not None:
            index.drop_rows([row])
        return
    header = result.header
    if result.fragments == 0:
        disk.unlink(path)
        disk.sync_folder(path.rpartition("/")[0])
        if row is not None:
            index.drop_rows([row])
        report.emptied += 1
        return
    end_ns = header.wall_ns + result.end_ms * 1_000_000
    salvaged_segment = Segment(header.camera, header.id, header.wall_ns, end_ns, result.bytes, True)
    if salvaged_segment.path != path:
        report.foreign.append(path)
        return
    index.add([salvaged_segment])
    report.salvaged += 1


def _disk_id(disk: Disk) -> str | None:
    if disk.size(DISK_ID) is None:
        return None
    return disk.read(DISK_ID, 0, 64).decode(errors="replace")
