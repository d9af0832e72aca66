"""SIP transactions (RFC 3261, section 17) as a device needs them. Pure: bytes out through a function, time passed in.

Requests of ours are repeated over UDP until they are answered, at most a few at a time. Requests of the platform are
answered once: one that comes again gets the same response.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from aggregator.services.video_out.gb28181.sip.message import SipMessage

T1_S, T2_S = 0.5, 4.0
TIMEOUT_S = 64 * T1_S
MOST_OPEN, MOST_WAITING = 4, 1_000
"""Requests of ours without an answer, and those that wait for one of these to be answered."""
MOST_KEPT = 256
"""Requests of the platform whose responses are kept; the oldest is forgotten first."""

Answered = Callable[[SipMessage | None, float], None]
"""Gets the final response and the time; None: nothing came in time."""
Key = tuple[str, str, int, str]


@dataclass(eq=False)
class _Sent:
    request: SipMessage
    answered: Answered
    repeat_s: float = T1_S
    next_s: float = 0.0
    until_s: float = 0.0


class ClientTransactions:
    """Requests of ours; none of them is INVITE.

    Args:
        send: Takes the bytes of a message.
        reliable: The transport is TCP: nothing is repeated.
    """

    def __init__(self, send: Callable[[bytes], None], *, reliable: bool) -> None:
        self._send, self._reliable = send, reliable
        self._open: dict[str, _Sent] = {}
        self._waiting: deque[_Sent] = deque()

    def room(self, requests: int) -> bool:
        """Whether so many more requests may wait."""
        return len(self._waiting) + requests <= MOST_WAITING

    def begin(self, request: SipMessage, answered: Answered, now_s: float, *, urgent: bool = False) -> None:
        """Send a request, now if it is urgent, otherwise when few others are open."""
        sent = _Sent(request, answered)
        if urgent or len(self._open) < MOST_OPEN:
            self._start(sent, now_s)
        elif self.room(1):
            self._waiting.append(sent)

    def receive(self, response: SipMessage, now_s: float) -> bool:
        """A response; False: nobody waits for it."""
        sent = self._open.get(response.branch)
        if sent is None or response.cseq[1] != sent.request.method or response.call_id != sent.request.call_id:
            return False
        if response.status >= 200:
            self._end(sent, response, now_s)
        return True

    def tick(self, now_s: float) -> None:
        """Repeat and give up what is due."""
        for sent in list(self._open.values()):
            if now_s >= sent.until_s:
                self._end(sent, None, now_s)
            elif now_s >= sent.next_s:
                sent.repeat_s = min(2 * sent.repeat_s, T2_S)
                sent.next_s = now_s + sent.repeat_s
                self._send(sent.request.pack())

    def due_s(self) -> float:
        """When `tick` is to be called."""
        return min((min(it.next_s, it.until_s) for it in self._open.values()), default=float("inf"))

    def drop_waiting(self) -> None:
        """Forget what was not sent yet."""
        self._waiting.clear()

    def _start(self, sent: _Sent, now_s: float) -> None:
        sent.next_s = float("inf") if self._reliable else now_s + T1_S
        sent.until_s = now_s + TIMEOUT_S
        self._open[sent.request.branch] = sent
        self._send(sent.request.pack())

    def _end(self, sent: _Sent, response: SipMessage | None, now_s: float) -> None:
        del self._open[sent.request.branch]
        while self._waiting and len(self._open) < MOST_OPEN:
            self._start(self._waiting.popleft(), now_s)
        sent.answered(response, now_s)


@dataclass(eq=False)
class _Received:
    """A request of the platform; `response` is empty until there is one."""

    port: int
    until_s: float
    response: bytes = b""
    repeat_s: float = T1_S
    next_s: float = float("inf")


class ServerTransactions:
    """Requests of the platform.

    Args:
        send: Takes the bytes of a message and the port that the request came from.
    """

    def __init__(self, send: Callable[[bytes, int], None]) -> None:
        self._send = send
        self._kept: OrderedDict[Key, _Received] = OrderedDict()

    def is_new(self, request: SipMessage, port: int, now_s: float) -> bool:
        """Whether a request comes for the first time; otherwise it gets its response again."""
        known = self._kept.get(_key(request))
        if known is not None:
            if known.response:
                self._send(known.response, known.port)
            return False
        while len(self._kept) >= MOST_KEPT:
            self._kept.popitem(last=False)
        self._kept[_key(request)] = _Received(port, now_s + TIMEOUT_S)
        return True

    def respond(self, request: SipMessage, response: SipMessage, now_s: float) -> None:
        """Answer a request. The final response to INVITE is repeated until ACK (sections 13.3.1.4 and 17.2.1)."""
        known = self._kept.get(_key(request))
        if known is None:
            return
        known.response = response.pack()
        if request.method == "INVITE" and response.status >= 200:
            known.next_s, known.until_s = now_s + T1_S, now_s + TIMEOUT_S
        self._send(known.response, known.port)

    def acknowledge(self, ack: SipMessage) -> None:
        """ACK has come: the response is not repeated any more."""
        for (_, call_id, number, method), known in self._kept.items():
            if (call_id, number, method) == (ack.call_id, ack.cseq[0], "INVITE"):
                known.next_s = float("inf")

    def tick(self, now_s: float) -> None:
        """Repeat responses and forget old requests."""
        for key, known in list(self._kept.items()):
            if now_s >= known.until_s:
                del self._kept[key]
            elif now_s >= known.next_s:
                known.repeat_s = min(2 * known.repeat_s, T2_S)
                known.next_s = now_s + known.repeat_s
                self._send(known.response, known.port)

    def due_s(self) -> float:
        """When `tick` is to be called."""
        return min((min(it.next_s, it.until_s) for it in self._kept.values()), default=float("inf"))


def _key(request: SipMessage) -> Key:
    return request.branch, request.call_id, request.cseq[0], request.method
