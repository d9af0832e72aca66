"""What happens by itself: approved copies are asked for, taken in, and destroyed when their time is over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from aggregator.domain import release as moves
from aggregator.domain.release import MAKING_NS, Release
from aggregator.jobs.uploads import ReceivedFile
from aggregator.messaging.command_client import CommandClient
from aggregator.services.release_service import ReleaseService
from common import logging_setup
from common.backoff import exponential_s
from common.clock import SECOND_NS
from common.errors import CommandError, ListError, PaifangError, ReleaseError
from common.periodic import repeat
from protocol.commands import Command
from protocol.signing.chunked_aead import USE, Secrets
from protocol.signing.upload_tokens import seal
from protocol.topics import BoxTopics

_log = logging_setup.get("releases")
TURN_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 600.0


@dataclass
class _Tries:
    """How a box was asked so far."""

    next_ns: int = 0
    failures: int = 0
    problem: str = "the box did not answer"


@dataclass
class ReleaseWorker:
    """Works on what is open. Belongs to the event loop.

    Args:
        desk: Releases.
        remote: The way to the boxes.
        forget: Drops an upload that was begun, by its job.
        turn_s: How often it looks.
    """

    desk: ReleaseService
    remote: CommandClient
    forget: Callable[[str], None]
    turn_s: float = TURN_S
    _tries: dict[str, _Tries] = field(default_factory=dict)
    _asking: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await repeat(self.turn, self.turn_s, "releases", self._wait)
        finally:
            for task in self._asking.values():
                task.cancel()

    async def _wait(self, seconds: float) -> None:
        self.desk.news.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.desk.news.wait(), seconds)

    async def turn(self) -> None:
        """Look once at everything that is open.

        Raises:
            StoreError: The store or the objects cannot be reached.
        """
        for release in await asyncio.to_thread(self.desk.reader.unfinished_releases):
            now_ns = self.desk.clock.wall_ns()
            if release.state == "approved":
                await self._pursue(release, now_ns)
            elif (change := moves.lapse(release, now_ns)) is not None:
                with contextlib.suppress(ReleaseError):
                    await self.desk.change(change)
                    self.desk.news.set()
            elif release.object and not release.sealed and not self.desk.busy(release.id):
                await asyncio.to_thread(self.desk.objects.delete, release.object)
                with contextlib.suppress(ReleaseError):
                    await self.desk.change(moves.swept(release))

    async def settled(self) -> None:
        """Until every box that is being asked has answered, or has not."""
        await asyncio.gather(*self._asking.values())

    async def _pursue(self, release: Release, now_ns: int) -> None:
        tries = self._tries.setdefault(release.id, _Tries())
        if problem := await asyncio.to_thread(self.desk.objection, release):
            await self.fail(release, problem)
        elif now_ns >= release.decided_ns + MAKING_NS:
            await self.fail(release, f"the box did not bring it within a day: {tries.problem}")
        elif release.id not in self._asking and self.desk.clock.monotonic_ns() >= tries.next_ns:
            task = asyncio.create_task(self._ask(release, tries))
            self._asking[release.id] = task
            task.add_done_callback(lambda _: self._asking.pop(release.id, None))

    async def _ask(self, release: Release, tries: _Tries) -> None:
        try:
            reply = await self.remote.ask(BoxTopics(release.site, release.box), self._command(release))
            if not reply.done:
                await self.fail(release, f"the box says: {reply.problem or 'no'}")
            tries.problem = "the box is making it"
        except CommandError as error:
            tries.problem = str(error)
        except ListError as error:
            await self.fail(release, str(error))
        except PaifangError as error:
            _log.warning("a release waits", release=release.id, problem=str(error))
        pause_s = exponential_s(FIRST_PAUSE_S, LONGEST_PAUSE_S, tries.failures)
        tries.next_ns = self.desk.clock.monotonic_ns() + round(pause_s * SECOND_NS)
        tries.failures += 1

    def _command(self, release: Release) -> Command:
        keys = self.desk.keys
        secrets = Secrets(keys.ticket(USE, release.id), bytes.fromhex(self.desk.key_of(release)))
        made = Command(
            id=self.desk.new_id(),
            name="release",
            target=release.camera,
            by=release.asked_by,
            reason=release.reason,
            time_ns=self.desk.clock.wall_ns(),
            from_ns=release.from_ns,
            to_ns=release.to_ns,
            approved_by=release.decided_by,
            case=release.case_id,
            job=release.id,
            ticket=seal(keys.of_site(release.site), release.id, secrets.text(), self.desk.random),
        )
        try:
            return msgspec.convert(msgspec.to_builtins(made), Command)
        except msgspec.ValidationError as error:
            raise CommandError(str(error)) from error

    async def fail(self, release: Release, problem: str) -> None:
        """There will be no copy: the key goes, and what was brought of it."""
        with contextlib.suppress(ReleaseError):
            await self.desk.change(moves.fail(release, problem, self.desk.clock.wall_ns()))
            self._tries.pop(release.id, None)
            _log.warning("no clear copy", release=release.id, problem=problem)
            await asyncio.to_thread(self.forget, release.id)
            await asyncio.to_thread(self.desk.objects.delete, f"{USE}/{release.id}")


@dataclass
class ReleaseUploadHandler:
    """Takes sealed copies in: `aggregator.jobs.uploads.Taker`.

    Args:
        courier: Fails what may not be any more.
    """

    courier: ReleaseWorker

    def expects(self, job: str) -> bool:
        """Whether this job's file is still wanted."""
        release = self.courier.desk.reader.release(job)
        return release is not None and release.state == "approved"

    async def take(self, brought: ReceivedFile) -> None:
        """The copy is there.

        Raises:
            StoreError: It could not be noted; the box will bring it again.
        """
        desk = self.courier.desk
        release = await asyncio.to_thread(desk.reader.release, brought.job)
        if release is None or release.state != "approved":
            if release is None or not release.object:  # nobody waits any more: it must not stay
                await asyncio.to_thread(desk.objects.delete, brought.name)
            return
        if problem := await asyncio.to_thread(desk.objection, release):
            await self.courier.fail(release, problem)
            return
        now_ns = desk.clock.wall_ns()
        with contextlib.suppress(ReleaseError):
            await desk.change(moves.bring(release, brought.name, brought.bytes, brought.digest, now_ns))
