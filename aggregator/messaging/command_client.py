"""A person's hand on a gate or a door: recorded first, then signed, sent, and answered by the box."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import msgspec

from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.messaging.outbound_queue import OutboundQueue
from aggregator.storage.keyring import KeyRing
from common.clock import Clock
from common.errors import CommandError
from common.field_errors import field_error
from protocol.commands import Command, CommandName, Reply, pack
from protocol.identifiers import to_rfc3339, uuid7
from protocol.topics import BoxTopics

ANSWER_S = 10.0
ACTS: dict[CommandName, Action] = {
    "open-gate": "gate.opened",
    "unlock-door": "door.unlocked",
    "footage-spans": "search",
    "footage-still": "view",
}


@dataclass(frozen=True)
class CommandClient:
    """Sends commands to boxes.

    Args:
        keys: Sign them.
        posts: The way to the broker.
        record: Puts an act in the audit log; the future is done when it is on the disk.
        clock: The present time.
        answer_s: How long to wait for the box.
    """

    keys: KeyRing
    posts: OutboundQueue
    record: Callable[[AuditEntry], Future[None]]
    clock: Clock
    answer_s: float = ANSWER_S

    async def command(
        self,
        topics: BoxTopics,
        name: CommandName,
        target: str,
        by: str,
        *,
        reason: str,
        span: tuple[int, int] = (0, 0),
        case: str = "",
    ) -> Reply:
        """Give a box a command; returns when the box has replied that it is done.

        Args:
            topics: Of the box.
            name: What to do.
            target: The gate, the door, or the camera.
            by: Who asks.
            reason: 3 to 200 characters; for access to footage the case or purpose.
            span: The footage that is asked about, UTC nanoseconds.
            case: The case it is done under.

        Raises:
            CommandError: The reason is missing, the box does not answer, or it refuses.
            StoreError: It could not be recorded; then nothing was sent.
        """
        command = self.new(name, target, by, reason, from_ns=span[0], to_ns=span[1], case=case)
        act = AuditEntry(
            time_ns=command.time_ns, who=by, what=ACTS[name], site=topics.site, target=f"{topics.box}/{target}",
            case=case, reason=command.reason, detail={"command": command.id} | _range(span),
        )  # fmt: skip
        await asyncio.wrap_future(self.record(act))
        reply = await self.ask(topics, command)
        if not reply.done:
            raise refused(reply)
        return reply

    def new(self, name: CommandName, target: str, by: str, reason: str, **fields: int | str) -> Command:
        """A command of now, checked; `fields` are further ones of `Command`.

        Raises:
            CommandError: A field is missing or wrong; names it.
        """
        now_ns = self.clock.wall_ns()
        number = uuid7(now_ns, secrets.token_bytes(10))
        given = {"id": number, "name": name, "target": target, "by": by, "reason": reason.strip(), "time_ns": now_ns}
        try:
            return msgspec.convert(given | fields, Command)
        except msgspec.ValidationError as error:
            raise field_error(error, CommandError) from error

    async def ask(self, topics: BoxTopics, command: Command) -> Reply:
        """Sign a command, send it, and wait for the reply; the caller has put in the audit log what there is to record.

        Raises:
            CommandError: The box does not answer.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Reply] = loop.create_future()

        def take(reply: Reply) -> None:
            loop.call_soon_threadsafe(_settle, answer, reply)

        self.posts.expect(topics, command.id, take)
        try:
            message = pack(command, topics, self.keys.signing)
            self.posts.put(topics.command(command.name), message, retain=False)
            async with asyncio.timeout(self.answer_s):
                return await answer
        except TimeoutError as error:
            text = f"the box did not answer within {self.answer_s:g} s; it may be offline"
            raise CommandError(text, sentence="error.box_silent", seconds=f"{self.answer_s:g}") from error
        finally:
            self.posts.expect(topics, command.id, None)


def _settle(answer: asyncio.Future[Reply], reply: Reply) -> None:
    if not answer.done():
        answer.set_result(reply)


def refused(reply: Reply) -> CommandError:
    """The error of a reply that is a refusal."""
    problem = reply.problem or "no reason given"
    return CommandError(f"the box refused: {problem}", sentence="error.box_refused", problem=problem, code=reply.code)


def _range(span: tuple[int, int]) -> dict[str, str]:
    return {"from": to_rfc3339(span[0]), "to": to_rfc3339(span[1])} if span != (0, 0) else {}
