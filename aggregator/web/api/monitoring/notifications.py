"""The HTTP API of one's own notification targets, and of dead letters."""

from __future__ import annotations

from fastapi import FastAPI, HTTPException, Request

from aggregator.auth.client_address import session_of
from aggregator.auth.passwords import hash_token
from aggregator.domain.escalation.notification import Notification, Target
from aggregator.notifications.addresses import SERVICES
from aggregator.notifications.web_push import Subscription
from aggregator.services.monitoring.notification_service import NotificationService
from aggregator.web.api.cursors import Before, cursor_of, place_before
from aggregator.web.api.dependencies import IdPath, Tags, Who, errors
from aggregator.web.api_models.base import optional_time
from aggregator.web.api_models.monitoring import notifications as models
from protocol.identifiers import to_rfc3339

_OWN: Tags = ["own notifications"]
_DEAD: Tags = ["notifications"]
PAGE = 100


def add(app: FastAPI, notifications: NotificationService) -> None:
    """Add the routes."""
    _add_targets(app, notifications)
    _add_dead_letters(app, notifications)


def _target(it: Target) -> models.TargetResponse:
    return models.TargetResponse(
        id=it.id,
        channel=it.channel,
        label=it.label,
        language=it.language,
        made=to_rfc3339(it.made_ns),
        failed=optional_time(it.failed_ns or None),
        problem=it.problem,
    )


def _dead_letter(it: Notification) -> models.DeadLetterResponse:
    return models.DeadLetterResponse(
        id=it.id,
        alert=it.alert,
        site=it.site,
        recipient=it.recipient,
        channel=it.channel,
        level=it.level,
        state="dead" if it.state == "dead" else "expired",
        made=to_rfc3339(it.made_ns),
        ended=to_rfc3339(it.ended_ns),
        tries=it.tries,
        problem=it.problem,
    )


def _add_targets(app: FastAPI, notifications: NotificationService) -> None:
    @app.get("/api/me/notifications", tags=_OWN)
    def list_targets(caller: Who) -> models.TargetsResponse:
        """One's own targets, without their addresses."""
        targets = [_target(it) for it in notifications.targets(caller)]
        return models.TargetsResponse(targets=targets, web_push_key=notifications.public_key, channels=sorted(SERVICES))

    @app.post("/api/me/notifications", status_code=201, tags=_OWN, responses=errors(429))
    async def add_target(caller: Who, wanted: models.TargetRequest) -> models.TargetResponse:
        """Add a target by its Apprise address."""
        return _target(await notifications.add(caller, wanted.url, wanted.label, wanted.language))

    @app.post("/api/me/notifications/web-push", status_code=201, tags=_OWN)
    async def subscribe(request: Request, caller: Who, wanted: models.SubscriptionRequest) -> models.TargetResponse:
        """Add this browser; it is notified until its session ends."""
        session = session_of(request)
        if not session:
            raise HTTPException(403, "this needs a browser's session")
        keys = wanted.keys
        subscription = Subscription(endpoint=wanted.endpoint, p256dh=keys.p256dh, auth=keys.auth)
        made = await notifications.subscribe(caller, hash_token(session), subscription, wanted.label, wanted.language)
        return _target(made)

    @app.put("/api/me/notifications/{target}/language", tags=_OWN)
    async def set_target_language(target: IdPath, caller: Who, wanted: models.LanguageRequest) -> models.TargetResponse:
        """Change the language of the messages to one of one's own targets."""
        return _target(await notifications.set_language(caller, target, wanted.language))

    @app.delete("/api/me/notifications/{target}", tags=_OWN)
    async def remove_target(target: IdPath, caller: Who) -> models.TargetRemovedResponse:
        """Remove one of one's own targets."""
        await notifications.remove(caller, target)
        return models.TargetRemovedResponse(removed=target)

    @app.post("/api/me/notifications/{target}/test", status_code=202, tags=_OWN, responses=errors(429))
    async def test_target(target: IdPath, caller: Who) -> models.QueuedResponse:
        """Send a test message to one of one's own targets; the list of targets says whether it failed."""
        return models.QueuedResponse(notification=(await notifications.test(caller, target)).id)


def _add_dead_letters(app: FastAPI, notifications: NotificationService) -> None:
    @app.get("/api/notifications", tags=_DEAD, responses=errors(400))
    def list_dead_letters(caller: Who, before: Before = None) -> models.DeadLettersResponse:
        """Notifications that were given up, the newest first."""
        found = notifications.dead_letters(caller, place_before(before), PAGE)
        more = cursor_of(found[-1].ended_ns, found[-1].id) if len(found) == PAGE else None
        return models.DeadLettersResponse(notifications=[_dead_letter(it) for it in found], before=more)

    @app.post("/api/notifications/{notification}/replay", status_code=202, tags=_DEAD)
    async def replay(notification: IdPath, caller: Who) -> models.QueuedResponse:
        """Put a notification that was given up back into the queue."""
        return models.QueuedResponse(notification=(await notifications.replay(caller, notification)).id)
