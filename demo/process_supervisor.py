"""Starts the real processes of the demonstration, brings them back when they die, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common import logging_setup
from common.errors import PaifangError
from common.secret import write_private

READY_S = 60.0
STOP_S = 12.0


@dataclass
class Process:
    """One child that is kept alive.

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
    _keeper: asyncio.Task[None] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, now and whenever it ends by itself."""
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        if self._keeper is not None:
            self._keeper.cancel()
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

    async def _keep(self) -> None:
        log = logging_setup.get("supervisor")
        while True:
            with (self.folder / f"{self.name}.log").open("ab") as out:
                words = [sys.executable, "-m", "paifang.cli", *self.words]
                nothing = asyncio.subprocess.DEVNULL
                self.child = await asyncio.create_subprocess_exec(*words, stdout=out, stderr=out, stdin=nothing)
            self.starts += 1
            log.info("started", process=self.name, pid=self.child.pid)
            code = await self.child.wait()
            log.warning("ended by itself, starting again", process=self.name, code=code)
            await asyncio.sleep(1.0)


async def until(what: str, ready: Callable[[], bool], process: Process) -> None:
    """Wait until something is so.

    Raises:
        PaifangError: It is not so in time; says where the log is.
    """
    for _ in range(round(READY_S / 0.1)):
        if await asyncio.to_thread(ready):
            return
        if process.starts > 3:
            break
        await asyncio.sleep(0.1)
    raise PaifangError(f"{what} does not start; see {process.folder / (process.name + '.log')}")


def answers(url: str) -> bool:
    """Whether an address says that all is well."""
    try:
        with urllib.request.urlopen(url, timeout=2.0) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def responds(url: str) -> bool:
    """Whether an address answers at all."""
    try:
        with urllib.request.urlopen(url, timeout=2.0):  # noqa: S310 - loopback
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False


def hand_over_password(accounts: Path, target: Path) -> bool:
    """Copy the box's password from the aggregator's account file to the box's; False while it is not there."""
    try:
        password = json.loads(accounts.read_text())["box"]["password"]
    except (OSError, ValueError, KeyError):
        return False
    write_private(target, password.encode())
    return True


def trust_command(settings: Path, site: str, out: Path) -> int:
    """Have the aggregator's own command write a site's trust file; its exit code."""
    words = ["aggregator", "trust", site, "--config", str(settings), "--out", str(out)]
    done = subprocess.run([sys.executable, "-m", "paifang.cli", *words], stdout=subprocess.DEVNULL, check=False)
    return done.returncode


def one_time_password(log: Path) -> str:
    """The line in which the aggregator tells the password; empty while it is not there."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    told = [line for line in lines if line.startswith("one-time password")]
    return told[-1].rpartition(" ")[2] if told else ""
