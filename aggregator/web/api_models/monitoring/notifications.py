"""Notification targets and dead letters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from aggregator.web.api_models.base import PRINTABLE, Id, RequestModel, ResponseModel, Time, example

_ID = "01890000-0000-7000-8000-000000000000"
Label = Annotated[str, StringConstraints(max_length=60, pattern=PRINTABLE)]
Language = Annotated[str, StringConstraints(max_length=10, pattern=PRINTABLE)]
Address = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=PRINTABLE)]


class TargetRequest(RequestModel):
    """A new target."""

    model_config = RequestModel.model_config | example(url="ntfys://topic", label="phone", language="en")

    url: Address = Field(description="Apprise address; it is stored encrypted and never shown again.")
    label: Label = ""
    language: Language = Field("en", description="Of the messages: `en` or `zh-CN`.")


class LanguageRequest(RequestModel):
    """Another language of the messages to a target."""

    model_config = RequestModel.model_config | example(language="zh-CN")

    language: Language = Field(description="`en` or `zh-CN`.")


class PushKeysModel(RequestModel):
    """A browser's keys, base64url."""

    p256dh: Annotated[str, StringConstraints(max_length=200, pattern=PRINTABLE)]
    auth: Annotated[str, StringConstraints(max_length=100, pattern=PRINTABLE)]


class SubscriptionRequest(RequestModel):
    """A browser's push subscription."""

    endpoint: Address
    keys: PushKeysModel
    label: Label = ""
    language: Language = "en"


class TargetResponse(ResponseModel):
    """A target, without its address."""

    model_config = example(
        id=_ID, channel="ntfys", label="phone", language="en", made="2026-11-23T08:00:00.000000000Z", failed=None,
        problem="",
    )  # fmt: skip

    id: Id
    channel: str = Field(description="The kind of address; `webpush` for a browser.")
    label: str
    language: str
    made: Time
    failed: Time | None = Field(description="When the newest attempt failed; null where it did not.")
    problem: str


class TargetsResponse(ResponseModel):
    """One's own targets."""

    targets: list[TargetResponse]
    web_push_key: str = Field(description="`applicationServerKey` of browsers' subscriptions.")
    channels: list[str] = Field(description="The schemes of addresses that are taken.")


class TargetRemovedResponse(ResponseModel):
    """A target was removed."""

    removed: str


class QueuedResponse(ResponseModel):
    """It is in the queue."""

    notification: Id


class DeadLetterResponse(ResponseModel):
    """A notification that was given up."""

    id: Id
    alert: str
    site: str
    recipient: str
    channel: str
    level: str
    state: Literal["dead", "expired"]
    made: Time
    ended: Time
    tries: int
    problem: str


class DeadLettersResponse(ResponseModel):
    """A page of them, the newest first."""

    notifications: list[DeadLetterResponse]
    before: str | None = Field(description="The parameter `before` of the next page; null: there is nothing more.")
