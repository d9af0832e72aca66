"""The audit log: entries, the complete subtrees of its Merkle tree, and signed checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, Delete, Update, bindparam, func, insert, select

from aggregator.domain.audit import audit_entry, merkle_tree
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.audit.merkle_tree import Hash, Nodes
from aggregator.storage.engines.database import upsert
from aggregator.storage.schema.core import INTEGER, checkpoints, record, record_nodes
from common.errors import StoreError
from protocol.signing import checkpoints as signed
from protocol.signing.checkpoints import Checkpoint

_NODE = select(record_nodes.c.hash).where(
    record_nodes.c.level == bindparam("level", type_=INTEGER), record_nodes.c.place == bindparam("place", type_=INTEGER)
)
_SIZE = select(func.coalesce(func.max(record.c.number), 0))
_MAX = (1 << 63) - 1


def change_one(db: Connection, change: Update | Delete, entry: AuditEntry | None) -> bool:
    """Change or remove one row together with its audit entry; within a transaction.

    Returns:
        Whether there was a row; without one there is no entry either.
    """
    if db.execute(change).rowcount != 1:
        return False
    if entry is not None:
        append(db, [entry])
    return True


def append(db: Connection, entries: Iterable[AuditEntry]) -> None:
    """Add entries; within the transaction of what they record."""
    new: dict[tuple[int, int], Hash] = {}
    stored = nodes(db)

    def node(level: int, place: int) -> Hash:
        return new.get((level, place)) or stored(level, place)

    encoded = [audit_entry.encode(entry) for entry in entries]
    if not encoded:
        return
    first = size(db)
    for index, entry in enumerate(encoded, first):
        for level, place, made in merkle_tree.grow(index, merkle_tree.leaf_hash(entry), node):
            new[level, place] = made
    db.execute(insert(record), [{"number": number, "entry": it} for number, it in enumerate(encoded, first + 1)])
    db.execute(insert(record_nodes), [{"level": key[0], "place": key[1], "hash": made} for key, made in new.items()])


def size(db: Connection) -> int:
    """How many entries there are."""
    return int(db.execute(_SIZE).scalar_one())


def nodes(db: Connection) -> Nodes:
    """The tree's stored hashes."""

    def node(level: int, place: int) -> Hash:
        found: bytes | None = db.execute(_NODE, {"level": level, "place": place}).scalar()
        if found is None:
            raise StoreError(f"the audit log lacks its tree's hash {level}/{place}")
        return found

    return node


def entries_after(db: Connection, after: int, limit: int) -> list[tuple[int, bytes]]:
    """Entries with their numbers, from the one after `after`."""
    found = select(record).where(record.c.number > after).order_by(record.c.number).limit(limit)
    return [(number, entry) for number, entry in db.execute(found)]


def newest(db: Connection, before: int | None, limit: int) -> list[tuple[int, bytes]]:
    """Entries that were not erased, newest first, from the one before `before`."""
    kept = select(record).where(record.c.number < (_MAX if before is None else before), record.c.entry != b"")
    return [(number, entry) for number, entry in db.execute(kept.order_by(record.c.number.desc()).limit(limit))]


def leaf_hashes(db: Connection, after: int, limit: int) -> list[bytes]:
    """Hashes of entries, from the one after `after`: they stay when an entry is erased."""
    leaves = select(record_nodes.c.hash).where(record_nodes.c.level == 0, record_nodes.c.place >= after)
    return list(db.execute(leaves.order_by(record_nodes.c.place).limit(limit)).scalars())


def sign_checkpoint(db: Connection, sign: Callable[[int, bytes], Checkpoint]) -> Checkpoint:
    """Sign the log as it is now and keep that; `sign` makes the checkpoint from size and root."""
    entries = size(db)
    made = sign(entries, merkle_tree.root(entries, nodes(db)))
    upsert(db, checkpoints, {"size": made.size, "text": signed.encode(made)})
    return made


def proofs(db: Connection, index: int, old: int, size: int) -> tuple[list[bytes], list[bytes]]:
    """Proof that entry `index` is in the log of `size`, and that the one of `old` is its beginning."""
    stored = nodes(db)
    return merkle_tree.inclusion(index, size, stored), merkle_tree.consistency(old, size, stored)


def all_checkpoints(db: Connection) -> list[Checkpoint]:
    """Every checkpoint, oldest first."""
    texts = db.execute(select(checkpoints.c.text).order_by(checkpoints.c.size)).scalars()
    return [signed.decode(text) for text in texts]
