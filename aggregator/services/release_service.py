"""What people do about releases: ask, decide, fetch. Who may is asked each time anew, of both people."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aggregator.domain.accounts.authorization import Areas, Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.investigation import release as moves
from aggregator.domain.investigation.release import Change, Release, State
from aggregator.domain.store_port.accounts import AccountReader
from aggregator.domain.store_port.cases import CaseReader
from aggregator.domain.store_port.events import FleetReader
from aggregator.domain.store_port.releases import ReleaseReader, ReleaseWriter
from aggregator.services.footage.box_of_camera import box_of_camera
from aggregator.services.search_service import SearchService, covers
from aggregator.storage.keyring import KeyRing
from aggregator.storage.object_store import ObjectStorage
from common.clock import Clock
from common.errors import ContractError, Forbidden, ReleaseError
from protocol.identifiers import is_uuid7
from protocol.signing.chunked_aead import KEY_BYTES, ChunkedDecryptor, opened_bytes

NONE = "there is no such release at your sites"


@dataclass
class ReleaseDownload:
    """A clear copy on its way to its requester.

    Attributes:
        name: For the file.
        size: How long it is, bytes.
        pieces: It.
        close: To be called when that is over, however it ended.
    """

    name: str
    size: int
    pieces: AsyncIterator[bytes]
    close: Callable[[], None]


@dataclass(frozen=True)
class SealedCopies:
    """Clear copies, each sealed with a key of its own, and their keys.

    Attributes:
        keys: Hide the copies' keys.
        objects: Where sealed copies lie.
        random: Makes random bytes.
    """

    keys: KeyRing
    objects: ObjectStorage
    random: Callable[[int], bytes]

    def new_key(self, release: Release) -> bytes:
        """A key for a release, sealed as it is kept."""
        return self.keys.hidden(_secret_name(release), self.random(KEY_BYTES).hex())

    def key_of(self, release: Release) -> str:
        """The copy's key, hexadecimal.

        Raises:
            ReleaseError: It is destroyed.
            ListError: It was sealed with other keys.
        """
        if not release.sealed:
            raise ReleaseError("the key of this copy is destroyed", sentence="error.release.over")
        return self.keys.shown(_secret_name(release), release.sealed)

    async def read(self, release: Release, key: bytes) -> AsyncIterator[bytes]:
        """The opened copy, in pieces."""
        opening = ChunkedDecryptor(key, release.id)
        async for sealed in self.objects.read(release.object, 0, release.size):
            for plain in opening.add(sealed):
                yield plain
        yield opening.finish()


class ReleaseSources(AccountReader, CaseReader, FleetReader, ReleaseReader, Protocol):
    """Reads releases, and what decides whether one is allowed."""


@dataclass(frozen=True)
class ReleaseStore:
    """Where releases and the audit log are kept.

    Attributes:
        reader: Releases, cases, roles.
        write: Runs a job on the writer's thread.
        record: Writes an entry to the audit log.
    """

    reader: ReleaseSources
    write: Callable[[Callable[[ReleaseWriter], Any]], Awaitable[Any]]
    record: Callable[[AuditEntry], Awaitable[None]]


@dataclass
class ReleaseService:
    """Releases after a check of permissions. Belongs to the event loop.

    Args:
        store: Where releases are kept.
        copies: The copies.
        investigations: Cases.
        areas: The areas of each place.
        clock: The present time.
        new_id: Makes a UUIDv7.

    Attributes:
        news: Set when something is to be done at once.
    """

    store: ReleaseStore
    copies: SealedCopies
    investigations: SearchService
    areas: Areas
    clock: Clock
    new_id: Callable[[], str]
    news: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _streams: Counter[str] = field(default_factory=Counter)

    async def ask(self, caller: Principal, fields: dict[str, object]) -> Release:
        """Ask for a clear copy.

        Args:
            caller: Who asks.
            fields: case, camera, from_ns, to_ns, reason; and box, where two boxes have a camera of that name.

        Raises:
            ContractError: A field is missing or wrong.
            CaseError: There is no such case at their sites.
            ReleaseError: The case has ended or does not cover it, or there is no such camera.
            Forbidden: Not at that camera.
            StoreError: It could not be written.
        """
        case = await self.investigations.case(caller, str(fields.pop("case", "")))
        now_ns, camera = self.clock.wall_ns(), str(fields.pop("camera", ""))
        cameras = await asyncio.to_thread(self.store.reader.cameras)
        box = box_of_camera(cameras, case.site, camera, str(fields.pop("box", "")))
        about = {"id": self.new_id(), "case_id": case.id, "site": case.site, "box": box, "camera": camera}
        if unknown := set(fields) - {"from_ns", "to_ns", "reason"}:
            raise ContractError(f"release: '{min(unknown)}' is not a field; give case, camera, from, to and reason")
        made, act = moves.ask(fields | about, caller.name, now_ns)
        caller.need("release.ask", made.site, made.camera)
        if not case.open_at(now_ns):
            raise ReleaseError(f"case {case.id} has ended; open a new one", sentence="error.case.closed", case=case.id)
        if not all(covers(case, made.site, made.camera, at_ns) for at_ns in (made.from_ns, made.to_ns - 1)):
            text = f"case {case.id} does not cover this camera at this time"
            raise ReleaseError(text, sentence="error.case.covers", case=case.id)
        await self.store.write(lambda store: store.request_release(made, act))
        return made

    async def decide(self, caller: Principal, release_id: str, *, approved: bool, reason: str) -> Release:
        """Approve or refuse another person's request; a refused approval is in the audit log too.

        Raises:
            Forbidden: Not at that site.
            ReleaseError: It is their own, there is none, it was decided before, or its case has ended.
            ContractError: The store does not let them.
            StoreError: It could not be written.
        """
        now_ns = self.clock.wall_ns()
        before = await self.one(release_id)
        caller.need("release.decide", before.site)
        moves.check_reason(reason)
        if not approved:
            return await self.change(moves.refuse(before, caller.name, reason, now_ns))
        try:
            after = await self.change(await self._approval(before, caller, reason, now_ns))
        except ReleaseError as error:
            await self.store.record(_refused(before, caller.name, "approve", str(error), now_ns))
            raise
        self.news.set()
        return after

    async def _approval(self, before: Release, caller: Principal, reason: str, now_ns: int) -> Change:
        sealed = self.copies.new_key(before)
        change = moves.approve(before, caller.name, reason, sealed, now_ns)
        case = await asyncio.to_thread(self.store.reader.case, before.case_id)
        if case is None or not case.open_at(now_ns):
            raise ReleaseError(f"case {before.case_id} has ended", sentence="error.case.closed", case=before.case_id)
        if problem := await asyncio.to_thread(self.objection, change.after):
            raise ReleaseError(problem, sentence="error.release.rights")
        return change

    async def fetch(self, caller: Principal, release_id: str) -> ReleaseDownload:
        """Take one's copy; that is in the audit log before its first byte, and so is a try that is refused.

        Raises:
            Forbidden: It is not theirs, or a role was taken away, or this is no session of their own.
            ReleaseError: There is none, or it is not there (any more).
            StoreError: It could not be recorded.
        """
        before, now_ns = await self.one(release_id), self.clock.wall_ns()
        try:
            if caller.only is not None or caller.name != before.asked_by:
                raise Forbidden("only who asked for this copy can fetch it, in a session of their own")
            if problem := await asyncio.to_thread(self.objection, before):
                raise Forbidden(problem)
            change = moves.fetch(before, caller.name, now_ns)
            key = bytes.fromhex(self.copies.key_of(before))
        except (Forbidden, ReleaseError) as error:
            await self.store.record(_refused(before, caller.name, "fetch", str(error), now_ns))
            raise
        self._streams[before.id] += 1
        try:
            after = await self.change(change)
        except BaseException:
            self._end(before.id)
            raise
        size, pieces = opened_bytes(after.size), self.copies.read(after, key)
        return ReleaseDownload(f"release-{after.id}.zip", size, pieces, lambda: self._end(after.id))

    async def shown(
        self, caller: Principal, limit: int, before: str | None = None, *, state: State | None = None
    ) -> list[Release]:
        """The caller's requests, and those of the sites that the caller decides for, newest first.

        Args:
            caller: Who asks.
            limit: So many at most.
            before: The id of the last one of the page before.
            state: Only those in this state.
        """
        within = caller.within("release.decide")
        return await asyncio.to_thread(self.store.reader.releases, caller.name, within, limit, before, state=state)

    async def purposes(self, releases: Iterable[Release]) -> dict[str, str]:
        """The purpose of each case that these releases, which the caller may see, belong to."""
        wanted = {it.case_id for it in releases}
        found = await asyncio.to_thread(lambda: [self.store.reader.case(it) for it in wanted])
        return {case.id: case.purpose for case in found if case is not None}

    async def one(self, release_id: str) -> Release:
        """A release.

        Raises:
            ReleaseError: There is none.
        """
        found = await asyncio.to_thread(self.store.reader.release, release_id) if is_uuid7(release_id) else None
        if found is None:
            raise ReleaseError(NONE, sentence="error.release.none")
        return found

    async def change(self, change: Change) -> Release:
        """Write a change.

        Raises:
            ReleaseError: Somebody was faster.
            StoreError: It could not be written.
        """
        if not await self.store.write(lambda store: store.change_release(change)):
            text = "it was changed by another user meanwhile; reload it"
            raise ReleaseError(text, sentence="error.release.changed")
        return change.after

    def objection(self, release: Release) -> str:
        """Which of the two may not any more; empty: both may."""
        if not self._caller(release.asked_by).may("release.ask", release.site, release.camera):
            return f"{release.asked_by} may not ask for clear copies here any more"
        if release.decided_by and not self._caller(release.decided_by).may("release.decide", release.site):
            return f"{release.decided_by} may not approve clear copies here any more"
        return ""

    def busy(self, release_id: str) -> bool:
        """Whether it is being fetched right now."""
        return self._streams[release_id] > 0

    def _caller(self, name: str) -> Principal:
        return Principal(name, self.store.reader.role_assignments(name), self.areas)

    def _end(self, release_id: str) -> None:
        self._streams[release_id] -= 1
        self._streams += Counter()  # forgets those at nought
        self.news.set()


def _secret_name(release: Release) -> str:
    return f"release/{release.id}"


def _refused(release: Release, who: str, tried: str, why: str, now_ns: int) -> AuditEntry:
    return AuditEntry(
        time_ns=now_ns, who=who, what="release.refused", site=release.site, target=release.id, case=release.case_id,
        reason=why, detail={"tried": tried},
    )  # fmt: skip
