"""Releases: boxes are asked for approved copies, uploads are taken in, and copies are destroyed at their end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from aggregator.domain.investigation import release as moves
from aggregator.domain.investigation.release import MAKING_NS, Release
from aggregator.jobs.uploads import ReceivedFile
from aggregator.messaging.command_client import CommandClient
from aggregator.services.release_service import ReleaseService
from common import logging_setup
from common.errors import CommandError, JobQueueFull, ListError, ReleaseError, TryAgain
from common.jobs.async_engine import AsyncHandler
from common.jobs.job import Job, Policy
from common.jobs.queue import JobQueue
from protocol.commands import Command
from protocol.signing.chunked_aead import USE, Secrets
from protocol.signing.upload_tokens import seal
from protocol.topics import BoxTopics

_log = logging_setup.get("releases")
ASK, ERASE = "release", "release.erase"
NO_ANSWER = "the box did not answer"


@dataclass
class ReleaseJobs:
    """An `aggregator.jobs.job_runner.JobSource`, and an `aggregator.jobs.uploads.UploadHandler`.

    Args:
        service: Releases.
        remote: Sends commands to boxes.
        forget: Drops an upload that was begun, by its job.
    """

    service: ReleaseService
    remote: CommandClient
    forget: Callable[[str], None]

    @property
    def kinds(self) -> Mapping[str, tuple[Policy, AsyncHandler]]:
        """Asking and destroying."""
        asking = Policy(parallel=8, most_open=1_000, first_s=2.0, cap_s=600.0)
        return {ASK: (asking, self.ask), ERASE: (Policy(), self.erase)}

    async def plan(self, queue: JobQueue) -> None:
        """Submit what is due; fail what is not allowed any more or was not made in time.

        Raises:
            StoreError: The store cannot be reached.
        """
        unfinished = await asyncio.to_thread(self.service.store.reader.unfinished_releases)
        wanted = {ASK: set[str](), ERASE: set[str]()}
        for release in unfinished:
            now_ns = self.service.clock.wall_ns()
            if release.state == "approved":
                if await self._allowed(release, queue, now_ns):
                    wanted[ASK].add(release.id)
                    self._submit(queue, ASK, release.id, release.decided_ns + MAKING_NS)
            elif (change := moves.lapse(release, now_ns)) is not None:
                with contextlib.suppress(ReleaseError):
                    await self.service.change(change)
                    self.service.news.set()
            elif release.object and not release.sealed and not self.service.busy(release.id):
                wanted[ERASE].add(release.id)
                self._submit(queue, ERASE, release.id, 0)
        for job in queue.jobs():
            if job.open and job.kind in wanted and job.key not in wanted[job.kind]:
                queue.cancel(job.key, "the release has changed")

    @staticmethod
    def _submit(queue: JobQueue, kind: str, release_id: str, expires_ns: int) -> None:
        with contextlib.suppress(JobQueueFull):  # it follows in a later turn
            queue.submit(f"{kind}/{release_id}", kind, release_id, expires_ns=expires_ns)

    async def _allowed(self, release: Release, queue: JobQueue, now_ns: int) -> bool:
        if problem := await asyncio.to_thread(self.service.objection, release):
            await self.fail(release, problem, "release.rights")
        elif now_ns >= release.decided_ns + MAKING_NS:
            job = queue.get(f"{ASK}/{release.id}")
            problem = (job.problem if job else "") or NO_ANSWER
            await self.fail(release, f"the box did not bring it within a day: {problem}", "box.day")
        else:
            return True
        return False

    async def ask(self, job: Job) -> None:
        """Ask a box for a copy, if it is still allowed; until the copy has come it is asked again.

        Raises:
            TryAgain: The box is making it.
            PaifangError: The box did not answer, or the store cannot be reached.
        """
        release = await asyncio.to_thread(self.service.store.reader.release, job.key)
        if release is None or release.state != "approved":
            return
        if problem := await asyncio.to_thread(self.service.objection, release):
            await self.fail(release, problem, "release.rights")
            return
        try:
            reply = await self.remote.ask(BoxTopics(release.site, release.box), self._command(release))
        except ListError as error:
            await self.fail(release, str(error), "keys")
            return
        if not reply.done:
            await self.fail(release, f"the box says: {reply.problem or 'no'}", reply.code or "box.refused")
            return
        raise TryAgain("the box is making it")

    async def erase(self, job: Job) -> None:
        """Delete a copy whose key is destroyed.

        Raises:
            PaifangError: It could not be deleted.
        """
        release = await asyncio.to_thread(self.service.store.reader.release, job.key)
        if release is None or release.sealed or not release.object or self.service.busy(release.id):
            return
        await asyncio.to_thread(self.service.copies.objects.delete, release.object)
        with contextlib.suppress(ReleaseError):
            await self.service.change(moves.swept(release))

    def _command(self, release: Release) -> Command:
        copies = self.service.copies
        secrets = Secrets(copies.keys.ticket(USE, release.id), bytes.fromhex(copies.key_of(release)))
        made = Command(
            id=self.service.new_id(),
            name="release",
            target=release.camera,
            by=release.asked_by,
            reason=release.reason,
            time_ns=self.service.clock.wall_ns(),
            from_ns=release.from_ns,
            to_ns=release.to_ns,
            approved_by=release.decided_by,
            case=release.case_id,
            job=release.id,
            ticket=seal(copies.keys.of_site(release.site), release.id, secrets.text(), copies.random),
        )
        try:
            return msgspec.convert(msgspec.to_builtins(made), Command)
        except msgspec.ValidationError as error:
            raise CommandError(str(error)) from error

    async def fail(self, release: Release, problem: str, code: str) -> None:
        """Fail the release: destroy its key and what was uploaded."""
        with contextlib.suppress(ReleaseError):
            await self.service.change(moves.fail(release, problem, self.service.clock.wall_ns(), code))
            _log.warning("no clear copy", release=release.id, problem=problem)
            await asyncio.to_thread(self.forget, release.id)
            await asyncio.to_thread(self.service.copies.objects.delete, f"{USE}/{release.id}")

    def expects(self, job: str) -> bool:
        """Whether this job's file is still wanted."""
        release = self.service.store.reader.release(job)
        return release is not None and release.state == "approved"

    async def take(self, received: ReceivedFile) -> None:
        """The copy is there.

        Raises:
            StoreError: It could not be stored; the box uploads it again.
        """
        release = await asyncio.to_thread(self.service.store.reader.release, received.job)
        if release is None or release.state != "approved":
            if release is None or not release.object:  # not wanted any more: it must be deleted
                await asyncio.to_thread(self.service.copies.objects.delete, received.name)
            return
        if problem := await asyncio.to_thread(self.service.objection, release):
            await self.fail(release, problem, "release.rights")
            return
        now_ns = self.service.clock.wall_ns()
        with contextlib.suppress(ReleaseError):
            await self.service.change(moves.bring(release, received.name, received.bytes, received.digest, now_ns))
