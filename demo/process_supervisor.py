"""Starts the real processes of the demonstration, starts them again when they end, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from common import logging_setup
from common.errors import PaifangError
from common.secret import write_private

READY_S = 60.0
STOP_S = 12.0


@dataclass
class Process:
    """One supervised child process.

    Args:
        name: For the log.
        words: After `paifang`.
        folder: Where it runs and writes its log.
    """

    name: str
    words: list[str]
    folder: Path
    starts: int = 0
    child: asyncio.subprocess.Process | None = None
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, now and whenever it ends."""
        self._task = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """Terminate it, and kill it after `STOP_S`."""
        if self._task is not None:
            self._task.cancel()
        child = self.child
        if child is None or child.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(child.wait(), STOP_S)
            except TimeoutError:
                child.kill()
                await child.wait()

    async def _supervise(self) -> None:
        log = logging_setup.get("supervisor")
        while True:
            with (self.folder / f"{self.name}.log").open("ab") as out:
                words = [sys.executable, "-m", "paifang.cli", *self.words]
                nothing = asyncio.subprocess.DEVNULL
                # Ctrl-C goes to all processes of the terminal; a child that it ended would be started again
                self.child = await asyncio.create_subprocess_exec(
                    *words, stdout=out, stderr=out, stdin=nothing, start_new_session=True
                )
            self.starts += 1
            log.info("started", process=self.name, pid=self.child.pid)
            code = await self.child.wait()
            log.warning("ended by itself, starting again", process=self.name, code=code)
            await asyncio.sleep(1.0)


async def until(what: str, ready: Callable[[], bool], process: Process) -> None:
    """Wait until a condition holds.

    Raises:
        PaifangError: It does not in time; the text names the log.
    """
    for _ in range(round(READY_S / 0.1)):
        if await asyncio.to_thread(ready):
            return
        if process.starts > 3:
            break
        await asyncio.sleep(0.1)
    raise PaifangError(f"{what} does not start; see {process.folder / (process.name + '.log')}")


@functools.cache
def _client() -> httpx2.Client:
    """For requests on loopback; each has a connection of its own, for processes that are started again."""
    return httpx2.Client(timeout=2.0, trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))


def _status(url: str) -> int | None:
    """The status with which an address answers; None where it does not."""
    try:
        with _client().stream("GET", url, follow_redirects=True) as answer:
            return answer.status_code
    except httpx2.HTTPError:
        return None


def answers(url: str) -> bool:
    """Whether an address reports that all components work."""
    return _status(url) == 200


def responds(url: str) -> bool:
    """Whether an address answers at all."""
    return _status(url) is not None


def hand_over_password(accounts: Path, target: Path) -> bool:
    """Copy the box's password from the aggregator's account file to the box's; False while it is not there."""
    try:
        password = json.loads(accounts.read_text())["box"]["password"]
    except (OSError, ValueError, KeyError):
        return False
    write_private(target, password.encode())
    return True


def trust_command(settings: Path, site: str, out: Path) -> int:
    """Run the aggregator's command that writes a site's trust file; its exit code."""
    words = ["aggregator", "trust", site, "--config", str(settings), "--out", str(out)]
    done = subprocess.run([sys.executable, "-m", "paifang.cli", *words], stdout=subprocess.DEVNULL, check=False)
    return done.returncode


def one_time_password(log: Path) -> str:
    """The password in the line that the aggregator prints; empty while it is missing."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    found = [line for line in lines if line.startswith("one-time password")]
    return found[-1].rpartition(" ")[2] if found else ""
