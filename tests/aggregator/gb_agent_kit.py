"""An agent and a platform without sockets: what one sends the other gets, at a time that the test sets."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sip_platform import CAMERAS, DEVICE, PASSWORD, PLATFORM, Sip, SuperiorPlatform

from aggregator.services.video_out.gb28181.sip.agent import Agent, Send
from aggregator.services.video_out.gb28181.sip.calls import CloseMedia, Effect, OpenMedia
from aggregator.services.video_out.gb28181.sip.manscdp import Item
from aggregator.services.video_out.gb28181.sip.queries import Queries
from aggregator.services.video_out.gb28181.sip.requests import Account, Requests, Transport
from common.secret import Secret
from common.secret.digest import Login

ITEMS = [Item(CAMERAS[0], "大门 <东>", True, (118.5, 31.25)), Item(CAMERAS[1], "yard & road", False)]
MEDIA_PORT = 40_000


def account(password: str = PASSWORD, transport: Transport = "udp") -> Account:
    return Account(PLATFORM, Login(DEVICE, Secret(password)), "牌坊", transport)


def counted() -> Callable[[int], bytes]:
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(8, "big")[-size:].rjust(size, b"\0")


@dataclass
class Wire:
    """Carries messages until both are silent; `lose` takes the next datagrams of the device away."""

    platform: SuperiorPlatform = field(default_factory=SuperiorPlatform)
    password: str = PASSWORD
    transport: Transport = "udp"
    now_s: float = 1_000.0
    lose: int = 0
    opens: bool = True
    effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        requests = Requests(account(self.password, self.transport), "127.0.0.1", 5061, counted())
        queries = Queries(requests.account, "1.0", lambda: datetime(2026, 11, 28, 8, 0, tzinfo=UTC))
        self.agent = Agent(requests, queries, lambda host: host == "127.0.0.1", "127.0.0.1")
        self.agent.set_channels(ITEMS)

    def registered(self) -> Wire:
        self.agent.registration.begin(self.now_s)
        self.carry()
        return self

    def send(self, *messages: bytes) -> None:
        """From the platform."""
        for message in messages:
            self.agent.receive(message, 5060, self.now_s)
            self.carry()

    def ask(self, message: bytes) -> Sip:
        """The last answer to a request of the platform."""
        before = len(self.platform.answers)
        self.send(message)
        assert len(self.platform.answers) > before, "no answer"
        return self.platform.answers[-1]

    def advance(self, seconds: float) -> None:
        """Let time pass, from one due time to the next."""
        until = self.now_s + seconds
        while self.now_s < until:
            self.now_s = min(until, max(self.agent.due_s(), self.now_s + 0.001))
            self.agent.tick(self.now_s)
            self.carry()

    def carry(self) -> None:
        while taken := self.agent.take():
            for it in taken:
                if isinstance(it, Send):
                    self._deliver(it.data)
                    continue
                self.effects.append(it)
                if isinstance(it, OpenMedia) and self.opens:
                    self.agent.calls.ready(it.call, MEDIA_PORT, self.now_s)

    def _deliver(self, data: bytes) -> None:
        if self.lose:
            self.lose -= 1
            return
        for answer in self.platform.receive(data):
            self.agent.receive(answer, 5060, self.now_s)

    def methods(self) -> list[str]:
        return [it.method for it in self.platform.requests]

    def closed(self) -> int:
        return sum(isinstance(it, CloseMedia) for it in self.effects)
