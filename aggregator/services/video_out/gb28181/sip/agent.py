"""The device side of GB/T 28181 over SIP: messages of the platform in, messages and effects out. Pure, time passed in.

A malformed message is dropped and counted; a request that is not supported is refused. Nothing is sent to anybody but
the platform.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from aggregator.services.video_out.gb28181.sip import manscdp
from aggregator.services.video_out.gb28181.sip.calls import Calls, Effect, Refused
from aggregator.services.video_out.gb28181.sip.message import Headers, SipMessage, parse, with_source
from aggregator.services.video_out.gb28181.sip.queries import Queries
from aggregator.services.video_out.gb28181.sip.registration import Registration
from aggregator.services.video_out.gb28181.sip.requests import Reply, Requests, response
from aggregator.services.video_out.gb28181.sip.transactions import ClientTransactions, ServerTransactions
from common.errors import ContractError

ALLOW: Headers = (("allow", "INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS"),)
_MORE: dict[int, Headers] = {405: ALLOW, 415: (("accept", f"application/sdp, {manscdp.CONTENT_TYPE}"),)}


class Send(NamedTuple):
    """Bytes to the platform: to its port for SIP, or to the one that a request came from.

    Attributes:
        data: A message.
        port: None: its port for SIP.
    """

    data: bytes
    port: int | None


class Agent:
    """One device at one platform, over one connection.

    Args:
        requests: Makes requests; knows the account.
        queries: Answers queries.
        permitted: Whether pictures may be sent to an IP address.
        peer: IP address of the platform.

    Attributes:
        registration: Its state.
        calls: For pictures.
        malformed: Messages that were dropped.
    """

    def __init__(self, requests: Requests, queries: Queries, permitted: Callable[[str], bool], peer: str) -> None:
        self._peer = peer
        self._out: list[Send | Effect] = []
        self._requests, self._queries = requests, queries
        reliable = requests.account.transport == "tcp"
        self._clients = ClientTransactions(lambda data: self._out.append(Send(data, None)), reliable=reliable)
        self._servers = ServerTransactions(lambda data, port: self._out.append(Send(data, port)))
        self.registration = Registration(requests, self._clients)
        self.calls = Calls(requests, self._clients, self._respond, permitted, self._out.append)
        self.malformed = 0

    def set_channels(self, items: Sequence[manscdp.Item]) -> None:
        """The cameras that the platform may see from now on."""
        self.calls.channels = self._queries.channels = {it.id: it for it in items}

    def take(self) -> list[Send | Effect]:
        """What is to be done since the last time."""
        taken, self._out[:] = list(self._out), []
        return taken

    def receive(self, data: bytes, port: int, now_s: float) -> None:
        """A message of the platform.

        Args:
            data: A datagram, or a message cut out of a stream.
            port: Where it came from.
            now_s: Monotonic.
        """
        try:
            message = parse(data)
        except ContractError:
            self.malformed += 1
            return
        if not message.method:
            self._clients.receive(message, now_s)
            return
        message = with_source(message, self._peer, port)
        if message.method == "ACK":
            self._servers.acknowledge(message)
            self.calls.acknowledge(message)
        elif self._servers.is_new(message, port, now_s):
            try:
                self._request(message, now_s)
            except Refused as refused:
                more = _MORE.get(refused.status, ())
                self._respond(message, Reply(refused.status, refused.reason, more=more), now_s)

    def tick(self, now_s: float) -> None:
        """Do what is due; without a registration there is no call."""
        self._clients.tick(now_s)
        self._servers.tick(now_s)
        self.registration.tick(now_s)
        self.calls.tick(now_s)
        if self.registration.state != "registered":
            self.calls.finish_all(now_s)

    def due_s(self) -> float:
        """When `tick` is to be called."""
        parts = (self._clients, self._servers, self.registration, self.calls)
        return min(it.due_s() for it in parts)

    def stop(self, now_s: float) -> None:
        """End all calls, then the registration."""
        self.calls.finish_all(now_s)
        self.registration.end(now_s)

    def _request(self, request: SipMessage, now_s: float) -> None:
        if self.registration.state != "registered":
            raise Refused(403, "Not registered")
        match request.method:
            case "MESSAGE":
                self._message(request, now_s)
            case "INVITE":
                self.calls.invite(request, now_s)
            case "CANCEL":
                self.calls.cancel(request, now_s)
            case "BYE":
                self.calls.bye(request, now_s)
            case "OPTIONS":
                self._respond(request, Reply(200, "OK", more=ALLOW), now_s)
            case "SUBSCRIBE":
                raise Refused(489, "Bad Event")
            case _:
                raise Refused(405, "Method Not Allowed")

    def _message(self, request: SipMessage, now_s: float) -> None:
        answers = self._queries.answer(request)
        if not self._clients.room(len(answers)):
            raise Refused(503, "Too many queries")
        self._respond(request, Reply(200, "OK"), now_s)
        for body in answers:
            message = self._requests.message(body, manscdp.CONTENT_TYPE)
            self._clients.begin(message, lambda *_: None, now_s)

    def _respond(self, request: SipMessage, reply: Reply, now_s: float) -> None:
        made = response(request, reply._replace(tag=reply.tag or self._requests.token()))
        self._servers.respond(request, made, now_s)
