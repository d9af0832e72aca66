"""The record in SQLite: entries, the complete subtrees of its Merkle tree, and signed checkpoints."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from aggregator.record import acts, tree
from aggregator.record.acts import Act
from aggregator.record.tree import Hash, Nodes
from events import checkpoints
from events.checkpoints import Checkpoint

_NODE = "SELECT hash FROM record_nodes WHERE level = ? AND place = ?"


def put(db: sqlite3.Connection, done: Iterable[Act]) -> None:
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
    db.executemany("INSERT INTO record VALUES (?, ?)", enumerate(entries, first + 1))
    db.executemany("INSERT INTO record_nodes VALUES (?, ?, ?)", [(*key, made) for key, made in new.items()])


def size(db: sqlite3.Connection) -> int:
    """How many entries there are."""
    return int(db.execute("SELECT coalesce(max(number), 0) FROM record").fetchone()[0])


def nodes(db: sqlite3.Connection) -> Nodes:
    """The tree's stored hashes."""

    def node(level: int, place: int) -> Hash:
        return bytes(db.execute(_NODE, (level, place)).fetchone()[0])

    return node


def put_checkpoint(db: sqlite3.Connection, made: Checkpoint) -> None:
    """Keep a checkpoint."""
    db.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?)", (made.size, checkpoints.encode(made)))


def all_checkpoints(db: sqlite3.Connection) -> list[Checkpoint]:
    """Every checkpoint, oldest first."""
    return [checkpoints.decode(bytes(row[0])) for row in db.execute("SELECT text FROM checkpoints ORDER BY size")]
