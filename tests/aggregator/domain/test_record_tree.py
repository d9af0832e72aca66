"""The Merkle tree against RFC 9162's definition, and the exported record against whoever changes a byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from aggregator.audit import export
from aggregator.domain.audit import audit_entry, merkle_tree
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.audit.merkle_tree import CompactRange, leaf_hash
from aggregator.domain.store_port import Store, Writer
from common.errors import RecordError
from paifang import cli
from protocol.signing import checkpoints
from protocol.signing.checkpoints import Checkpoint

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()


def by_definition(entries: list[bytes]) -> bytes:
    """Section 2.1.1, word by word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\0" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    left, right = by_definition(entries[:split]), by_definition(entries[split:])
    return hashlib.sha256(b"\1" + left + right).digest()


def grown(entries: list[bytes]) -> dict[tuple[int, int], bytes]:
    stored: dict[tuple[int, int], bytes] = {}
    for index, entry in enumerate(entries):
        for level, place, made in merkle_tree.grow(index, leaf_hash(entry), lambda level, place: stored[level, place]):
            stored[level, place] = made
    return stored


def test_roots_are_those_of_the_definition() -> None:
    entries = [bytes([n]) * n for n in range(70)]
    stored, frontier = grown(entries), CompactRange()
    for size in range(71):
        assert merkle_tree.root(size, lambda level, place: stored[level, place]) == by_definition(entries[:size])
        assert frontier.root == by_definition(entries[:size])
        if size < 70:
            frontier.add(leaf_hash(entries[size]))


@given(st.integers(1, 200), st.data())
def test_proofs_hold_and_only_for_what_they_prove(size: int, data: st.DataObject) -> None:
    entries = [n.to_bytes(2, "big") for n in range(size)]
    stored = grown(entries)
    nodes = lambda level, place: stored[level, place]  # noqa: E731
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    root, old_root = by_definition(entries), by_definition(entries[:old])
    path = merkle_tree.inclusion(index, size, nodes)
    assert merkle_tree.included(leaf_hash(entries[index]), index, size, path, root)
    assert not merkle_tree.included(leaf_hash(b"other"), index, size, path, root)
    assert not merkle_tree.included(leaf_hash(entries[index]), index, size, [*path, root], root)
    proof = merkle_tree.consistency(old, size, nodes)
    assert merkle_tree.consistent(old, size, old_root, root, proof)
    assert not merkle_tree.consistent(old, size, leaf_hash(b"other"), root, proof)
    assert not merkle_tree.consistent(old, size, old_root, leaf_hash(b"other"), proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_what_is_not_there_cannot_be_proven(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no entry"):
        merkle_tree.inclusion(index, size, lambda *_: b"")
    with pytest.raises(ValueError, match="no beginning"):
        merkle_tree.consistency(size + 1, size, lambda *_: b"")


def an_act(number: int) -> AuditEntry:
    return AuditEntry(time_ns=number, who="li", what="view", site="village", target=f"alert-{number}", case="A-1")


def seal(size: int, root: bytes) -> Checkpoint:
    return checkpoints.make(size, root, 7, KEY)


def a_file(count: int = 9) -> bytes:
    entries = [audit_entry.encode(an_act(number)) for number in range(1, count + 1)]
    marks = [seal(size, by_definition(entries[:size])) for size in (count // 2, count)]
    return b"".join(export.write(with_leaves(enumerate(entries, 1)), marks, PUBLIC))


def with_leaves(entries: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes, bytes]]:
    return ((number, entry, leaf_hash(entry)) for number, entry in entries)


def lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def test_an_honest_file_verifies() -> None:
    found = export.verify(lines(a_file()))
    assert (found.entries, found.covered, found.checkpoints) == (9, 9, 2)


@given(st.data())
def test_any_changed_removed_or_added_byte_is_found(data: st.DataObject) -> None:
    good = a_file()
    place = data.draw(st.integers(0, len(good) - 1))
    how = data.draw(st.sampled_from(["change", "remove", "add"]))
    byte = bytes([data.draw(st.integers(0, 255))])
    if how == "change" and byte == good[place : place + 1]:
        return
    middle = {"change": byte, "remove": b"", "add": byte + good[place : place + 1]}[how]
    bad = good[:place] + middle + good[place + 1 :]
    if bad != good:
        with pytest.raises(RecordError):
            export.verify(lines(bad), key=PUBLIC.public_bytes_raw().hex())


def an_erased_file(told: int, erased: int, beginning: int = 0) -> bytes:
    """Nine entries, the last of which tells of `told` erased ones, while `erased` are."""
    act = AuditEntry(time_ns=9, who="system", what="erased", target="record", detail={"up_to": str(told)})
    entries = [audit_entry.encode(an_act(number)) for number in range(1, 9)] + [audit_entry.encode(act)]
    rows = [
        (number, b"" if beginning < number <= beginning + erased else entry, leaf_hash(entry))
        for number, entry in enumerate(entries, 1)
    ]
    return b"".join(export.write(rows, [seal(9, by_definition(entries))], PUBLIC))


def test_what_was_erased_is_told_by_the_record_itself() -> None:
    found = export.verify(lines(an_erased_file(4, 4)))
    assert (found.entries, found.erased) == (9, 4)
    for told, erased, beginning in ((0, 4, 0), (4, 5, 0), (4, 3, 0), (4, 0, 0), (3, 3, 2)):
        with pytest.raises(RecordError, match="erased"):
            export.verify(lines(an_erased_file(told, erased, beginning)))


@given(st.permutations(range(12)))
def test_any_other_order_is_found(order: list[int]) -> None:
    good = lines(a_file())
    if order[-2:] == [11, 10]:  # two checkpoints may stand either way round: each proves the same
        order[-2:] = [10, 11]
    shuffled = [good[place] for place in order]
    if shuffled == good:
        export.verify(shuffled)
    else:
        with pytest.raises(RecordError):
            export.verify(shuffled)


def test_a_shortened_file_is_found_by_a_checkpoint_kept_elsewhere() -> None:
    long, short = lines(a_file(9)), lines(a_file(4))
    export.verify(short)
    kept = seal(9, by_definition([audit_entry.encode(an_act(number)) for number in range(1, 10)]))
    with pytest.raises(RecordError, match="only 4 are here"):
        export.verify(short, kept=[kept])
    export.verify(long, kept=[kept])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda rows: rows[:-1], "covered by no checkpoint"),
        (lambda rows: rows[:-2], "no checkpoint"),
        (lambda rows: rows[1:], "line 1"),
        (lambda rows: [], "line 1"),
        (lambda rows: [*rows, rows[1]], "after the checkpoints|stands where"),
        (lambda rows: [rows[0].replace(b"record-1", b"record-9"), *rows[1:]], "format"),
    ],
)
def test_what_is_wrong_is_said(change: object, problem: str) -> None:
    assert callable(change)
    with pytest.raises(RecordError, match=problem):
        export.verify(change(lines(a_file())))


def test_another_key_is_told_apart() -> None:
    with pytest.raises(RecordError, match="another key"):
        export.verify(lines(a_file()), key="00" * 32)


def test_every_store_keeps_the_record(store: Store, writer: Writer) -> None:
    reader = store.reader()
    for number in range(1, 8):
        writer.append_audit_entries([an_act(number)])
    writer.append_audit_entries([an_act(number) for number in range(8, 20)])
    entries = [entry for _, entry in reader.audit_entries(0, 100)]
    assert entries == [audit_entry.encode(an_act(number)) for number in range(1, 20)]
    assert reader.audit_log_size() == 19
    made = writer.sign_checkpoint(seal)
    assert made.root == by_definition(entries).hex()
    assert reader.checkpoints() == [made]
    path, proof = reader.audit_proofs(4, 7, 19)
    assert merkle_tree.included(leaf_hash(entries[4]), 4, 19, path, by_definition(entries))
    assert merkle_tree.consistent(7, 19, by_definition(entries[:7]), by_definition(entries), proof)
    whole = b"".join(export.write(with_leaves(reader.audit_entries(0, 100)), reader.checkpoints(), PUBLIC))
    assert export.verify(lines(whole)).entries == 19


def sealed_at(size: int, time_ns: int) -> Checkpoint:
    root = by_definition([audit_entry.encode(an_act(number)) for number in range(1, size + 1)])
    return checkpoints.make(size, root, time_ns, KEY)


def test_ux_08_checkpoints_newer_than_the_export_are_said_and_not_called_tampering() -> None:
    entries = [audit_entry.encode(an_act(number)) for number in range(1, 6)]
    lines = list(export.write(with_leaves(list(enumerate(entries, 1))), [sealed_at(5, 7)], PUBLIC))
    kept = [sealed_at(3, 6), sealed_at(5, 7), sealed_at(9, 8), sealed_at(8, 8)]
    found = export.verify(lines, kept=kept)
    assert (found.entries, found.checkpoints, found.newer, found.newest) == (5, 3, 2, 9)
    assert export.verify(lines).newer == 0
    with pytest.raises(RecordError, match="some were removed"):
        export.verify(lines, kept=[sealed_at(9, 6)])  # signed before the export: it must be in it
    other = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
    with pytest.raises(RecordError, match="another signature"):
        export.verify(lines, kept=[checkpoints.make(9, bytes(32), 8, other)])


def test_ux_08_the_command_says_export_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries = [audit_entry.encode(an_act(number)) for number in range(1, 6)]
    lines = export.write(with_leaves(list(enumerate(entries, 1))), [sealed_at(5, 7)], PUBLIC)
    (tmp_path / "record.jsonl").write_bytes(b"".join(lines))
    (tmp_path / "kept.jsonl").write_bytes(checkpoints.encode(sealed_at(9, 8)) + b"\n")
    words = ["audit", "verify", str(tmp_path / "record.jsonl"), "--checkpoints", str(tmp_path / "kept.jsonl")]
    assert cli.main(words) == 0
    assert "1 of the checkpoints from elsewhere are newer than this export (up to entry 9)" in capsys.readouterr().out
