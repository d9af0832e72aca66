"""A Merkle tree that only grows, after RFC 9162 section 2: roots, inclusion proofs, consistency proofs. Pure.

`Nodes` gives the hashes of complete subtrees: level 0 is the leaves, node `i` of level `k` covers the leaves from
`i * 2**k`. They never change once they are there, so they can be stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

Hash = bytes
Nodes = Callable[[int, int], Hash]
"""(level, index) → the hash of a complete subtree."""
EMPTY = hashlib.sha256().digest()
"""The root of the empty tree (section 2.1.1)."""


def leaf_hash(entry: bytes) -> Hash:
    """The hash of a leaf; the prefix keeps leaves and nodes apart."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """The hash of an inner node."""
    return hashlib.sha256(b"\1" + left + right).digest()


def grow(index: int, leaf: Hash, nodes: Nodes) -> Iterator[tuple[int, int, Hash]]:
    """The complete subtrees that a new leaf completes: (level, index, hash), the leaf itself first."""
    level, node = 0, leaf
    yield level, index, node
    while index & 1:
        node = node_hash(nodes(level, index - 1), node)
        level, index = level + 1, index >> 1
        yield level, index, node


def root(size: int, nodes: Nodes) -> Hash:
    """The root of the tree of the first `size` leaves."""
    return _range_hash(0, size, nodes) if size else EMPTY


def inclusion(index: int, size: int, nodes: Nodes) -> list[Hash]:
    """Proof that leaf `index` is in the tree of `size` leaves (section 2.1.3.1).

    Raises:
        ValueError: There is no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no entry {index + 1} in a record of {size}")
    path: list[Hash] = []
    first, last = 0, size
    while last - first > 1:
        middle = first + _split(last - first)
        if index < middle:
            path.append(_range_hash(middle, last, nodes))
            last = middle
        else:
            path.append(_range_hash(first, middle, nodes))
            first = middle
    return path[::-1]


def consistency(old: int, size: int, nodes: Nodes) -> list[Hash]:
    """Proof that the tree of `old` leaves is a beginning of the tree of `size` leaves (section 2.1.4.1).

    Raises:
        ValueError: `old` is not from 1 to `size`.
    """
    if not 0 < old <= size:
        raise ValueError(f"a record of {size} has no beginning of {old}")
    path: list[Hash] = []
    first, last, whole = 0, size, True
    while old != last:
        middle = first + _split(last - first)
        if old <= middle:
            path.append(_range_hash(middle, last, nodes))
            last = middle
        else:
            path.append(_range_hash(first, middle, nodes))
            first, whole = middle, False
    return ([] if whole else [_range_hash(first, last, nodes)]) + path[::-1]


def included(leaf: Hash, index: int, size: int, proof: list[Hash], wanted: Hash) -> bool:
    """Whether `proof` shows that a leaf is in the tree with root `wanted` (section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    fn, sn, node = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            node = node_hash(sibling, node)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            node = node_hash(node, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and node == wanted


def consistent(old: int, size: int, old_root: Hash, new_root: Hash, proof: list[Hash]) -> bool:
    """Whether `proof` shows that the older tree is a beginning of the newer one (section 2.1.4.2)."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == new_root
    path = ([old_root] if old & (old - 1) == 0 else []) + proof
    if not path:
        return False
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            after = node_hash(after, sibling)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and before == old_root and after == new_root


class CompactRange:
    """The complete subtrees at the edge of a growing tree: enough to know its root, in logarithmic space."""

    def __init__(self) -> None:
        self.size = 0
        self._edge: list[Hash | None] = []

    def add(self, leaf: Hash) -> None:
        """One more leaf."""
        node, level = leaf, 0
        while self.size >> level & 1:
            left = self._edge[level]
            assert left is not None
            node, self._edge[level] = node_hash(left, node), None
            level += 1
        if level == len(self._edge):
            self._edge.append(None)
        self._edge[level] = node
        self.size += 1

    @property
    def root(self) -> Hash:
        """The tree's root."""
        node: Hash | None = None
        for left in self._edge:
            if left is not None:
                node = left if node is None else node_hash(left, node)
        return EMPTY if node is None else node


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def _range_hash(first: int, last: int, nodes: Nodes) -> Hash:
    width = last - first
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return nodes(level, first >> level)
    middle = first + _split(width)
    return node_hash(_range_hash(first, middle, nodes), _range_hash(middle, last, nodes))
