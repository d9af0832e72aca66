"""A consumer: another platform that gets events, with what it may get and who has agreed. Pure.

One person requests a consumer, another one approves it. What it may get does not change afterwards: more than was
approved takes a new consumer.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

import msgspec

from aggregator.domain.accounts.authorization import Areas, Scope, scope_of
from aggregator.domain.alerts.types import Severity
from aggregator.settings.alerts import OWN_KINDS
from common.clock import DAY_NS
from common.errors import FeedConflict, FeedError
from protocol.event_types import KINDS
from protocol.identifiers import one_line

State = Literal["requested", "active", "paused", "revoked", "refused"]
Action = Literal["approved", "refused", "paused", "resumed", "revoked"]
Content = Literal["events", "alerts"]
Media = Literal["pictures", "clips", "live"]
CONTENTS: tuple[Content, ...] = get_args(Content)
MEDIA: tuple[Media, ...] = get_args(Media)
MOST_DAYS = 3 * 366
MOST_SCOPES, MOST_REQUESTS, MOST_EVENTS = 50, 6_000, 1_000_000
TOKEN_PREFIX = "pfc_"  # noqa: S105
"""Tells a consumer's token from an API token of a user."""
TRANSITIONS: dict[tuple[State, Action], State] = {
    ("requested", "approved"): "active",
    ("requested", "refused"): "refused",
    ("active", "paused"): "paused",
    ("paused", "resumed"): "active",
    ("active", "revoked"): "revoked",
    ("paused", "revoked"): "revoked",
}


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer may get.

    Attributes:
        places: Where: `*`, a site, or `site/area`.
        contents: Events of boxes, changes of alerts, or both.
        kinds: Event types; empty: all.
        severities: Of alerts, and of events by the alert that they belong to; empty: all, events without an alert too.
        media: Pictures, clips and live video beside the facts.
    """

    places: tuple[str, ...]
    contents: tuple[Content, ...] = CONTENTS
    kinds: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    media: tuple[Media, ...] = ()

    def within(self, areas: Areas) -> Scope:
        """The sites and places of `places`."""
        return scope_of(self.places, areas)


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """Another platform. Times are UTC nanoseconds.

    Attributes:
        id: UUIDv7.
        name: What people call it; there is no other one of that name.
        contact: Who answers for it, such as a mail address.
        purpose: What it needs the data for.
        basis: The legal basis.
        selection: What it may get.
        requests_per_minute: Requests that it may make.
        events_per_hour: Events and alert changes that it may get.
        ends_ns: It gets nothing from then on.
        decided_by: Who approved or refused it; never who requested it.
        token_hash: SHA-256 of its token; None: it has none.
        version: Rises with each change.
        certificate: SHA-256 of the DER of the client certificate that requests with the token must carry, lower-case
            hexadecimal; None: they need none.
    """

    id: str
    name: str
    contact: str
    purpose: str
    basis: str
    selection: Selection
    requests_per_minute: int
    events_per_hour: int
    ends_ns: int
    state: State = "requested"
    created_by: str
    created_ns: int
    decided_by: str = ""
    decided_ns: int = 0
    token_hash: str | None = None
    token_ns: int = 0
    version: int = 1
    certificate: str | None = None

    @property
    def credentials(self) -> tuple[str | None, str | None]:
        """What opens its feed and its streams; what was opened before they changed ends."""
        return self.token_hash, self.certificate

    def ended(self, now_ns: int) -> bool:
        """Whether its time is over."""
        return now_ns >= self.ends_ns

    def approved(self, now_ns: int) -> bool:
        """Whether it is approved, and not over; a paused one is too."""
        return self.state in ("active", "paused") and not self.ended(now_ns)

    def serves(self, now_ns: int) -> bool:
        """Whether it gets anything now."""
        return self.state == "active" and not self.ended(now_ns)


def check(it: Consumer, now_ns: int) -> None:
    """Whether a consumer may be requested.

    Raises:
        FeedError: It may not; names the field and the fix.
    """
    for name, least, most in (("name", 2, 80), ("contact", 2, 200), ("purpose", 10, 500), ("basis", 2, 200)):
        if one_line(getattr(it, name), least, most) is None:
            raise FeedError(f"{name}: write {least} to {most} characters, without line feeds and control characters")
    if not now_ns < it.ends_ns <= now_ns + MOST_DAYS * DAY_NS:
        raise FeedError(f"ends: it must lie in the future, at most {MOST_DAYS} days ahead")
    if not 1 <= it.requests_per_minute <= MOST_REQUESTS:
        raise FeedError(f"requests_per_minute: 1 to {MOST_REQUESTS}")
    if not 1 <= it.events_per_hour <= MOST_EVENTS:
        raise FeedError(f"events_per_hour: 1 to {MOST_EVENTS}")
    if not 1 <= len(it.selection.places) <= MOST_SCOPES:
        raise FeedError(f"places: name 1 to {MOST_SCOPES}; `*` stands for all sites")
    if not it.selection.contents:
        raise FeedError("contents: name at least one of events, alerts")
    known = set(KINDS) | OWN_KINDS
    for kind in it.selection.kinds:
        if kind not in known:
            raise FeedError("kinds: an event type is not known; the reference of events lists them")


def changed(it: Consumer, action: Action, who: str, now_ns: int) -> Consumer:
    """A consumer after an action.

    Raises:
        FeedConflict: Its state does not allow it, its time is over, or the same person would request and approve.
    """
    state = TRANSITIONS.get((it.state, action))
    if state is None:
        raise FeedConflict(f"the consumer is {it.state}; it cannot be {action} now")
    if action in ("approved", "resumed") and it.ended(now_ns):
        raise FeedConflict("the consumer's end has passed; request a new one")
    if action == "approved" and who == it.created_by:
        raise FeedConflict("who requests a consumer does not approve it; another administrator must")
    after = msgspec.structs.replace(it, state=state, version=it.version + 1)
    if action == "approved" or (action == "refused" and who != it.created_by):
        after = msgspec.structs.replace(after, decided_by=who, decided_ns=now_ns)
    return msgspec.structs.replace(after, token_hash=None, token_ns=0) if state == "revoked" else after


def with_token(it: Consumer, token_hash: str, now_ns: int) -> Consumer:
    """A consumer with a new token; the one before ends.

    Raises:
        FeedConflict: It is not approved, or over.
    """
    check_approved(it, now_ns, "a token")
    return msgspec.structs.replace(it, token_hash=token_hash, token_ns=now_ns, version=it.version + 1)


def with_certificate(it: Consumer, fingerprint: str | None, now_ns: int) -> Consumer:
    """A consumer whose requests must carry the client certificate with this SHA-256; None: they need none.

    Args:
        it: The consumer before.
        fingerprint: 64 hexadecimal digits; colons may stand between them, as openssl prints them.
        now_ns: The present.

    Raises:
        FeedConflict: It is not approved, or over.
        FeedError: That is no SHA-256.
    """
    check_approved(it, now_ns, "a certificate")
    if fingerprint is not None:
        fingerprint = fingerprint.rpartition("=")[2].replace(":", "").strip().lower()
        if re.fullmatch("[0-9a-f]{64}", fingerprint) is None:
            raise FeedError("fingerprint: write the SHA-256 of the certificate, 64 hexadecimal digits")
    return msgspec.structs.replace(it, certificate=fingerprint, version=it.version + 1)


def check_approved(it: Consumer, now_ns: int, what: str) -> None:
    """Whether a consumer may be given something.

    Raises:
        FeedConflict: It is not approved, or over.
    """
    if not it.approved(now_ns):
        raise FeedConflict(f"only an approved consumer whose end has not passed gets {what}")
