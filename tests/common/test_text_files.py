"""Secrets and lists from files that any editor has saved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aggregator.messaging.broker_endpoint import read_secret
from aggregator.settings.aggregator import ObjectsSettings
from aggregator.settings.postgres import Postgres
from aggregator.storage.object_store import _options
from common.secret import Secret
from edge.access.doors.credential_policy import Allowlist
from edge.recorder.footage.http_api import api_token
from protocol.signing.trust_anchor import Trust, load

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16"]
ENDS = ["", "\n", "\r\n", "\r"]


def saved(path: Path, text: str, encoding: str, end: str) -> str:
    """The text as an editor saves it."""
    path.write_bytes(f"{text}\n".replace("\n", end or "\n").removesuffix("" if end else "\n").encode(encoding))
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ENDS)
def test_secrets_are_what_was_written(tmp_path: Path, encoding: str, end: str) -> None:
    file = saved(tmp_path / "pw", "hunter2 ä", encoding, end)
    assert read_secret(file, "broker.password_file").reveal() == "hunter2 ä"
    password = Postgres(password_file=file).password()
    assert password is not None
    assert password.reveal() == "hunter2 ä"
    told = _options(ObjectsSettings(url="s3://b", key_file=file, secret_file=file))
    assert told == {"access_key_id": "hunter2 ä", "secret_access_key": "hunter2 ä"}
    token = saved(tmp_path / "token", "t" * 43, encoding, end)
    assert api_token(Path(token)) == b"t" * 43


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ENDS[1:])
def test_lists_of_cards_and_trust_are_read(tmp_path: Path, encoding: str, end: str) -> None:
    made = tmp_path / "cards"
    Allowlist(made).add([Secret("4711")], False, os.urandom)
    cards = Allowlist(Path(saved(tmp_path / "again", made.read_text().strip(), encoding, end)))
    assert (cards.check(Secret("4711")), cards.check(Secret("4712"))) == ("yes", "no")
    Trust("s", "00" * 32, "11" * 32).write(tmp_path / "trust")
    file = saved(tmp_path / "trust2", (tmp_path / "trust").read_text(), encoding, end)
    assert load(Path(file), "s").site == "s"
