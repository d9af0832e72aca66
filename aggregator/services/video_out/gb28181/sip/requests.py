"""Who the device is to its platform, and requests outside of a call (RFC 3261, section 8.1.1). Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from aggregator.services.video_out.gb28181.sip.message import Headers, SipMessage
from common.secret.digest import Login

AGENT = "Paifang"
VERSION = "2.0"
"""`X-GB-Ver` of GB/T 28181-2016."""
Transport = Literal["udp", "tcp"]


@dataclass(frozen=True)
class Account:
    """A device's account at a superior platform.

    Attributes:
        server: Id of the platform, 20 digits; the first ten are its domain (2016, annex E).
        login: The device's id, 20 digits, and its password.
        name: Of the device.
        transport: Of SIP.
    """

    server: str
    login: Login
    name: str
    transport: Transport = "udp"

    @property
    def device(self) -> str:
        """The device's id."""
        return self.login.username

    @property
    def domain(self) -> str:
        """SIP domain."""
        return self.server[:10]


@dataclass
class Requests:
    """Makes requests to the platform.

    Args:
        account: Who the device is.
        host: Our IP address.
        port: Our port for SIP.
        random: Makes random bytes.
    """

    account: Account
    host: str
    port: int
    random: Callable[[int], bytes]
    _number: int = field(default=0, init=False)

    def token(self) -> str:
        """A random text: a tag, a call id, a branch."""
        return self.random(8).hex()

    @property
    def server_uri(self) -> str:
        """Of the platform."""
        return f"sip:{self.account.server}@{self.account.domain}"

    def contact(self, user: str) -> str:
        """Where we are reached."""
        host = f"[{self.host}]" if ipaddress.ip_address(self.host).version == 6 else self.host
        return f"<sip:{user}@{host}:{self.port}{';transport=tcp' if self.account.transport == 'tcp' else ''}>"

    def via(self) -> tuple[str, str]:
        """A new transaction; the response comes to the port that we send from (RFC 3581)."""
        host = self.contact("").partition("@")[2].rstrip(">").partition(";")[0]
        return "via", f"SIP/2.0/{self.account.transport.upper()} {host};rport;branch=z9hG4bK{self.token()}"

    def register(self, call_id: str, number: int, expires_s: int, more: Headers) -> SipMessage:
        """REGISTER; 0 seconds ends the registration."""
        me = f"<sip:{self.account.device}@{self.account.domain}>"
        headers = (
            self.via(), ("from", f"{me};tag={self.token()}"), ("to", me), ("call-id", call_id),
            ("cseq", f"{number} REGISTER"), ("contact", self.contact(self.account.device)), ("max-forwards", "70"),
            ("expires", str(expires_s)), ("x-gb-ver", VERSION), ("user-agent", AGENT), *more,
        )  # fmt: skip
        return SipMessage("REGISTER", self.server_uri, headers=headers)

    def message(self, body: bytes, content_type: str) -> SipMessage:
        """MESSAGE (RFC 3428) to the platform."""
        self._number += 1
        headers = (
            self.via(), ("from", f"<sip:{self.account.device}@{self.account.domain}>;tag={self.token()}"),
            ("to", f"<{self.server_uri}>"), ("call-id", self.token()), ("cseq", f"{self._number} MESSAGE"),
            ("max-forwards", "70"), ("user-agent", AGENT), ("content-type", content_type),
        )  # fmt: skip
        return SipMessage("MESSAGE", self.server_uri, headers=headers, body=body)


class Reply(NamedTuple):
    """A response of ours.

    Attributes:
        status: 100 to 699.
        reason: A few words.
        tag: Ours; it stands in `To` of all responses but 100.
        more: Further headers.
        body: With its `content-type` in `more`.
    """

    status: int
    reason: str
    tag: str = ""
    more: Headers = ()
    body: bytes = b""


def response(request: SipMessage, reply: Reply) -> SipMessage:
    """The response to a request of the platform (section 8.2.6)."""
    to = request.get("to")
    if reply.status > 100 and not request.to_tag:
        to += f";tag={reply.tag}"
    headers = (
        *(("via", it) for it in request.all("via")), ("from", request.get("from")), ("to", to),
        ("call-id", request.call_id), ("cseq", request.get("cseq")), ("user-agent", AGENT), *reply.more,
    )  # fmt: skip
    return SipMessage(status=reply.status, reason=reply.reason, headers=headers, body=reply.body)
