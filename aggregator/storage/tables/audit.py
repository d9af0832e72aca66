"""The record: entries, the complete subtrees of its Merkle tree, and signed checkpoints."""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.domain import audit_entry, merkle_tree
from aggregator.domain.audit_entry import AuditEntry
from aggregator.domain.merkle_tree import Hash, Nodes
from aggregator.storage.database import Database, insert, upsert
from common.errors import StoreError
from protocol.signing import checkpoints
from protocol.signing.checkpoints import Checkpoint

_NODE = "SELECT hash FROM record_nodes WHERE level = ? AND place = ?"
_ENTRY = insert("record", ("number", "entry"))
_NEW_NODE = insert("record_nodes", ("level", "place", "hash"))
_CHECKPOINT = upsert("checkpoints", ("size", "text"), "size")


def put(db: Database, done: Iterable[AuditEntry]) -> None:
    """Add to the record; within the transaction of what it records."""
    new: dict[tuple[int, int], Hash] = {}
    stored = nodes(db)

    def node(level: int, place: int) -> Hash:
        return new.get((level, place)) or stored(level, place)

    first = size(db)
    entries = [audit_entry.encode(act) for act in done]
    for index, entry in enumerate(entries, first):
        for level, place, made in merkle_tree.grow(index, merkle_tree.leaf_hash(entry), node):
            new[level, place] = made
    db.executemany(_ENTRY, enumerate(entries, first + 1))
    db.executemany(_NEW_NODE, [(*key, made) for key, made in new.items()])


def size(db: Database) -> int:
    """How many entries there are."""
    row = db.execute("SELECT coalesce(max(number), 0) FROM record").fetchone()
    return int(row[0]) if row else 0


def nodes(db: Database) -> Nodes:
    """The tree's stored hashes."""

    def node(level: int, place: int) -> Hash:
        row = db.execute(_NODE, (level, place)).fetchone()
        if row is None:
            raise StoreError(f"the record lacks its tree's hash {level}/{place}")
        return bytes(row[0])

    return node


def put_checkpoint(db: Database, made: Checkpoint) -> None:
    """Keep a checkpoint."""
    db.execute(_CHECKPOINT, (made.size, checkpoints.encode(made)))


def all_checkpoints(db: Database) -> list[Checkpoint]:
    """Every checkpoint, oldest first."""
    rows = db.execute("SELECT text FROM checkpoints ORDER BY size").fetchall()
    return [checkpoints.decode(bytes(row[0])) for row in rows]
