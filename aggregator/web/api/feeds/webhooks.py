"""The HTTP API of consumers' webhooks, for administrators."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query

from aggregator.services.feeds.webhook_service import MOST_LETTERS, WebhookService
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api.feeds.feed import GONE
from aggregator.web.api_models.base import PRINTABLE
from aggregator.web.api_models.feeds import webhooks as models

TAGS: Tags = ["webhooks"]
_Before = Annotated[str | None, Query(description="`before` of the page before.", max_length=64, pattern=PRINTABLE)]


def add(app: FastAPI, webhooks: WebhookService) -> None:
    """Add the routes."""
    _add_webhooks(app, webhooks)
    _add_changes(app, webhooks)
    _add_letters(app, webhooks)


def _add_webhooks(app: FastAPI, webhooks: WebhookService) -> None:
    @app.get("/api/consumers/{consumer_id}/webhooks", tags=TAGS)
    async def list_webhooks(consumer_id: IdPath, caller: Who) -> models.WebhooksResponse:
        """A consumer's webhooks: their state, lag and errors."""
        found = await webhooks.webhooks(caller, consumer_id)
        return models.WebhooksResponse(webhooks=[models.WebhookResponse.of(it) for it in found])

    @app.post("/api/consumers/{consumer_id}/webhooks", status_code=201, tags=TAGS, responses=errors(409))
    async def add_webhook(consumer_id: IdPath, caller: Who, wanted: models.WebhookRequest) -> models.NewWebhookResponse:
        """Add a webhook and ask its receiver for consent; the keys are shown once."""
        made, keys = await webhooks.add(caller, consumer_id, wanted.url, wanted.mode)
        return models.NewWebhookResponse.made(made, keys)

    @app.delete("/api/webhooks/{webhook_id}", tags=TAGS)
    async def remove_webhook(webhook_id: IdPath, caller: Who) -> models.WebhookRemovedResponse:
        """Remove a webhook and its dead letters."""
        await webhooks.remove(caller, webhook_id)
        return models.WebhookRemovedResponse(removed=webhook_id)


def _add_changes(app: FastAPI, webhooks: WebhookService) -> None:
    @app.post("/api/webhooks/{webhook_id}/confirm", tags=TAGS)
    async def confirm_webhook(webhook_id: IdPath, caller: Who) -> models.WebhookStateResponse:
        """Ask the receiver for consent again; a disabled webhook goes on after its position."""
        return models.WebhookStateResponse.of(await webhooks.confirm(caller, webhook_id))

    @app.post("/api/webhooks/{webhook_id}/keys", status_code=201, tags=TAGS)
    async def replace_webhook_keys(webhook_id: IdPath, caller: Who) -> models.WebhookKeysResponse:
        """Replace the keys; for a day messages are signed with those before too."""
        return models.WebhookKeysResponse.of(await webhooks.rotate(caller, webhook_id))

    @app.post("/api/webhooks/{webhook_id}/test", tags=TAGS, responses=errors(409))
    async def test_webhook(webhook_id: IdPath, caller: Who) -> models.WebhookTestResponse:
        """Send a test event at once; the response has the result."""
        attempt = await webhooks.test(caller, webhook_id)
        return models.WebhookTestResponse(sent=attempt.sent, problem=attempt.problem)

    @app.post("/api/webhooks/{webhook_id}/replay", tags=TAGS, responses=GONE)
    async def replay_webhook(
        webhook_id: IdPath, caller: Who, wanted: models.WebhookRewindRequest
    ) -> models.WebhookStateResponse:
        """Send everything after a cursor again."""
        return models.WebhookStateResponse.of(await webhooks.rewind(caller, webhook_id, int(wanted.after)))


def _add_letters(app: FastAPI, webhooks: WebhookService) -> None:
    @app.get("/api/webhooks/{webhook_id}/dead-letters", tags=TAGS)
    async def list_webhook_letters(
        webhook_id: IdPath, caller: Who, before: _Before = None
    ) -> models.WebhookLettersResponse:
        """Messages of a webhook that were given up, the newest first."""
        found = await webhooks.dead_letters(caller, webhook_id, before)
        more = found[-1].id if len(found) == MOST_LETTERS else None
        letters = [models.WebhookLetterResponse.of(it) for it in found]
        return models.WebhookLettersResponse(dead_letters=letters, before=more)

    @app.post("/api/webhooks/{webhook_id}/dead-letters/{letter_id}/replay", status_code=202, tags=TAGS)
    async def replay_webhook_letter(webhook_id: IdPath, letter_id: IdPath, caller: Who) -> models.WebhookReplayResponse:
        """Send a message that was given up once more."""
        await webhooks.replay(caller, webhook_id, letter_id)
        return models.WebhookReplayResponse(replayed=letter_id)
