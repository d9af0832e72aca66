"""Commands from the aggregator: checked, done once, answered.

What cannot be checked (no trust file, another's signature, an hour off) is refused, counted and logged. A command that
comes twice is done once: its id is remembered for longer than it lives.
"""

from __future__ import annotations

import queue
from collections import OrderedDict
from collections.abc import Callable, Mapping

from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import BrokerError, ContractError, PaifangError
from common.running.threads import Worker
from edge.messaging.mqtt_client import BrokerLink
from protocol.commands import COMMANDS, LIFE_S, Command, Reply, check_age, encode, unpack
from protocol.problems import code_of
from protocol.signing.trust_anchor import Trust
from protocol.topics import BoxTopics

Action = Callable[[Command], Reply | None]
"""Executes a command, or raises a `PaifangError` with the reason; a query returns a reply."""
MAX_RECENT_IDS = 1_000
START_TOLERANCE_NS = 2 * SECOND_NS
"""The clocks of aggregator and box may be this far apart when a command is held against the start."""
QUEUE_SIZE = 16


class CommandDispatcher:
    """Does what the aggregator asks. One thread of its own.

    Args:
        link: The broker.
        topics: Of this box.
        trust: Keys that verify commands; None: every command is refused.
        clock: Wall time.
        actions: Name of the command → what does it.
    """

    def __init__(
        self, link: BrokerLink, topics: BoxTopics, trust: Trust | None, clock: Clock, actions: Mapping[str, Action]
    ) -> None:
        self._link, self._topics, self._trust = link, topics, trust
        self._clock, self._actions = clock, actions
        self._started = clock.wall_ns(), clock.monotonic_ns()
        self._recent_ids: OrderedDict[str, None] = OrderedDict()
        self._queue: queue.Queue[Command | None] = queue.Queue(QUEUE_SIZE)
        self._log = logging_setup.get("remote")
        self.done = self.refused = 0
        for name in COMMANDS:
            link.subscribe(topics.command(name), self._listener(name))
        self._thread = Worker(self._run, "remote")

    def start(self) -> None:
        """Start working."""
        self._thread.start()

    def stop(self) -> None:
        """Do what waits, then end."""
        self._queue.put(None)
        self._thread.join()

    def _listener(self, name: str) -> Callable[[bytes], None]:
        return lambda message: self._handle(name, message)

    def _handle(self, name: str, message: bytes) -> None:
        """From the broker's thread: check and put aside; must not block."""
        try:
            if self._trust is None:
                raise ContractError("a command came, but there is no trust_file to check it with")
            command = unpack(message, name, self._topics, self._trust.aggregator, self._clock.wall_ns())
            if command.id in self._recent_ids:
                return
            self._check_start(command)
            self._queue.put_nowait(command)
        except (PaifangError, queue.Full) as error:
            self.refused += 1
            self._log.warning("command refused", command=name, error=str(error) or "too many at once")
            return
        self._recent_ids[command.id] = None
        while len(self._recent_ids) > MAX_RECENT_IDS:
            self._recent_ids.popitem(last=False)

    def _check_start(self, command: Command) -> None:
        """Refuse what was given before this process started: it may have been done before, and delivered again.

        Later on such a command is too old anyway, and a clock that was set back meanwhile must refuse nothing.
        """
        wall_ns, monotonic_ns = self._started
        is_shortly_after_start = self._clock.monotonic_ns() - monotonic_ns < 2 * LIFE_S * SECOND_NS
        if is_shortly_after_start and command.time_ns < wall_ns - START_TOLERANCE_NS:
            raise ContractError("it was given before the box started; give it again")

    def _run(self) -> None:
        while (command := self._queue.get()) is not None:
            reply = self._execute(command)
            self.done += reply.done
            self._log.info("command", command=command.name, target=command.target, by=command.by, problem=reply.problem)
            try:
                self._link.publish(self._topics.reply(command.id), encode(reply))
            except BrokerError as error:
                self._log.warning("reply not sent", error=str(error))

    def _execute(self, command: Command) -> Reply:
        action = self._actions.get(command.name)
        if action is None:
            problem = f"this box has nothing that can {command.name}"
            return Reply(id=command.id, done=False, problem=problem, code="command.unknown")
        try:
            check_age(command, self._clock.wall_ns())  # it may have waited behind a slow one
        except ContractError as error:
            self.refused += 1
            return Reply(id=command.id, done=False, problem=f"too late: {error}", code="command.late")
        try:
            return action(command) or Reply(id=command.id, done=True)
        except PaifangError as error:
            return Reply(id=command.id, done=False, problem=str(error), code=code_of(error))
        except Exception as error:  # one command must not end the thread that does the others
            self._log.exception("command failed")
            return Reply(id=command.id, done=False, problem=type(error).__name__, code="failed")
