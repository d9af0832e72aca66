"""The record as a file that anybody can check without us: JSON lines.

The first line names the format and the key; then each entry as its exact text, `{"number": 1, "entry": "…"}`; then the
checkpoints. Of an entry past the record's ceiling only its hash is left, `{"number": 1, "erased": "…"}`:
the oldest ones. `paifang audit verify` needs nothing else, and a few lines in any language can do the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.audit.merkle_tree import CompactRange, leaf_hash
from common.errors import RecordError
from protocol.signing import checkpoints
from protocol.signing.checkpoints import Checkpoint, Hex32

FORMAT = "paifang-record-1"
DOSSIER = "paifang-dossier-1"


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    key: Hex32


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=1)]
    entry: str


class _Erased(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    number: Annotated[int, msgspec.Meta(ge=1)]
    erased: Hex32


class _Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    checkpoint: Checkpoint


_HEAD, _LINE = msgspec.json.Decoder(_Head), msgspec.json.Decoder(_Line)
_GONE = msgspec.json.Decoder(_Erased)
_MARK, _ACT = msgspec.json.Decoder(_Mark), msgspec.json.Decoder(AuditEntry)
_encode = msgspec.json.Encoder().encode


def write(
    entries: Iterable[tuple[int, bytes, bytes]], marks: Iterable[Checkpoint], key: Ed25519PublicKey
) -> Iterator[bytes]:
    """The file, line by line.

    Args:
        entries: Number, text (empty where it was erased), hash of the leaf.
        marks: Checkpoints.
        key: Whose they are.
    """
    public = key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    yield _encode(_Head(FORMAT, public)) + b"\n"
    for number, entry, leaf in entries:
        yield _encode(_Line(number, entry.decode()) if entry else _Erased(number, leaf.hex())) + b"\n"
    for mark in marks:
        yield _encode(_Mark(mark)) + b"\n"


def write_dossier(case: str, entries: Iterable[tuple[int, AuditEntry]]) -> Iterator[bytes]:
    """A case's entries, line by line: each as its exact text with its number in the whole log.

    Whoever has the whole log's export finds the same text under the same number there, and verifies that.
    """
    yield _encode({"format": DOSSIER, "case": case}) + b"\n"
    for number, entry in entries:
        yield _encode(_Line(number, audit_entry.encode(entry).decode())) + b"\n"


@dataclass(frozen=True)
class Verified:
    """What holds of a file.

    Attributes:
        entries: How many there are, all in order.
        covered: How many of them a signed checkpoint covers.
        erased: Of how many, the oldest, only the hash is left.
        root: Of all entries, hexadecimal.
        checkpoints: How many were checked.
        key: Whose signatures they are, hexadecimal.
        newer: How many kept checkpoints cover entries that came after the file was exported; they were not compared.
        newest: How many entries the largest of these covers; 0 without one.
    """

    entries: int
    covered: int
    erased: int
    root: str
    checkpoints: int
    key: str
    newer: int = 0
    newest: int = 0


def verify(lines: Iterable[bytes], key: str | None = None, kept: Iterable[Checkpoint] = ()) -> Verified:
    """Check a file.

    Args:
        lines: The file's.
        key: The key that must have signed, hexadecimal; None: the one that the file names (which proves less).
        kept: Checkpoints from elsewhere that the file must agree with too, as far as it goes.

    Raises:
        RecordError: Something was changed, removed, added or put in another order; names the line.
    """
    reading = iter(lines)
    head = _head(next(reading, b""))
    if key is not None and head.key != key:
        raise RecordError("line 1: signed with another key than the one you trust")
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(head.key))
    roots, marks = _Roots(), list[Checkpoint]()
    for place, line in enumerate(reading, 2):
        mark = _read(line, place, roots)
        if mark is not None:
            marks.append(mark)
        elif marks:
            raise RecordError(f"line {place}: an entry after the checkpoints")
    return _judged(roots, marks, list(kept), public, head.key)


class _Roots:
    """Grows the tree and remembers its root at every size that a checkpoint may name: all, 32 bytes each."""

    def __init__(self) -> None:
        self.leaves: list[bytes] = []
        self.erased = self.logged_erasures = 0

    def at(self, sizes: set[int]) -> dict[int, str]:
        frontier, found = CompactRange(), dict[int, str]()
        if 0 in sizes:
            found[0] = frontier.root.hex()
        for leaf in self.leaves:
            frontier.add(leaf)
            if frontier.size in sizes:
                found[frontier.size] = frontier.root.hex()
        return found


def _head(line: bytes) -> _Head:
    try:
        head = _HEAD.decode(line)
        _exact(head, line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"line 1: this is no exported record: {error}") from error
    if head.format != FORMAT:
        raise RecordError(f"line 1: format '{head.format[:40]}'; this program reads {FORMAT}")
    return head


def _read(line: bytes, place: int, roots: _Roots) -> Checkpoint | None:
    try:
        if line.startswith(b'{"checkpoint"'):
            mark = _MARK.decode(line)
            _exact(mark, line)
            return mark.checkpoint
        number, leaf = (_gone if b'"erased":"' in line[:40] else _entry)(line, roots)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise RecordError(f"line {place}: {error}") from error
    if number != len(roots.leaves) + 1:
        raise RecordError(f"line {place}: entry {number} stands where {len(roots.leaves) + 1} should")
    roots.leaves.append(leaf)
    return None


def _entry(line: bytes, roots: _Roots) -> tuple[int, bytes]:
    row = _LINE.decode(line)
    _exact(row, line)
    entry = row.entry.encode()
    act = _ACT.decode(entry)
    if act.what == "erased" and act.target == "record":
        roots.logged_erasures = int(act.detail.get("up_to", "0"))
    return row.number, leaf_hash(entry)


def _gone(line: bytes, roots: _Roots) -> tuple[int, bytes]:
    row = _GONE.decode(line)
    _exact(row, line)
    if roots.erased != len(roots.leaves):
        raise msgspec.DecodeError("erased, but an older entry is not")
    roots.erased += 1
    return row.number, bytes.fromhex(row.erased)


def _exact(value: msgspec.Struct, line: bytes) -> None:
    """Only one way of writing it is accepted, so that no byte can be changed unseen."""
    if _encode(value) + b"\n" != line:
        raise msgspec.DecodeError("not written as Paifang writes it")


def _judged(
    roots: _Roots, marks: list[Checkpoint], kept: list[Checkpoint], public: Ed25519PublicKey, key: str
) -> Verified:
    size = len(roots.leaves)
    if roots.erased != roots.logged_erasures:
        raise RecordError(f"{roots.erased} entries are erased; the log itself records {roots.logged_erasures}")
    if not marks:
        raise RecordError("there is no checkpoint: nothing proves these entries")
    for mark in (*marks, *kept):
        checkpoints.check(mark, public)
    newer = _newer(kept, marks, size)
    compared = [*marks, *(mark for mark in kept if mark.size <= size)]
    known = roots.at({mark.size for mark in compared} | {size})
    for mark in compared:
        if mark.size not in known:
            raise RecordError(f"a checkpoint covers {mark.size} entries; only {size} are here: some were removed")
        if known[mark.size] != mark.root:
            raise RecordError(f"the first {mark.size} entries are not those that were signed")
    covered = max(mark.size for mark in compared)
    if covered < size:
        raise RecordError(f"entries {covered + 1} to {size} are covered by no checkpoint")
    newest = max((mark.size for mark in newer), default=0)
    return Verified(size, covered, roots.erased, known[size], len(compared), key, len(newer), newest)


def _newer(kept: list[Checkpoint], marks: list[Checkpoint], size: int) -> list[Checkpoint]:
    """Kept checkpoints of entries that came after the export.

    Raises:
        RecordError: One is not newer in time than the file's own last one: entries were removed, and the rest signed.
    """
    newer = [mark for mark in kept if mark.size > size]
    last_ns = max(mark.time_ns for mark in marks)
    for mark in newer:
        if mark.time_ns <= last_ns:
            raise RecordError(f"a checkpoint covers {mark.size} entries; only {size} are here: some were removed")
    return newer
