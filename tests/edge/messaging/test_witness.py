"""The box keeps checkpoints, and notices when the record was rewritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.messaging.witness import FILE, Witness
from protocol.signing import checkpoints
from protocol.signing.trust_anchor import Trust

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUST = Trust("village", KEY.public_key().public_bytes_raw().hex(), bytes(32).hex())


def message(size: int, root: int = 1, key: Ed25519PrivateKey = KEY) -> bytes:
    return checkpoints.encode(checkpoints.make(size, bytes([root]) * 32, size, key))


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path, TRUST)


def test_checkpoints_are_kept_over_a_restart(witness: Witness, tmp_path: Path) -> None:
    for size in (3, 3, 8):
        witness.take(message(size))
    retry = Witness(tmp_path, TRUST)
    assert (retry.size, witness.refused) == (8, 0)
    kept = (tmp_path / FILE).read_bytes().splitlines()
    assert [checkpoints.decode(line).size for line in kept] == [3, 8]


@pytest.mark.parametrize(
    "wrong", [message(7), message(8, root=2), message(9, key=Ed25519PrivateKey.generate()), b"{}", b"\xff"]
)
def test_a_rewritten_record_is_refused(witness: Witness, wrong: bytes) -> None:
    witness.take(message(8))
    witness.take(wrong)
    assert (witness.size, witness.refused) == (8, 1)
    witness.take(message(9))
    assert witness.size == 9


def test_a_torn_line_is_passed_over(witness: Witness, tmp_path: Path) -> None:
    witness.take(message(8))
    with (tmp_path / FILE).open("ab") as out:
        out.write(message(9)[:20])
    assert Witness(tmp_path, TRUST).size == 8


def test_without_trust_there_is_no_witness(tmp_path: Path) -> None:
    witness = Witness(tmp_path, None)
    witness.take(message(8))
    assert not (tmp_path / FILE).exists()
