"""The pool of sender processes: bounded in number, each attempt bounded in time; one that exceeds it is killed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aggregator.domain.escalation.notification import Attempt
from aggregator.notifications.retry_after import pause_s
from common.clock import SECOND_NS, Clock
from common.errors import NotificationError

LIMIT_S = 15.0
"""Of an attempt, starting the process included; shorter than `LEASE_S` of the notifications."""
IDLE_S = 60.0
MOST_LINE = 64 * 1024
COMMAND = (sys.executable, "-I", "-m", "aggregator.notifications.sender_process")


class _Answer(msgspec.Struct):
    sent: bool
    problem: str = ""
    refused: bool = False
    gone: bool = False
    retry_after: str = ""


@dataclass
class SenderPool:
    """Belongs to the event loop.

    Args:
        networks: Private networks that may be connected to.
        clock: Monotonic time for idle processes, wall time for `Retry-After`.
        limit_s: Of an attempt.
        most: How many processes at the same time.
        command: Starts one.
    """

    networks: Sequence[str]
    clock: Clock
    limit_s: float = LIMIT_S
    most: int = 4
    command: Sequence[str] = COMMAND
    _idle: list[tuple[asyncio.subprocess.Process, int]] = field(default_factory=list, init=False)
    _running: int = field(default=0, init=False)

    async def check(self, address: str) -> None:
        """Whether an address may be stored.

        Raises:
            NotificationError: The service does not take it, or its host is in a private network.
        """
        answer = await self._ask({"do": "check", "address": address})
        if not answer.sent:
            raise NotificationError(answer.problem or "url: it could not be checked; try again")

    async def apprise(self, address: str, title: str, body: str, urgent: bool) -> Attempt:
        """Send a text to an Apprise address."""
        return self._attempt(
            await self._ask({"do": "apprise", "address": address, "title": title, "body": body, "urgent": urgent})
        )

    async def push(self, address: str, headers: dict[str, str], body: bytes) -> Attempt:
        """Send an encrypted message to a push service."""
        import base64

        text = base64.b64encode(body).decode()
        return self._attempt(await self._ask({"do": "push", "address": address, "headers": headers, "body": text}))

    async def tend(self) -> None:
        """End processes that were idle for long."""
        old_ns = self.clock.monotonic_ns() - round(IDLE_S * SECOND_NS)
        old = [process for process, since in self._idle if since <= old_ns]
        self._idle = [(process, since) for process, since in self._idle if since > old_ns]
        for process in old:
            await _end(process)

    async def stop(self) -> None:
        """End all idle processes; those at work end with their attempt."""
        idle, self._idle = self._idle, []
        for process, _ in idle:
            _close(process)
        for process, _ in idle:
            await process.wait()

    async def _ask(self, request: dict[str, Any]) -> _Answer:
        if self._running >= self.most:
            return _Answer(sent=False, problem="too many messages are being sent; try again")
        await self.tend()
        self._running += 1
        process = None
        try:
            async with asyncio.timeout(self.limit_s):
                process = self._idle.pop()[0] if self._idle else await self._started()
                answer = await self._exchange(process, request)
            self._idle.append((process, self.clock.monotonic_ns()))
            process = None
            return answer
        except TimeoutError:
            return _Answer(sent=False, problem=f"no answer within {self.limit_s:.0f} s")
        except (OSError, ValueError, msgspec.DecodeError):
            return _Answer(sent=False, problem="the sender process ended")
        finally:
            self._running -= 1
            if process is not None:
                await _end(process)

    async def _exchange(self, process: asyncio.subprocess.Process, request: dict[str, Any]) -> _Answer:
        assert process.stdin is not None
        assert process.stdout is not None
        whole = request | {"networks": list(self.networks), "limit_s": self.limit_s}
        process.stdin.write(msgspec.json.encode(whole) + b"\n")
        await process.stdin.drain()
        return msgspec.json.decode(await process.stdout.readline(), type=_Answer)

    async def _started(self) -> asyncio.subprocess.Process:
        """A new process, without this one's environment: no proxy, no credentials."""
        return await asyncio.create_subprocess_exec(
            *self.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, env={"LANG": "C.UTF-8"}, limit=MOST_LINE, start_new_session=True,
        )  # fmt: skip

    def _attempt(self, answer: _Answer) -> Attempt:
        wait_s = pause_s(answer.retry_after, self.clock.wall_ns())
        return Attempt(answer.sent, answer.problem, answer.refused, answer.gone, wait_s)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a process and wait until it is gone."""
    _close(process)
    await process.wait()


def _close(process: asyncio.subprocess.Process) -> None:
    """Kill a process and close its pipes at once: at the end of the event loop nobody waits for that any more."""
    process._transport.close()  # type: ignore[attr-defined]
