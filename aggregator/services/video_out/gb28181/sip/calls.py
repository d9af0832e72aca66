"""Calls of a platform for live video: INVITE, ACK, CANCEL, BYE (RFC 3261, sections 9, 13, 15; GB/T 28181, 9.2). Pure.

INVITE → 100 and `OpenMedia` → the port is open: 200 → ACK: `StartMedia` → BYE from either side: `CloseMedia`. Only live
video (`s=Play`) is given, only to permitted addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from aggregator.services.video_out.gb28181.sip import manscdp, offer
from aggregator.services.video_out.gb28181.sip.message import SipMessage, target_of, user_of
from aggregator.services.video_out.gb28181.sip.requests import AGENT, Reply, Requests
from aggregator.services.video_out.gb28181.sip.transactions import TIMEOUT_S, ClientTransactions
from common.errors import ContractError

MOST_CALLS = 8
"""As many live views as a consumer may have open (`consumer_streams`)."""
Respond = Callable[[SipMessage, Reply, float], None]
"""Takes a request, its response and the time."""


@dataclass(eq=False)
class Call:
    """A call for a camera's pictures.

    Attributes:
        invite: The request.
        channel: Id of the camera.
        media: What the platform asked for.
        ssrc: Of the stream.
        tag: Ours.
        answered_s: When 200 was sent.
        running: ACK has come.
        number: Of our last request in the call (CSeq).
    """

    invite: SipMessage
    channel: str
    media: offer.Offer
    ssrc: int
    tag: str
    answered_s: float = field(default=float("inf"), init=False)
    running: bool = field(default=False, init=False)
    number: int = field(default=0, init=False)


class OpenMedia(NamedTuple):
    """Make ready to send; `Calls.ready` or `Calls.failed` follows."""

    call: Call


class StartMedia(NamedTuple):
    """Send pictures; `Calls.finish` when there are no more."""

    call: Call


class CloseMedia(NamedTuple):
    """The call is over."""

    call: Call


Effect = OpenMedia | StartMedia | CloseMedia


class Refused(Exception):
    """A request that is answered with this status."""

    def __init__(self, status: int, reason: str) -> None:
        self.status, self.reason = status, reason
        super().__init__(reason)


@dataclass
class Calls:
    """The calls of one platform.

    Args:
        requests: Makes requests.
        clients: Sends them.
        respond: Answers requests of the platform.
        permitted: Whether pictures may be sent to an IP address.
        effect: Takes what is to be done.

    Attributes:
        channels: Id of a camera → what the catalogue says of it.
    """

    requests: Requests
    clients: ClientTransactions
    respond: Respond
    permitted: Callable[[str], bool]
    effect: Callable[[Effect], None]
    channels: Mapping[str, manscdp.Item] = field(default_factory=dict, init=False)
    open: list[Call] = field(default_factory=list, init=False)

    def invite(self, request: SipMessage, now_s: float) -> None:
        """A platform asks for pictures.

        Raises:
            Refused: It does not get them.
        """
        if request.to_tag:
            raise Refused(*((488, "A call cannot be changed") if self._of(request) else (481, "No such call")))
        call = self._checked(request)
        self.open.append(call)
        self.respond(request, Reply(100, "Trying"), now_s)
        self.effect(OpenMedia(call))

    def acknowledge(self, ack: SipMessage) -> None:
        """ACK: pictures may be sent."""
        call = self._of(ack)
        if call is not None and call.answered_s < float("inf") and not call.running:
            call.running, call.answered_s = True, float("inf")
            self.effect(StartMedia(call))

    def cancel(self, request: SipMessage, now_s: float) -> None:
        """CANCEL ends a call that has not been answered (section 9.2).

        Raises:
            Refused: There is no such call.
        """
        call = next((it for it in self.open if _same(it.invite, request) and it.invite.branch == request.branch), None)
        if call is None:
            raise Refused(481, "No such call")
        self.respond(request, Reply(200, "OK"), now_s)
        if call.answered_s == float("inf") and not call.running:
            self.failed(call, Reply(487, "Request Terminated"), now_s)

    def bye(self, request: SipMessage, now_s: float) -> None:
        """BYE of the platform.

        Raises:
            Refused: There is no such call.
        """
        call = self._of(request)
        if call is None:
            raise Refused(481, "No such call")
        self.respond(request, Reply(200, "OK"), now_s)
        if call.answered_s == float("inf") and not call.running:
            self.failed(call, Reply(487, "Request Terminated"), now_s)
        self._close(call)

    def ready(self, call: Call, port: int, now_s: float) -> None:
        """The port is open: answer with 200; 0: there is no port, we connect."""
        if call in self.open:
            call.answered_s = now_s
            body = offer.answer(call.media, call.channel, self.requests.host, port, call.ssrc)
            more = (("contact", self.requests.contact(call.channel)), ("content-type", "application/sdp"))
            self.respond(call.invite, Reply(200, "OK", call.tag, more, body), now_s)

    def failed(self, call: Call, reply: Reply, now_s: float) -> None:
        """The port could not be opened, or is not wanted any more."""
        if call in self.open:
            self.respond(call.invite, reply._replace(tag=call.tag), now_s)
            self._close(call)

    def finish(self, call: Call, now_s: float) -> None:
        """There are no more pictures: end the call."""
        if call not in self.open:
            return
        if call.answered_s == float("inf") and not call.running:
            self.failed(call, Reply(480, "Temporarily Unavailable"), now_s)
            return
        self._close(call)
        call.number += 1
        invite = call.invite
        headers = (
            self.requests.via(), ("from", f"{invite.get('to')};tag={call.tag}"), ("to", invite.get("from")),
            ("call-id", invite.call_id), ("cseq", f"{call.number} BYE"), ("max-forwards", "70"), ("user-agent", AGENT),
        )  # fmt: skip
        uri = target_of(invite.get("contact")) or self.requests.server_uri
        self.clients.begin(SipMessage("BYE", uri, headers=headers), lambda *_: None, now_s, urgent=True)

    def finish_all(self, now_s: float) -> None:
        """End all calls."""
        for call in list(self.open):
            self.finish(call, now_s)

    def tick(self, now_s: float) -> None:
        """End calls whose ACK has not come (section 13.3.1.4)."""
        for call in [it for it in self.open if now_s >= it.answered_s + TIMEOUT_S]:
            self.finish(call, now_s)

    def due_s(self) -> float:
        """When `tick` is to be called."""
        return min((it.answered_s + TIMEOUT_S for it in self.open), default=float("inf"))

    def _checked(self, request: SipMessage) -> Call:
        channel = self._channel(request)
        if not request.get("content-type").lower().startswith("application/sdp"):
            raise Refused(415, "The body must be application/sdp")
        try:
            media = offer.parse(request.body)
        except ContractError as error:
            raise Refused(400, str(error)) from error
        if media.kind != "play":
            raise Refused(488, "Only live video (s=Play) is given")
        if media.payload_type < 0:
            raise Refused(488, "Only PS/90000 is given")
        if not self.permitted(media.address):
            raise Refused(403, "The media address is not the platform's")
        if len(self.open) >= MOST_CALLS:
            raise Refused(486, "Too many calls")
        ssrc = media.ssrc if media.ssrc is not None else int.from_bytes(self.requests.random(4), "big") % 1_000_000_000
        return Call(request, channel, media, ssrc, self.requests.token())

    def _channel(self, request: SipMessage) -> str:
        """The camera of a call: the user of the request's URI, or else the first id in Subject (2016, 9.2)."""
        named = [user_of(request.uri), request.get("subject").partition(":")[0].strip()]
        found = next((self.channels[it] for it in named if it in self.channels), None)
        if found is None:
            raise Refused(404, "No such camera")
        if not found.online:
            raise Refused(480, "The camera is offline")
        return found.id

    def _of(self, request: SipMessage) -> Call | None:
        found = (it for it in self.open if _same(it.invite, request) and it.tag == request.to_tag)
        return next(found, None)

    def _close(self, call: Call) -> None:
        if call in self.open:
            self.open.remove(call)
            self.effect(CloseMedia(call))


def _same(invite: SipMessage, request: SipMessage) -> bool:
    return (invite.call_id, invite.from_tag) == (request.call_id, request.from_tag)
