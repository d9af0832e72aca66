"""Webhooks of consumers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from aggregator.domain.feeds.webhook import DeadLetter, Mode, Webhook, WebhookState
from aggregator.notifications.webhook_signature import SigningSecret
from aggregator.services.feeds.webhook_service import ShownWebhook
from aggregator.web.api_models.base import (
    PRINTABLE,
    Id,
    RequestModel,
    ResponseModel,
    Time,
    example,
    optional_time,
)
from aggregator.web.api_models.feeds.feed import CURSOR
from protocol.identifiers import to_rfc3339

ID = "01890000-0000-7000-8000-000000000000"
_TIME = "2026-11-23T08:00:00.000000000Z"
_WEBHOOK = {
    "id": ID, "host": "command.example", "mode": "structured", "state": "active", "position": "4711", "lag": 0,
    "tries": 0, "failing": None, "next": None, "problem": "", "rate": 600, "made_by": "li", "made": _TIME,
    "delivered": None, "dead_letters": 0,
}  # fmt: skip
_KEYS = {"secret": "whsec_example", "public_key": "whpk_example"}
_LETTER = {
    "id": ID, "message": "batch-12-40", "first": "12", "last": "40", "made": _TIME, "tries": 3, "state": "dead",
    "problem": "it answered with HTTP 400",
}  # fmt: skip


class WebhookRequest(RequestModel):
    """Adds a webhook."""

    model_config = RequestModel.model_config | example(url="https://command.example/paifang", mode="structured")

    url: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=PRINTABLE)] = Field(
        description="An https:// address; it is stored encrypted and not shown again."
    )
    mode: Mode = Field("structured", description="One CloudEvents object in a request, or a batch of them.")


class WebhookResponse(ResponseModel):
    """A webhook, without its address and keys."""

    model_config = example(_WEBHOOK)

    id: Id
    host: str
    mode: Mode
    state: WebhookState = Field(description="`unconfirmed`: the receiver has not consented.")
    position: str = Field(description="The cursor up to which everything is done.")
    lag: int = Field(description="Entries of the feed after it.")
    tries: int = Field(description="Failed attempts of the present message.")
    failing: Time | None = Field(description="Since when the present message fails.")
    next: Time | None = Field(description="When the next attempt is due.")
    problem: str
    rate: int = Field(description="Requests a minute that the receiver allows; 0: any number.")
    made_by: str
    made: Time
    delivered: Time | None = Field(description="When it last took a message.")
    dead_letters: int

    @classmethod
    def of(cls, shown: ShownWebhook) -> WebhookResponse:
        """From the service."""
        it = shown.webhook
        return cls(
            id=it.id, host=it.host, mode=it.mode, state=it.state, position=str(it.position), lag=shown.lag,
            tries=it.tries, failing=optional_time(it.failing_ns or None), next=optional_time(it.next_ns or None),
            problem=it.problem, rate=it.rate, made_by=it.made_by, made=to_rfc3339(it.made_ns),
            delivered=optional_time(it.delivered_ns or None), dead_letters=shown.dead_letters,
        )  # fmt: skip


class WebhooksResponse(ResponseModel):
    """A consumer's webhooks."""

    model_config = example(webhooks=[_WEBHOOK])

    webhooks: list[WebhookResponse]


class WebhookStateResponse(ResponseModel):
    """A webhook's state after a change."""

    model_config = example(id=ID, state="active", problem="")

    id: Id
    state: WebhookState
    problem: str = Field(description="Why the receiver was not confirmed.")

    @classmethod
    def of(cls, it: Webhook) -> WebhookStateResponse:
        """From the service."""
        return cls(id=it.id, state=it.state, problem=it.problem)


class WebhookKeysResponse(ResponseModel):
    """The keys that check signatures; the secret is shown once."""

    model_config = example(_KEYS)

    secret: str = Field(description="For `v1` (HMAC-SHA256).")
    public_key: str = Field(description="For `v1a` (Ed25519).")

    @classmethod
    def of(cls, keys: SigningSecret) -> WebhookKeysResponse:
        """From the service."""
        return cls(secret=keys.secret_text, public_key=keys.public_text)


class NewWebhookResponse(WebhookKeysResponse):
    """A new webhook with its keys."""

    model_config = example(_KEYS, id=ID, state="active", problem="")

    id: Id
    state: WebhookState
    problem: str

    @classmethod
    def made(cls, it: Webhook, keys: SigningSecret) -> NewWebhookResponse:
        """From the service."""
        return cls(id=it.id, state=it.state, problem=it.problem, secret=keys.secret_text, public_key=keys.public_text)


class WebhookTestResponse(ResponseModel):
    """What came of a test event."""

    model_config = example(sent=False, problem="it answered with HTTP 500")

    sent: bool
    problem: str


class WebhookRewindRequest(RequestModel):
    """Sends everything after a cursor again."""

    model_config = RequestModel.model_config | example(after="4000")

    after: Annotated[str, StringConstraints(pattern=CURSOR)]


class WebhookRemovedResponse(ResponseModel):
    """A webhook was removed."""

    model_config = example(removed=ID)

    removed: Id


class WebhookLetterResponse(ResponseModel):
    """A message that was given up."""

    model_config = example(_LETTER)

    id: Id
    message: str = Field(description="The `webhook-id` that it was sent with; empty where it never was.")
    first: str = Field(description="`sequence` of its first event.")
    last: str
    made: Time
    tries: int
    state: Literal["dead", "replay"] = Field(description="`replay`: it is about to be sent again.")
    problem: str

    @classmethod
    def of(cls, it: DeadLetter) -> WebhookLetterResponse:
        """From the service."""
        return cls(
            id=it.id, message=it.message, first=str(it.first), last=str(it.last), made=to_rfc3339(it.made_ns),
            tries=it.tries, state=it.state, problem=it.problem,
        )  # fmt: skip


class WebhookLettersResponse(ResponseModel):
    """A page of them, the newest first."""

    model_config = example(dead_letters=[_LETTER], before=None)

    dead_letters: list[WebhookLetterResponse]
    before: str | None = Field(description="The parameter `before` of the next page; null: there is nothing more.")


class WebhookReplayResponse(ResponseModel):
    """A message is sent again."""

    model_config = example(replayed=ID)

    replayed: Id
