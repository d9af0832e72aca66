"""Clips in SQL."""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.clip import Clip
from aggregator.storage.database import Database, Row, Value, insert
from aggregator.storage.tables import audit

COLUMNS = Clip.__struct_fields__
CHANGING = ("state", "next_ns", "tries", "problem", "bytes", "digest")
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM clips"  # noqa: S608 — constants only
_INSERT = f"{insert('clips', COLUMNS)} ON CONFLICT (id) DO NOTHING"
_UPDATE = f"UPDATE clips SET {', '.join(f'{it} = ?' for it in CHANGING)} WHERE id = ? AND state = ? AND tries = ?"  # noqa: S608


def put(db: Database, clips: Iterable[Clip]) -> None:
    """Add clips that are wanted; within a transaction."""
    db.executemany(_INSERT, map(msgspec.structs.astuple, clips))


def want(db: Database, clip: Clip) -> bool:
    """Add a clip that somebody asks for; one that failed is tried again. Within a transaction."""
    db.execute("DELETE FROM clips WHERE id = ? AND state = 'failed'", (clip.id,))
    return db.execute(_INSERT, msgspec.structs.astuple(clip)).rowcount == 1


def change(db: Database, before: Clip, after: Clip) -> bool:
    """Change a clip that is still what it was; False where it is not. Within a transaction."""
    values: list[Value] = [getattr(after, name) for name in CHANGING]
    return db.execute(_UPDATE, [*values, before.id, before.state, before.tries]).rowcount == 1


def drop(db: Database, clip_id: str, act: AuditEntry | None) -> None:
    """Forget a clip and record it; within a transaction."""
    if db.execute("DELETE FROM clips WHERE id = ?", (clip_id,)).rowcount == 1 and act is not None:
        audit.put(db, [act])


def one(db: Database, clip_id: str) -> Clip | None:
    """A clip."""
    row = db.execute(f"{_SELECT} WHERE id = ?", (clip_id,)).fetchone()
    return None if row is None else _clip(row)


def due(db: Database, now_ns: int, most: int) -> list[Clip]:
    """Open ones whose box is to be asked."""
    sql = f"{_SELECT} WHERE state IN ('wanted', 'asked') AND next_ns <= ? ORDER BY next_ns LIMIT ?"
    return [_clip(row) for row in db.execute(sql, (now_ns, most)).fetchall()]


def old(db: Database, now_ns: int, most: int) -> list[Clip]:
    """Those whose time is over."""
    sql = f"{_SELECT} WHERE expires_ns <= ? ORDER BY expires_ns LIMIT ?"
    return [_clip(row) for row in db.execute(sql, (now_ns, most)).fetchall()]


def stored(db: Database, ids: Iterable[str]) -> set[str]:
    """Which of these alerts have one."""
    sql = f"SELECT id FROM clips WHERE state = 'stored' AND id {db.among}"  # noqa: S608 — a constant of the engine
    return {str(row[0]) for row in db.execute(sql, (json.dumps(list(ids)),)).fetchall()}


def _clip(row: Row) -> Clip:
    return Clip(**dict(zip(COLUMNS, row, strict=True)))
