"""Clips."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, insert, select, update
from sqlalchemy import delete as delete_from

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.clip import CaseClip, Clip
from aggregator.storage.engines.database import insert_new, one_of
from aggregator.storage.schema.core import CLIP_OPEN, case_clips, clips
from aggregator.storage.tables.audit import entries as audit

CHANGING = ("state", "next_ns", "tries", "problem", "problem_code", "bytes", "digest")


def put(db: Connection, wanted: Iterable[Clip]) -> None:
    """Add clips; within a transaction."""
    insert_new(db, clips, *map(msgspec.structs.asdict, wanted))


def request(db: Connection, clip: Clip, entry: AuditEntry) -> bool:
    """Add a requested clip; a failed one is tried again; False if it is stored or requested already."""
    db.execute(delete_from(clips).where(clips.c.id == clip.id, clips.c.state == "failed"))
    if not insert_new(db, clips, msgspec.structs.asdict(clip)):
        return False
    audit.append(db, [entry])
    return True


def request_for_case(db: Connection, wanted: CaseClip, entry: AuditEntry) -> None:
    """Add the clip of a marked range; within a transaction."""
    db.execute(insert(clips), msgspec.structs.asdict(wanted.clip))
    owner = {"id": wanted.clip.id, "case_id": wanted.case_id, "asked_by": wanted.asked_by}
    db.execute(insert(case_clips), owner)
    audit.append(db, [entry])


def of_case(db: Connection, case_id: str, limit: int) -> list[CaseClip]:
    """The clips of a case, newest first."""
    found = _OWNED.where(case_clips.c.case_id == case_id).order_by(case_clips.c.id.desc())
    return _owned(db, found.limit(limit))


def owned(db: Connection, clip_id: str) -> CaseClip | None:
    """A clip that belongs to a case."""
    return next(iter(_owned(db, _OWNED.where(case_clips.c.id == clip_id))), None)


_OWNED = select(clips, case_clips.c.case_id, case_clips.c.asked_by).join_from(
    clips, case_clips, clips.c.id == case_clips.c.id
)


def _owned(db: Connection, found: Select[Any]) -> list[CaseClip]:
    rows = [dict(row._mapping) for row in db.execute(found)]
    return [CaseClip(case_id=row.pop("case_id"), asked_by=row.pop("asked_by"), clip=Clip(**row)) for row in rows]


def change(db: Connection, before: Clip, after: Clip) -> bool:
    """Change a clip that is still what it was; False where it is not. Within a transaction."""
    same = (clips.c.id == before.id, clips.c.state == before.state, clips.c.tries == before.tries)
    return db.execute(update(clips).where(*same).values({it: getattr(after, it) for it in CHANGING})).rowcount == 1


def delete(db: Connection, clip_id: str, entry: AuditEntry | None) -> None:
    """Forget a clip and record it; within a transaction."""
    db.execute(delete_from(case_clips).where(case_clips.c.id == clip_id))
    if db.execute(delete_from(clips).where(clips.c.id == clip_id)).rowcount == 1 and entry is not None:
        audit.append(db, [entry])


def one(db: Connection, clip_id: str) -> Clip | None:
    """A clip."""
    return next(iter(_clips(db, select(clips).where(clips.c.id == clip_id))), None)


def due(db: Connection, now_ns: int, limit: int) -> list[Clip]:
    """Open ones whose box is to be asked."""
    waiting = select(clips).where(CLIP_OPEN, clips.c.next_ns <= now_ns)
    return _clips(db, waiting.order_by(clips.c.next_ns).limit(limit))


def expired(db: Connection, now_ns: int, limit: int) -> list[Clip]:
    """Those whose time is over."""
    return _clips(db, select(clips).where(clips.c.expires_ns <= now_ns).order_by(clips.c.expires_ns).limit(limit))


def stored(db: Connection, ids: Iterable[str]) -> set[str]:
    """Which of these alerts have one."""
    return set(db.execute(select(clips.c.id).where(clips.c.state == "stored", one_of(clips.c.id, ids))).scalars())


def _clips(db: Connection, found: Select[tuple[object, ...]]) -> list[Clip]:
    return [Clip(**row._mapping) for row in db.execute(found)]
