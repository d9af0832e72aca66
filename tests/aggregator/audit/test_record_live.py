"""The record of a running aggregator: sealed, sent to the boxes, exported, verified by the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from agg_support import JPEG, Sender, Web, event, wait_until
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.audit.checkpointer import Checkpointer
from aggregator.audit.view_deduplicator import ViewDeduplicator
from aggregator.domain.audit import audit_entry
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.store_port import Store, Writer
from aggregator.storage.write_queue import WriteQueue
from common.clock import SECOND_NS, FakeClock
from common.errors import StoreError
from paifang import cli
from protocol.receipts import BoxStatus, encode
from protocol.signing import checkpoints

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def an_act(number: int = 1) -> AuditEntry:
    return AuditEntry(time_ns=number, who="li", what="view")


@pytest.fixture
def told() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def notary(
    store: Store, writer: Writer, clock: FakeClock, told: list[tuple[str, bytes]], tmp_path: Path
) -> Checkpointer:
    assert writer is not None
    return Checkpointer(
        reader=store.reader(),
        key=KEY,
        clock=clock,
        every_s=60,
        publish=lambda topic, message: told.append((topic, message)),
        sites=lambda: ["village"],
        outside=tmp_path / "outside.jsonl",
    )


def test_the_record_is_sealed_when_it_has_grown_and_not_too_often(
    notary: Checkpointer, writer: Writer, clock: FakeClock, told: list[tuple[str, bytes]], tmp_path: Path
) -> None:
    writer.append_audit_entries([an_act()])
    first = notary.run_if_due(writer)
    assert first is not None
    assert first.size == 1
    writer.append_audit_entries([an_act(2)])
    assert notary.run_if_due(writer) is None  # too soon
    clock.advance(61)
    second = notary.run_if_due(writer)
    clock.advance(61)
    assert notary.run_if_due(writer) is None  # nothing new
    assert second is not None
    checkpoints.check(second, KEY.public_key())
    assert [checkpoints.decode(message).size for _, message in told] == [1, 2]
    assert notary.newest() == told[-1:]
    outside = (tmp_path / "outside.jsonl").read_bytes().splitlines()
    assert [checkpoints.decode(line).size for line in outside] == [1, 2]


def test_a_file_outside_that_cannot_be_written_stops_nothing(notary: Checkpointer, writer: Writer) -> None:
    notary.outside = Path("/nowhere/at/all")
    writer.append_audit_entries([an_act()])
    assert notary.run_if_due(writer) is not None


def test_who_waits_shares_a_commit_and_who_fails_is_told(writer: Writer, store: Store) -> None:
    queue = WriteQueue(writer)
    scribe = AuditLogWriter(queue)
    waiting = [scribe.put(an_act(number)) for number in range(5)]
    queue.serve()
    assert [future.result(0) for future in waiting] == [None] * 5
    assert [audit_entry.decode(entry).time_ns for _, entry in store.reader().audit_entries(0, 9)] == [0, 1, 2, 3, 4]
    writer.close()
    lost = scribe.put(an_act())
    queue.serve()
    with pytest.raises(StoreError):
        lost.result(0)
    queue.close()
    with pytest.raises(StoreError):
        scribe.put(an_act()).result(0)


def test_a_record_is_exported_and_verified_by_the_command(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = Sender(web.broker_port, web.account, "witness-box")
    sender.raw(encode(BoxStatus(online=True, epoch="ab12")), sender.topics.status)
    sender.close()
    with web.logged_in() as client:
        client.get("/api/sites/village/list")
        act = AuditEntry(time_ns=SECOND_NS, who="li", what="view")
        web.parts.access.audit_log.put(act).result(10)
        # the notary seals once a minute; the test does not wait for it
        job = lambda store: store.sign_checkpoint(  # noqa: E731
            lambda size, root: checkpoints.make(size, root, 0, web.parts.core.keys.signing)
        )
        web.parts.core.queue.submit(job).result(10)
        key = client.get("/api/record").json()["key"]
        path = tmp_path / "record.jsonl"
        path.write_bytes(client.get("/api/record.jsonl").content)
    assert cli.main(["audit", "verify", str(path), "--key", key, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["entries"] == found["covered"] >= 2
    path.write_bytes(path.read_bytes().replace(b"list.viewed", b"list.vieved", 1))
    assert cli.main(["audit", "verify", str(path), "--key", key]) == 1
    assert "paifang:" in capsys.readouterr().err
    assert cli.main(["audit", "verify", str(tmp_path / "none")]) == 1


def test_checkpoints_reach_the_broker(web: Web) -> None:
    wait_until(lambda: bool(web.parts.core.reader.checkpoints()))
    made = web.parts.core.reader.checkpoints()[-1]
    checkpoints.check(made, web.parts.core.keys.signing.public_key())


def test_log_ins_log_outs_and_pictures_are_on_the_record_once(web: Web) -> None:
    sender = Sender(web.broker_port, web.account, "picture-box")
    shown = event(1, box="picture-box", picture=JPEG, number=777)
    sender.send(shown)
    sender.wait()
    sender.close()
    before = web.parts.core.reader.audit_log_size()
    with web.logged_in() as client:
        for _ in range(3):
            assert client.get(f"/api/pictures/{shown.id}").content == JPEG
        assert client.get("/api/pictures/01a0e4d9-5c00-7000-8000-00000000ffff").status_code == 404
        client.post("/logout")
    new = [audit_entry.decode(entry) for _, entry in web.parts.core.reader.audit_entries(before, 100)]
    told = [(it.what, it.target) for it in new if it.what in ("login", "logout", "view")]
    assert told == [("login", ""), ("view", shown.id), ("logout", "")]


def test_looks_are_remembered_within_bounds() -> None:
    looks = ViewDeduplicator(most=2)
    for picture in ("a", "b", "c"):
        looks.add("li", picture)
    assert [looks.known("li", picture) for picture in ("a", "b", "c")] == [False, True, True]
    assert not looks.known("wang", "c")
