"""Acknowledging by link: in the name of the recipient, once. Opening the link shows a question and changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.alerts.decisions import Decide, Request
from aggregator.domain.alerts.types import Acknowledged, Decision
from aggregator.domain.escalation.notification import Notification
from aggregator.domain.escalation.records import AlertFacts
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.accounts import AccountReader
from aggregator.domain.store_port.escalation import EscalationReader, NotificationReader, NotificationWriter
from aggregator.notifications import links
from aggregator.services.monitoring.people import People
from aggregator.storage.keyring import KeyRing
from common.clock import Clock
from common.errors import NotificationError


class LinkReader(EscalationReader, NotificationReader, AccountReader, Protocol):
    """What is read."""


@dataclass(frozen=True)
class AcknowledgementLinks:
    """See the module.

    Args:
        reader: Alerts, the queue and accounts.
        queue: Of the store's writer.
        keys: Sign links.
        areas: The areas of each place.
        clock: The present.
        decide: Commits decisions; called on the writer's thread.
        limits: Of requests, for each client's address.
    """

    reader: LinkReader
    queue: WriteJobs[NotificationWriter]
    keys: KeyRing
    areas: Areas
    clock: Clock
    decide: Decide
    limits: RateLimiter

    def look(self, token: str, client: str) -> tuple[Notification, AlertFacts]:
        """The entry and the alert of a link that may be used.

        Raises:
            NotificationError: It may not: `invalid`, `used`, `expired` or `over` (the alert does not wait any more).
            LoginThrottled: Too many wrong ones came from this address.
        """
        try:
            it = links.check(self.keys, token, self.reader.notification(links.entry_of(token)), self.clock.wall_ns())
        except NotificationError as error:
            if str(error) == "invalid":  # what somebody else tries from the same address delays no right link
                self.limits.take(client)
            raise
        alert = self.reader.alert_facts(it.alert)
        if alert is None or not alert.waiting:
            raise NotificationError("over")
        principal = People(self.reader, self.areas).principals.get(it.recipient)
        if principal is None or not principal.may("alerts.work", alert.site, alert.place):
            raise NotificationError("invalid")  # the account or the role is gone
        return it, alert

    async def use(self, token: str, client: str) -> Notification:
        """Acknowledge the link's alert in the recipient's name, and use the link up.

        Raises:
            NotificationError: As for `look`.
            LoginThrottled: As for `look`.
            StoreError: Nothing was acknowledged; the link may be used again.
        """
        it, alert = await asyncio.to_thread(self.look, token, client)

        def job(store: NotificationWriter) -> bool:
            # first the decision: a link that is used up has acknowledged
            if store.link_used(it.id):
                return False
            requests = [Request(alert.id, Acknowledged())]
            (verdict,) = self.decide(requests, Decision(it.recipient, "link", client), lambda _: True)
            if verdict.result != "done":
                raise NotificationError("over")
            store.use_link(it.id, self.clock.wall_ns())
            return True

        if not await self.queue.write(job):
            raise NotificationError("used")
        return it
