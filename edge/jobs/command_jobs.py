"""Commands that take time (clips, releases, live streams): checked and accepted at once, done as jobs.

The aggregator repeats a command until it has what it asked for. A job that is open or done is not started again; one
that has failed is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import msgspec

from common import logging_setup
from common.clock import Clock
from common.errors import FootageRefused, JobError, JobQueueFull, TryAgain, UplinkError, UplinkRefused
from common.jobs.engine import Attempt, JobEngine
from common.jobs.job import OPEN, Job, Policy
from common.jobs.queue import JobQueue, JobStore
from edge.messaging.command_handler import Action
from protocol.commands import Command
from protocol.identifiers import is_uuid7
from protocol.problems import code_of
from protocol.receipts import JobStatus

_log = logging_setup.get("jobs")


class JobHandler(Protocol):
    """What one kind of job needs. The kind is the command's name."""

    @property
    def policy(self) -> Policy:
        """How its jobs are run."""

    def clean(self, open_jobs: frozenset[str]) -> None:
        """Before the start: remove files of a run before that belong to none of these jobs."""

    def discard(self, job_id: str) -> None:
        """Remove the files of a job that has ended; must not raise."""

    def check(self, command: Command) -> None:
        """Refuse a command that cannot be done.

        Raises:
            PaifangError: The command is refused; the message is the reason.
        """

    def run(self, command: Command, attempt: Attempt) -> None:
        """Do it, perhaps again.

        Raises:
            UplinkError: The aggregator cannot be reached now; it is tried again later.
            PaifangError: It cannot be done.
        """


class CommandJobs:
    """See the module.

    Args:
        handlers: Name of the command → its handler.
        store: Keeps the jobs.
        clock: Wall clock.
        random: Uniform in [0, 1), for the pauses.
    """

    def __init__(
        self, handlers: Mapping[str, JobHandler], store: JobStore, clock: Clock, random: Callable[[], float]
    ) -> None:
        self._handlers, self._store = dict(handlers), store
        policies = {kind: it.policy for kind, it in self._handlers.items()}
        self.queue = JobQueue(store, policies, clock, random, self._discard)
        runs = {kind: partial(self._run, it) for kind, it in self._handlers.items()}
        self._engine = JobEngine(self.queue, runs, code_of)
        self.actions: dict[str, Action] = dict.fromkeys(self._handlers, self.take)

    def start(self) -> None:
        """Recover what was asked for before, and start working.

        Where the store cannot be opened, commands are refused with the reason; the rest of the box works.
        """
        if not self._handlers:
            return
        try:
            self.queue.recover()
        except JobError as error:
            _log.error("jobs cannot be recovered", problem=str(error))
        open_jobs = frozenset(job.id for job in self.queue.jobs() if job.open)
        for handler in self._handlers.values():
            handler.clean(open_jobs)
        self._engine.start()

    def stop(self) -> None:
        """End; durable jobs go on after the next start."""
        self._engine.stop()
        self._store.close()

    def statuses(self) -> list[JobStatus]:
        """How far the jobs are that have begun and are not done; a live view has no progress."""
        begun = [job for job in self.queue.jobs() if job.state in ("running", "waiting") and job.kind != "live"]
        return [JobStatus(id=job.id, progress=round(100 * job.progress)) for job in begun]

    def take(self, command: Command) -> None:
        """Accept a command, or refuse it with the reason.

        Raises:
            PaifangError: It cannot be done, or its job has failed.
        """
        if not is_uuid7(command.job):
            raise FootageRefused(f"{command.name}: 'job' must be a UUID of version 7", sentence="message")
        handler = self._handlers[command.name]
        known = self.queue.get(command.job)
        if known is not None and known.kind == command.name:
            _refuse_failed(known)
            return
        handler.check(command)
        try:
            self._engine.submit(command.job, command.name, command.target, msgspec.json.encode(command))
        except JobQueueFull as error:
            if handler.policy.durable:
                return  # the aggregator sends the command again
            raise FootageRefused(f"{command.name}: {error}", sentence="jobs.full") from error

    def _discard(self, job: Job) -> None:
        if (handler := self._handlers.get(job.kind)) is not None:
            handler.discard(job.id)

    def _run(self, handler: JobHandler, attempt: Attempt) -> None:
        try:
            command = msgspec.json.decode(attempt.job.payload, type=Command)
        except msgspec.MsgspecError as error:
            raise JobError(f"the stored command cannot be read: {error}") from error
        try:
            handler.run(command, attempt)
        except UplinkRefused:
            raise
        except UplinkError as error:
            raise TryAgain(str(error)) from error


def _refuse_failed(job: Job) -> None:
    if job.state not in (*OPEN, "done"):
        raise FootageRefused(job.problem, sentence=job.code or "jobs")
