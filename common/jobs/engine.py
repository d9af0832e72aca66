"""Runs jobs in threads: as many of each kind as its policy allows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from common import logging_setup
from common.errors import JobQueueFull, PaifangError, TryAgain
from common.jobs.job import Job
from common.jobs.queue import JobQueue
from common.running.periodic import run_periodically
from common.running.threads import Worker

_log = logging_setup.get("jobs")
TEND_S = 1.0
"""Between two checks for jobs that are due or have expired."""


@dataclass(frozen=True)
class Attempt:
    """What a handler is given.

    Attributes:
        job: As it was started.
        stop: Set when the handler must return: the job was cancelled or has expired, or the process ends.
        progress: Takes how much is done, 0..1.
    """

    job: Job
    stop: threading.Event
    progress: Callable[[float], None]


Handler: TypeAlias = Callable[[Attempt], None]
"""Does the job. `TryAgain` means later; any other error is its end. It may be called again for what it has done."""


class JobEngine:
    """See the module.

    Args:
        queue: The jobs.
        handlers: Kind → its handler; as many as the queue has policies.
        code_of: The code of an error that ends a job; empty: it has none.
    """

    def __init__(
        self, queue: JobQueue, handlers: Mapping[str, Handler], code_of: Callable[[Exception], str] = lambda _: ""
    ) -> None:
        self.queue, self._handlers, self._code_of = queue, dict(handlers), code_of
        self._wake, self._stop = threading.Condition(), threading.Event()
        self._threads = [Worker(self._tend, "jobs")]
        for kind in self._handlers:
            count = queue.policies[kind].parallel
            self._threads += [Worker(partial(self._work, kind), f"job-{kind}") for _ in range(count)]

    def start(self) -> None:
        """Start the threads; `queue.recover` comes before."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Interrupt what runs and end the threads; durable jobs are queued again."""
        self._stop.set()
        self.queue.release_all()
        self._notify()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()
        self.queue.expire_volatile()

    def submit(self, job_id: str, kind: str, key: str, payload: bytes) -> Job:
        """Accept a job, or find the one with this id.

        Raises:
            JobQueueFull: Too many of this kind are open, or the process is stopping.
            JobError: It cannot be stored, or the id belongs to a job of another kind.
        """
        if self._stop.is_set():
            raise JobQueueFull("the process is stopping")
        job = self.queue.submit(job_id, kind, key, payload)
        self._notify()
        return job

    def _notify(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def _tend(self) -> None:
        def turn() -> None:
            self.queue.tend()
            self._notify()

        run_periodically(turn, TEND_S, self._stop.wait, "jobs")

    def _work(self, kind: str) -> None:
        while not self._stop.is_set():
            with self._wake:
                claimed = self.queue.claim(kind)
                if claimed is None:
                    self._wake.wait(TEND_S)
                    continue
            self._run(*claimed)

    def _run(self, job: Job, signal: threading.Event) -> None:
        if self._stop.is_set():
            signal.set()  # it was claimed after `stop` had set the signals
        queue, attempt = self.queue, Attempt(job, signal, partial(self.queue.progress, job.id))
        try:
            self._handlers[job.kind](attempt)
        except Exception as error:  # one job must not end the thread that runs the others
            problem = str(error) or type(error).__name__
            if not isinstance(error, PaifangError):
                problem = type(error).__name__
                _log.exception("job failed", kind=job.kind, job=job.id)
            if self._stop.is_set():
                queue.interrupt(job.id)
            elif isinstance(error, TryAgain):
                _log.info("job waits", kind=job.kind, job=job.id, problem=problem)
                queue.retry(job.id, problem)
            else:
                _log.warning("job failed", kind=job.kind, job=job.id, problem=problem)
                queue.fail(job.id, problem, self._code_of(error))
        else:
            _log.info("job done", kind=job.kind, job=job.id)
            queue.finish(job.id)
