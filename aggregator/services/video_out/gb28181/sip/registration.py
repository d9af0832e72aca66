"""The registration at a platform and the keep-alive (GB/T 28181-2016, 9.1 and 9.6; RFC 3261, section 10). Pure.

Registered → registered again before the time is over. Three keep-alives without an answer, or a time that is over, end
it: `lost`; a refusal of the platform: `refused`. It does not begin again by itself: whoever runs it resolves the
platform's name anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from aggregator.services.video_out.gb28181.sip import manscdp
from aggregator.services.video_out.gb28181.sip.message import Headers, SipMessage, parameter
from aggregator.services.video_out.gb28181.sip.requests import Requests
from aggregator.services.video_out.gb28181.sip.transactions import ClientTransactions
from common.secret.digest import Answers, best, challenges

EXPIRES_S, MOST_EXPIRES_S = 3_600, 86_400
KEEPALIVE_S = 60.0
MOST_MISSED = 3
MARGIN_S = 60.0
"""The next registration begins so long before the end of this one, or after half of it."""
RETRY_S = 10.0
"""After a renewal that failed, while the registration lasts."""
MOST_CHALLENGES = 3
"""In a row: then the password is wrong."""
State = Literal["connecting", "registered", "refused", "lost", "ended"]
_HEADERS = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass
class Registration:
    """Keeps the device registered.

    Args:
        requests: Makes requests.
        clients: Sends them.

    Attributes:
        state: Of the registration.
        problem: Why it is not registered; empty: it is, or nothing is known yet.
        ending: The platform has not answered yet that it ended.
    """

    requests: Requests
    clients: ClientTransactions
    state: State = field(default="connecting", init=False)
    problem: str = field(default="", init=False)
    ending: bool = field(default=False, init=False)
    _call_id: str = field(default="", init=False)
    _number: int = field(default=0, init=False)
    _serial: int = field(default=0, init=False)
    _asked_s: int = field(default=EXPIRES_S, init=False)
    _answers: tuple[str, Answers] | None = field(default=None, init=False)
    _challenged: int = field(default=0, init=False)
    _missed: int = field(default=0, init=False)
    _next_s: float = field(default=0.0, init=False)
    _alive_s: float = field(default=float("inf"), init=False)
    _over_s: float = field(default=float("inf"), init=False)

    def begin(self, now_s: float) -> None:
        """Register now."""
        self._call_id = self._call_id or self.requests.token()
        self._challenged, self._next_s = 0, float("inf")
        self._send(now_s)

    def end(self, now_s: float) -> None:
        """End the registration at the platform, if there is one."""
        self.ending = self.state == "registered"
        self.state, self._asked_s, self._challenged = "ended", 0, 0
        self._next_s = self._alive_s = self._over_s = float("inf")
        if self.ending:
            self._send(now_s)

    def tick(self, now_s: float) -> None:
        """Do what is due."""
        if now_s >= self._over_s:
            self._lose("the platform did not renew the registration")
            return
        if now_s >= self._next_s:
            self.begin(now_s)
        if now_s >= self._alive_s:
            self._alive_s = now_s + KEEPALIVE_S
            self._serial += 1
            body = manscdp.keepalive(self.requests.account.device, self._serial)
            message = self.requests.message(body, manscdp.CONTENT_TYPE)
            self.clients.begin(message, self._kept_alive, now_s, urgent=True)

    def due_s(self) -> float:
        """When `tick` is to be called."""
        return min(self._next_s, self._alive_s, self._over_s)

    def _send(self, now_s: float) -> None:
        self._number += 1
        header: Headers = ()
        if self._answers is not None:
            name, answers = self._answers
            header = ((name, answers.header("REGISTER", self.requests.server_uri)),)
        request = self.requests.register(self._call_id, self._number, self._asked_s, header)
        self.clients.begin(request, self._answered, now_s, urgent=True)

    def _answered(self, response: SipMessage | None, now_s: float) -> None:
        if self.state == "ended" and (response is None or response.status not in _HEADERS):
            self.ending = False
            return
        status = response.status if response is not None else 0
        if response is None:
            self._fail("the platform does not answer", now_s)
        elif status in _HEADERS:
            self._challenge(response, now_s)
        elif 200 <= status < 300:
            self._accept(response, now_s)
        elif status == 423 and _seconds(response.get("min-expires")) > self._asked_s:
            self._asked_s = min(_seconds(response.get("min-expires")), MOST_EXPIRES_S)
            self._send(now_s)
        else:
            self._fail(f"the platform refused the registration with status {status}", now_s, refused=status // 100 != 5)

    def _challenge(self, response: SipMessage, now_s: float) -> None:
        asked, answered = _HEADERS[response.status]
        offered = [it for it in challenges(response.all(asked)) if it.scheme == "digest"]
        challenge = best(offered)
        self._challenged += 1
        if challenge is None:
            self._fail("the platform asks for no log-in by Digest that is known here", now_s, refused=True)
        elif self._challenged > MOST_CHALLENGES or (self._challenged > 1 and not challenge.stale):
            self._answers = None
            self._fail("the platform refused the device's id or password", now_s, refused=True)
        else:
            self._answers = answered, Answers(challenge, self.requests.account.login, self.requests.token)
            self._send(now_s)

    def _accept(self, response: SipMessage, now_s: float) -> None:
        granted = _seconds(parameter(response.get("contact"), "expires")) or _seconds(response.get("expires"))
        granted = min(granted or self._asked_s, MOST_EXPIRES_S)
        self._missed = 0
        if self.state != "registered":
            self._alive_s = now_s + KEEPALIVE_S
        self.state, self.problem = "registered", ""
        self._over_s = now_s + granted
        self._next_s = now_s + max(granted - MARGIN_S, granted / 2)

    def _fail(self, problem: str, now_s: float, *, refused: bool = False) -> None:
        if self.state == "registered" and not refused:
            self._next_s = now_s + RETRY_S
        elif self.state == "ended":
            self.ending = False
        else:
            self._lose(problem)
            self.state = "refused" if refused else "lost"

    def _lose(self, problem: str) -> None:
        self.state, self.problem = "lost", problem
        self._next_s = self._alive_s = self._over_s = float("inf")
        self.clients.drop_waiting()

    def _kept_alive(self, response: SipMessage | None, now_s: float) -> None:
        if self.state != "registered":
            return
        if response is not None and 200 <= response.status < 300:
            self._missed = 0
            return
        self._missed += response is None
        if self._missed >= MOST_MISSED:
            self._lose(f"{MOST_MISSED} keep-alives were not answered")
        elif response is not None and self._next_s < float("inf"):  # otherwise a registration is on its way
            self._next_s = now_s


def _seconds(text: str) -> int:
    return int(text) if _SECONDS.fullmatch(text.strip()) else 0
