"""What happens to releases by themselves: boxes that do not answer, roles that are gone, copies whose time is over."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from agg_support import START_NS, run_apart

from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.domain.accounts.account import DropGrant, PutUser
from aggregator.domain.accounts.authorization import Principal, RoleAssignment
from aggregator.domain.audit.audit_entry import AuditEntry, decode
from aggregator.domain.investigation import case as cases
from aggregator.domain.investigation.release import Release
from aggregator.domain.read_models import Batch, StatusSeen
from aggregator.domain.store_port import Store, Writer
from aggregator.jobs.job_runner import JobRunner
from aggregator.jobs.release_jobs import ReleaseJobs
from aggregator.jobs.uploads import ReceivedFile
from aggregator.messaging.command_client import CommandClient
from aggregator.messaging.outbound_queue import OutboundQueue, ReplyReceived
from aggregator.services.release_service import ReleaseService, ReleaseStore, SealedCopies
from aggregator.services.search_service import SearchService
from aggregator.settings.aggregator import ObjectsSettings
from aggregator.storage.engines.sqlite import SqliteStore
from aggregator.storage.keyring import KeyRing
from aggregator.storage.object_store import ObjectStorage
from common.clock import SECOND_NS, FakeClock
from common.errors import CommandError, Forbidden, ReleaseError
from protocol.commands import Command, Reply, unpack
from protocol.identifiers import uuid7
from protocol.receipts import BoxStatus, CameraStatus
from protocol.signing.chunked_aead import ChunkedEncryptor, Secrets
from protocol.signing.upload_tokens import unseal
from protocol.topics import BoxTopics

LI, WANG = RoleAssignment("investigator", "village"), RoleAssignment("approver", "village")
HOUR_NS = 3600 * SECOND_NS
TOPICS = BoxTopics("village", "gate-1")


class Village:
    """A desk and a courier on a store, with a box that answers as it is told to."""

    def __init__(self, store: Store, writer: Writer, clock: FakeClock, folder: Path) -> None:
        self.writer, self.reader, self.clock = writer, store.reader(), clock
        self.keys = KeyRing(folder, secrets.token_bytes)
        self.objects = ObjectStorage(ObjectsSettings(), folder / "objects")
        self.folder, self.answer = folder, Reply(id="", done=True)
        self.heard: list[Command] = []
        self.silent = False
        numbers = itertools.count(1)

        async def write(work: Callable[[Writer], Any]) -> Any:
            return work(writer)

        async def record(act: AuditEntry) -> None:
            writer.append_audit_entries([act])

        areas: dict[tuple[str, str], frozenset[str]] = {}
        investigations = SearchService(self.reader, write, record, areas, clock, 30)
        self.desk = ReleaseService(
            ReleaseStore(self.reader, write, record),
            SealedCopies(self.keys, self.objects, secrets.token_bytes),
            investigations, areas, clock, new_id=lambda: uuid7(clock.wall_ns(), next(numbers).to_bytes(10, "big")),
        )  # fmt: skip
        self.outbound = OutboundQueue(self._deliver)
        remote = CommandClient(
            self.keys, self.outbound, AuditLogWriter.__new__(AuditLogWriter).put, clock, answer_s=0.05
        )
        self.taker = ReleaseJobs(self.desk, remote, lambda _job: None)
        self.runner = JobRunner((self.taker,), clock)
        self._settle()

    def _settle(self) -> None:
        now_ns = self.clock.wall_ns()
        act = AuditEntry(time_ns=now_ns, who="system", what="role.changed")
        for name, grant in (("li", LI), ("wang", WANG)):
            self.writer.change_account(PutUser(name, "x", 1, grants=(grant,)), act)
        status = BoxStatus(online=True, cameras=[CameraStatus(id="cam-1", name="Gate", state="up")])
        self.writer.apply(Batch(statuses=[StatusSeen("village", "gate-1", status, now_ns)]))
        fields: dict[str, object] = {
            "id": "A-117", "purpose": "who broke the barrier", "basis": "incident", "site": "village",
            "expires_ns": now_ns + 20 * 24 * HOUR_NS,
        }  # fmt: skip
        self.writer.open_case(*cases.new(fields, "li", now_ns))

    def _deliver(self) -> None:
        topic, message, _ = self.outbound._waiting.popleft()
        assert topic == TOPICS.command("release")
        trusted = self.keys.signing.public_key()
        self.heard.append(unpack(message, "release", TOPICS, trusted, self.clock.wall_ns()))
        if not self.silent:
            answer = msgspec.structs.replace(self.answer, id=self.heard[-1].id)
            self.outbound.answered([ReplyReceived(TOPICS.site, TOPICS.box, answer)])

    def caller(self, name: str) -> Principal:
        return Principal(name, self.reader.role_assignments(name))

    async def asked(self, **changed: object) -> Release:
        now_ns = self.clock.wall_ns()
        fields = {"case": "A-117", "camera": "cam-1", "from_ns": now_ns - HOUR_NS, "to_ns": now_ns - HOUR_NS // 2}
        return await self.desk.ask(self.caller("li"), {**fields, "reason": "who broke the barrier", **changed})

    async def approved(self) -> Release:
        it = await self.asked()
        return await self.desk.decide(self.caller("wang"), it.id, approved=True, reason="it is needed")

    async def brought(self, content: bytes = b"a film" * 50_000) -> Release:
        """Approved, made and here."""
        it = await self.approved()
        await self.turn()
        told = Secrets.parse(unseal(self.keys.of_site("village"), it.id, self.heard[-1].ticket))
        assert told.ticket == self.keys.ticket("release", it.id)
        path = self.folder / "copy.sealed"
        with path.open("wb") as file:
            sealing = ChunkedEncryptor(told.key, it.id, file, secrets.token_bytes)
            sealing.write(content)
            sealing.finish()
        assert self.taker.expects(it.id)
        self.objects.put(f"release/{it.id}", path)
        await self.taker.take(ReceivedFile(it.id, f"release/{it.id}", path.stat().st_size, "ab"))
        return self.now(it)

    async def turn(self) -> None:
        await self.runner.turn()
        await self.runner.engine.settled()

    def now(self, it: Release) -> Release:
        found = self.reader.release(it.id)
        assert found is not None
        return found

    def acts(self, it: Release) -> list[tuple[str, str]]:
        found = (decode(entry) for _, entry in self.reader.audit_entries(0, 1000))
        return [(act.what, act.who) for act in found if act.target == it.id]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One engine is enough here; what the stores hold is in `test_releases_table`."""
    (tmp_path / "store").mkdir()
    return SqliteStore(tmp_path / "store")


@pytest.fixture
def village(store: Store, writer: Writer, clock: FakeClock, tmp_path: Path) -> Village:
    return Village(store, writer, clock, tmp_path)


def run(work: Coroutine[Any, Any, None]) -> None:
    run_apart(work)


def test_a_copy_is_asked_for_brought_fetched_and_gone(village: Village) -> None:
    async def story() -> None:
        it = await village.brought()
        (command,) = village.heard
        assert (command.by, command.approved_by, command.job, command.case) == ("li", "wang", it.id, "A-117")
        assert it.state == "ready"
        assert not village.taker.expects(it.id)
        for _ in range(3):
            copy = await village.desk.fetch(village.caller("li"), it.id)
            data = b"".join([piece async for piece in copy.pieces])
            assert (data, len(data)) == (b"a film" * 50_000, copy.size)
            await village.turn()
            assert village.objects.size(f"release/{it.id}") is not None, "gone while it is being fetched"
            copy.close()
        with pytest.raises(ReleaseError, match="destroyed"):
            await village.desk.fetch(village.caller("li"), it.id)
        await village.turn()
        await village.turn()
        after = village.now(it)
        assert (after.state, after.sealed, after.object) == ("fetched", b"", "")
        assert village.objects.size(f"release/{it.id}") is None
        assert village.acts(it) == [
            ("release.requested", "li"), ("release.approved", "wang"), ("release.made", "system"),
            *[("release.fetched", "li")] * 3, ("erased", "system"), ("release.refused", "li"),
        ]  # fmt: skip

    run(story())


def test_a_box_that_never_answers_fails_after_a_day(village: Village) -> None:
    async def story() -> None:
        village.silent = True
        it = await village.approved()
        for _ in range(40):
            await village.turn()
            village.clock.advance(3600)
        after = village.now(it)
        assert (after.state, after.sealed) == ("failed", b"")
        assert "did not bring it within a day: the box did not answer" in after.problem
        assert 20 <= len(village.heard) <= 25
        assert len({command.id for command in village.heard}) == len(village.heard)
        assert village.acts(it)[-1] == ("release.failed", "system")
        assert not village.taker.expects(it.id)

    run(story())


def test_pauses_grow(village: Village) -> None:
    async def story() -> None:
        await village.approved()
        for _ in range(600):
            await village.turn()
            village.clock.advance(1)
        assert len(village.heard) == 9  # at 0, 2, 6, 14, 30, 62, 126, 254 and 510 s

    run(story())


def test_what_the_box_refuses_fails_with_its_words(village: Village) -> None:
    async def story() -> None:
        village.answer = Reply(id="", done=False, problem="no footage in this range")
        it = await village.approved()
        await village.turn()
        assert village.now(it).state == "failed"
        assert "no footage in this range" in village.now(it).problem

    run(story())


@pytest.mark.parametrize(("who", "grant"), [("li", LI), ("wang", WANG)])
@pytest.mark.parametrize("when", ["making", "bringing", "fetching"])
def test_a_role_that_is_taken_away_stops_it(village: Village, who: str, grant: RoleAssignment, when: str) -> None:
    def drop() -> None:
        act = AuditEntry(time_ns=START_NS, who="system", what="role.changed")
        assert village.writer.change_account(DropGrant(who, grant), act)

    async def story() -> None:
        if when == "making":
            it = await village.approved()
            drop()
            await village.turn()
            assert village.heard == []
        elif when == "bringing":
            it = await village.approved()
            drop()
            await village.taker.take(ReceivedFile(it.id, f"release/{it.id}", 9, "ab"))
        else:
            it = await village.brought()
            drop()
            with pytest.raises(Forbidden, match=f"{who} may not"):
                await village.desk.fetch(village.caller("li"), it.id)
            assert village.acts(it)[-1] == ("release.refused", "li")
            return
        assert village.now(it).state == "failed"
        assert f"{who} may not" in village.now(it).problem

    run(story())


def test_what_nobody_decides_or_fetches_expires(village: Village) -> None:
    async def story() -> None:
        waiting, ready = await village.asked(), await village.brought()
        village.clock.advance(47 * 3600)
        await village.turn()
        assert village.now(ready).sealed
        village.clock.advance(2 * 3600)
        await village.turn()
        await village.turn()
        assert (village.now(ready).state, village.now(ready).sealed) == ("expired", b"")
        assert village.objects.size(f"release/{ready.id}") is None
        assert village.acts(ready)[-1] == ("erased", "system")
        village.clock.advance(6 * 24 * 3600)
        await village.turn()
        assert village.now(waiting).state == "expired"
        with pytest.raises(ReleaseError, match="expired"):
            await village.desk.decide(village.caller("wang"), waiting.id, approved=True, reason="late")

    run(story())


def test_a_key_that_cannot_be_opened_fails_it(village: Village) -> None:
    async def story() -> None:
        it = await village.approved()
        keys = KeyRing(village.folder / "objects", secrets.token_bytes)
        village.desk.copies = replace(village.desk.copies, keys=keys)
        await village.turn()
        assert village.now(it).state == "failed"
        assert village.heard == []

    run(story())


def test_only_its_requester_in_person_fetches_it(village: Village) -> None:
    async def story() -> None:
        it = await village.brought()
        stranger = Principal("zhao", (RoleAssignment("investigator"), RoleAssignment("approver")))
        token = Principal("li", village.reader.role_assignments("li"), {}, frozenset({"release.ask"}))
        for caller in (stranger, village.caller("wang"), token):
            with pytest.raises(Forbidden, match="only who asked"):
                await village.desk.fetch(caller, it.id)
        assert village.now(it) == it
        assert [who for what, who in village.acts(it) if what == "release.refused"] == ["zhao", "wang", "li"]
        with pytest.raises(ReleaseError, match="no such release"):
            await village.desk.fetch(village.caller("li"), "../x")

    run(story())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"camera": "cam-9"}, "no camera 'cam-9'; known: cam-1"),
        ({"box": "gate-7"}, "no camera"),
        ({"from_ns": START_NS - 40 * 24 * HOUR_NS, "to_ns": START_NS - 40 * 24 * HOUR_NS + 1}, ""),
    ],
)
def test_a_request_beyond_what_there_is(village: Village, changed: dict[str, object], words: str) -> None:
    async def story() -> None:
        if not words:
            assert (await village.asked(**changed)).state == "requested"  # the case has no such limit
            return
        with pytest.raises(ReleaseError, match=words):
            await village.asked(**changed)

    run(story())


def test_a_case_limits_what_can_be_asked_for(village: Village) -> None:
    async def story() -> None:
        now_ns = village.clock.wall_ns()
        fields: dict[str, object] = {
            "id": "A-118", "purpose": "only the harbour side", "basis": "incident", "site": "village",
            "places": ["village/cam-2"], "until_ns": now_ns - HOUR_NS, "expires_ns": now_ns + HOUR_NS,
        }  # fmt: skip
        village.writer.open_case(*cases.new(fields, "li", now_ns))
        fields |= {"id": "A-119", "places": ["village/cam-1"]}
        village.writer.open_case(*cases.new(fields, "li", now_ns))
        for case in ("A-118", "A-119"):
            with pytest.raises(ReleaseError, match="does not cover"):
                await village.asked(case=case)
        it = await village.asked(case="A-119", from_ns=now_ns - 2 * HOUR_NS, to_ns=now_ns - HOUR_NS)
        village.clock.advance(3601)
        with pytest.raises(ReleaseError, match="has ended"):
            await village.asked(case="A-119")
        with pytest.raises(ReleaseError, match="has ended"):
            await village.desk.decide(village.caller("wang"), it.id, approved=True, reason="it is needed")
        assert (await village.desk.decide(village.caller("wang"), it.id, approved=False, reason="too late")).state

    run(story())


def test_running_survives_a_store_that_fails(village: Village, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = itertools.count()

    async def turn(_: JobRunner) -> None:
        if next(turns) < 2:
            raise CommandError("not now")
        raise asyncio.CancelledError

    monkeypatch.setattr(JobRunner, "turn", turn)
    village.runner.turn_s = 0.01
    with pytest.raises(asyncio.CancelledError):
        run_apart(village.runner.run())
    assert next(turns) == 3
