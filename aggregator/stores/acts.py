"""The record: entries, the complete subtrees of its Merkle tree, and signed checkpoints."""

from __future__ import annotations

from collections.abc import Iterable

from aggregator.record import acts, tree
from aggregator.record.acts import Act
from aggregator.record.tree import Hash, Nodes
from aggregator.stores.db import Db, insert, upsert
from common.errors import StoreError
from events import checkpoints
from events.checkpoints import Checkpoint

_NODE = "SELECT hash FROM record_nodes WHERE level = ? AND place = ?"
_ENTRY = insert("record", ("number", "entry"))
_NEW_NODE = insert("record_nodes", ("level", "place", "hash"))
_CHECKPOINT = upsert("checkpoints", ("size", "text"), "size")


def put(db: Db, done: Iterable[Act]) -> None:
    """Add to the record; within the transaction of what it records."""
    new: dict[tuple[int, int], Hash] = {}
    stored = nodes(db)

    def node(level: int, place: int) -> Hash:
        return new.get((level, place)) or stored(level, place)

    first = size(db)
    entries = [acts.encode(act) for act in done]
    for index, entry in enumerate(entries, first):
        for level, place, made in tree.grow(index, tree.leaf_hash(entry), node):
            new[level, place] = made
    db.executemany(_ENTRY, enumerate(entries, first + 1))
    db.executemany(_NEW_NODE, [(*key, made) for key, made in new.items()])


def size(db: Db) -> int:
    """How many entries there are."""
    row = db.execute("SELECT coalesce(max(number), 0) FROM record").fetchone()
    return int(row[0]) if row else 0


def nodes(db: Db) -> Nodes:
    """The tree's stored hashes."""

    def node(level: int, place: int) -> Hash:
        row = db.execute(_NODE, (level, place)).fetchone()
        if row is None:
            raise StoreError(f"the record lacks its tree's hash {level}/{place}")
        return bytes(row[0])

    return node


def put_checkpoint(db: Db, made: Checkpoint) -> None:
    """Keep a checkpoint."""
    db.execute(_CHECKPOINT, (made.size, checkpoints.encode(made)))


def all_checkpoints(db: Db) -> list[Checkpoint]:
    """Every checkpoint, oldest first."""
    rows = db.execute("SELECT text FROM checkpoints ORDER BY size").fetchall()
    return [checkpoints.decode(bytes(row[0])) for row in rows]
