"""A user's own notification targets, and the dead letters of the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass

import msgspec

from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.escalation.notification import LIFE_S, WEB_PUSH, Notification, State, Target, replayed
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.escalation import NotificationReader, NotificationWriter
from aggregator.notifications import addresses, web_push
from aggregator.notifications.senders import SenderPool
from aggregator.notifications.web_push import Subscription
from aggregator.services.monitoring.delivery import SEALED
from aggregator.storage.keyring import KeyRing
from common.clock import SECOND_NS, Clock
from common.errors import NotificationError
from protocol.identifiers import one_line

MOST_TARGETS = 10
MOST_LABEL = 60
DEAD: tuple[State, ...] = ("dead", "expired")


@dataclass(frozen=True)
class _New:
    channel: str
    label: str
    language: str
    session: str = ""


@dataclass(frozen=True)
class TargetAddresses:
    """Addresses of targets.

    Attributes:
        keys: Encrypt them.
        pool: Checks them.
    """

    keys: KeyRing
    pool: SenderPool


@dataclass(frozen=True)
class NotificationService:
    """See the module.

    Args:
        reader: Targets and the queue.
        queue: Of the store's writer.
        addresses: Checks and encrypts addresses.
        clock: The present.
        new_id: Makes a UUIDv7.
        languages: Which there are.
        limits: Of new targets and test messages, for each user.
    """

    reader: NotificationReader
    queue: WriteJobs[NotificationWriter]
    addresses: TargetAddresses
    clock: Clock
    new_id: Callable[[], str]
    languages: Collection[str]
    limits: RateLimiter

    @property
    def public_key(self) -> str:
        """What a browser subscribes with."""
        return web_push.public_text(self.addresses.keys.web_push)

    def targets(self, caller: Principal) -> list[Target]:
        """The caller's own targets."""
        return self.reader.notification_targets([caller.name], self.clock.wall_ns())

    async def add(self, caller: Principal, address: str, label: str, language: str) -> Target:
        """Add an Apprise address.

        Raises:
            NotificationError: It cannot be used, or there are too many; the text does not repeat the address.
            LoginThrottled: Too many were tried.
        """
        self.limits.take(f"target {caller.name}")
        scheme = addresses.check(address)
        await self.addresses.pool.check(address)
        return await self._put(caller, address, _New(scheme, label.strip() or addresses.SERVICES[scheme], language))

    async def subscribe(
        self, caller: Principal, session: str, subscription: Subscription, label: str, language: str
    ) -> Target:
        """Add a browser; it ends with its session.

        Raises:
            NotificationError: It cannot be used, or there are too many.
        """
        web_push.check(subscription)
        address = msgspec.json.encode(subscription).decode()
        return await self._put(caller, address, _New(WEB_PUSH, label.strip() or "browser", language, session))

    async def set_language(self, caller: Principal, target_id: str, language: str) -> Target:
        """Change the language of the messages to one's own target.

        Raises:
            NotificationError: There is no such target, or no such language.
        """
        self._check_language(language)
        entry = self._entry(caller, target_id, f"language: {language}")
        if not await self.queue.write(lambda store: store.set_target_language(caller.name, target_id, language, entry)):
            raise NotificationError("there is no such target")
        found = await asyncio.to_thread(self.reader.notification_target, target_id)
        if found is None:
            raise NotificationError("there is no such target")
        return found

    async def remove(self, caller: Principal, target_id: str) -> None:
        """Remove one's own target; what waits for it is not sent.

        Raises:
            NotificationError: There is none.
        """
        entry = self._entry(caller, target_id, "removed")
        if not await self.queue.write(lambda store: store.delete_target(caller.name, target_id, entry)):
            raise NotificationError("there is no such target")

    async def test(self, caller: Principal, target_id: str) -> Notification:
        """Send a test message to one's own target, through the queue.

        Raises:
            NotificationError: There is no such target.
            LoginThrottled: Too many.
        """
        self.limits.take(f"test {caller.name}")
        targets = await asyncio.to_thread(self.targets, caller)
        target = next((it for it in targets if it.id == target_id), None)
        if target is None:
            raise NotificationError("there is no such target")
        now_ns, new = self.clock.wall_ns(), self.new_id()
        expires_ns = now_ns + round(LIFE_S / 4 * SECOND_NS)
        made = Notification(
            id=new, effect=f"test/{new}", recipient=caller.name, target=target.id, channel=target.channel,
            made_ns=now_ns, next_ns=now_ns, expires_ns=expires_ns, purpose="test",
        )  # fmt: skip
        await self.queue.write(lambda store: store.enqueue(made))
        return made

    def dead_letters(self, caller: Principal, before: tuple[int, str] | None, limit: int) -> list[Notification]:
        """What was given up, the newest first; of alerts within the caller's sites."""
        return self.reader.notifications(DEAD, caller.within("notifications.see"), before, limit)

    async def replay(self, caller: Principal, notification_id: str) -> Notification:
        """Put a dead letter back into the queue.

        Raises:
            NotificationError: There is none that the caller may replay, or it is in the queue already.
        """
        it = await asyncio.to_thread(self.reader.notification, notification_id)
        within = caller.within("notifications.see")
        if it is None or not within.holds(it.site, it.place):
            raise NotificationError("there is no such notification")
        if it.state not in DEAD:
            raise NotificationError(f"the notification is '{it.state}', not given up")
        now_ns = self.clock.wall_ns()
        again = replayed(it, now_ns)
        entry = AuditEntry(
            time_ns=now_ns, who=caller.name, what="notification.replayed", site=it.site, target=it.id,
            detail={"recipient": it.recipient, "alert": it.alert},
        )  # fmt: skip
        if not await self.queue.write(lambda store: store.replay_notification(it, again, entry)):
            raise NotificationError("somebody else has replayed it meanwhile")
        return again

    async def _put(self, caller: Principal, address: str, new: _New) -> Target:
        label = one_line(new.label, 1, MOST_LABEL)
        if label is None:
            raise NotificationError(f"label: it must have at most {MOST_LABEL} characters, and no control characters")
        self._check_language(new.language)
        target = Target(
            id=self.new_id(), user=caller.name, channel=new.channel, label=label, language=new.language,
            session=new.session, sealed=self.addresses.keys.hidden(SEALED, address),
            digest=self.addresses.keys.digest("", SEALED, address), made_ns=self.clock.wall_ns(),
        )  # fmt: skip
        entry = self._entry(caller, target.id, f"added: {new.channel}")
        if not await self.queue.write(lambda store: store.put_target(target, MOST_TARGETS, entry)):
            raise NotificationError(f"you have this target already, or {MOST_TARGETS} of them; remove one first")
        return target

    def _check_language(self, language: str) -> None:
        if language not in self.languages:
            raise NotificationError(f"language: it must be one of {', '.join(self.languages)}")

    def _entry(self, caller: Principal, target_id: str, change: str) -> AuditEntry:
        return AuditEntry(
            time_ns=self.clock.wall_ns(), who=caller.name, what="notification.target", target=target_id,
            detail={"change": change},
        )  # fmt: skip
