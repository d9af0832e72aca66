"""Renders one entry of the queue for its target, and sends it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from aggregator.domain.escalation.notification import MOST_OF_A_DIGEST, WEB_PUSH, Attempt, Notification, Target
from aggregator.domain.escalation.records import AlertFacts
from aggregator.domain.store_port.accounts import AccountReader
from aggregator.domain.store_port.escalation import EscalationReader, NotificationReader
from aggregator.notifications import links, message, web_push
from aggregator.notifications.message import Message, Place, Texts
from aggregator.notifications.senders import SenderPool
from aggregator.notifications.web_push import Subscription
from aggregator.services.monitoring.people import People
from aggregator.services.monitoring.place_directory import PlaceDirectory
from aggregator.services.site_clock import SiteClock
from aggregator.storage.keyring import KeyRing
from common.clock import Clock

SEALED = "notification target"
"""What targets' addresses are encrypted for."""


class DeliveryReader(EscalationReader, NotificationReader, AccountReader, Protocol):
    """What is read."""


@dataclass(frozen=True)
class MessageSettings:
    """How messages are written.

    Attributes:
        texts: Language → its texts.
        public_url: How browsers reach the dashboard; empty: messages have no links.
    """

    texts: Mapping[str, Texts]
    public_url: str


@dataclass(frozen=True)
class Delivery:
    """Sends entries.

    Args:
        reader: Alerts and targets.
        keys: Open addresses, sign links and push messages.
        pool: The sender processes.
        people: Reads the accounts anew.
        sites: Names and time zones.
        messages: How messages are written.
        places: Names and time zones of places.
    """

    reader: DeliveryReader
    keys: KeyRing
    pool: SenderPool
    people: Callable[[], People]
    sites: SiteClock
    messages: MessageSettings
    places: PlaceDirectory

    @property
    def clock(self) -> Clock:
        """The present."""
        return self.sites.clock

    async def attempt(self, it: Notification) -> Attempt | None:
        """Send an entry; None where there is nothing to send any more.

        Raises:
            PaifangError: The target's address cannot be opened.
        """
        found = await asyncio.to_thread(self._prepare, it)
        if found is None:
            return None
        target, text = found
        address = self.keys.shown(SEALED, target.sealed)
        if target.channel == WEB_PUSH:
            return await self._push(msgspec.json.decode(address, type=Subscription), text, it)
        return await self.pool.apprise(address, text.title, text.body, text.urgent)

    async def _push(self, subscription: Subscription, text: Message, it: Notification) -> Attempt:
        payload = msgspec.json.encode(
            {"title": text.title[:200], "body": text.body[:600], "url": text.link, "tag": it.alert or it.id}
        )
        key = self.keys.web_push
        now_ns, subject = self.clock.wall_ns(), self.messages.public_url or "mailto:admin@localhost"
        body = web_push.encrypt(subscription, payload, generate_private_key(SECP256R1()), secrets.token_bytes(16))
        headers = web_push.headers(subscription.endpoint, key, subject, now_ns, text.urgent)
        return await self.pool.push(subscription.endpoint, headers, body)

    def _prepare(self, it: Notification) -> tuple[Target, Message] | None:
        """The target and the text; None where the target, the right to see the alert or the reason is gone."""
        targets = self.reader.notification_targets([it.recipient], self.clock.wall_ns())
        target = next((one for one in targets if one.id == it.target), None)
        if target is None:
            return None
        words = self.messages.texts.get(target.language, self.messages.texts[message.FALLBACK_LANGUAGE])
        if it.purpose == "test":
            return target, message.of_test(words, it.recipient, self._link(""))
        people = self.people()
        if it.purpose == "digest":
            left = self._left(it, people)
            return (target, message.of_digest(words, left, self._link(""))) if left else None
        alert = self.reader.alert_facts(it.alert)
        if alert is None or not alert.waiting or not people.sees(it.recipient, alert.site, alert.place):
            return None
        works = people.principals[it.recipient].may("alerts.work", alert.site, alert.place)
        url = self.messages.public_url
        acknowledge = f"{url}/acknowledge/{links.token(self.keys, it)}" if works and url else ""
        return target, message.of_alert(words, alert, self._place(alert, it), self._link(alert.id), acknowledge)

    def _left(self, it: Notification, people: People) -> int:
        """How many of a digest's alerts still wait for an acknowledgement, and may be seen by its recipient.

        What the digest does not name is counted as waiting: beyond its bound, and where an older version made it.
        """
        if it.recipient not in people.principals:
            return 0
        found = self.reader.digest_facts(it.id)
        if not found:
            return it.count
        waiting = sum(one.waiting and people.sees(it.recipient, one.site, one.place) for one in found)
        return waiting + max(0, it.count - MOST_OF_A_DIGEST)

    def _place(self, alert: AlertFacts, it: Notification) -> Place:
        self.places.refresh()
        local = self.sites.local(alert.site, alert.last_ns, self.places.zone(alert.site, alert.box))
        name = self.places.name(alert.site, alert.box, alert.place) or alert.box
        return Place(self.sites.name(alert.site), name, f"{local:%Y-%m-%d %H:%M:%S %Z}", it.level)

    def _link(self, alert_id: str) -> str:
        if not self.messages.public_url:
            return ""
        return f"{self.messages.public_url}/?alert={alert_id}" if alert_id else f"{self.messages.public_url}/"
