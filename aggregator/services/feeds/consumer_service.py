"""Consumers: requested by one administrator, approved by another; paused and revoked at once; and their tokens.

An administrator of one site sees and changes only consumers whose places all lie within it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from aggregator.auth.account_service import RandomValues, reach_of
from aggregator.auth.accounts.scopes import ScopeChecker
from aggregator.auth.passwords import hash_token
from aggregator.domain.accounts.authorization import Principal, RoleAssignment, parse
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds import consumer as rules
from aggregator.domain.feeds.consumer import TOKEN_PREFIX, Action, Consumer
from aggregator.domain.feeds.feed_entry import ConsumerUse
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.feeds import ConsumerWriter, FeedReader
from common.clock import HOUR_NS, Clock
from common.errors import FeedConflict, FeedError, Forbidden, StaffError

MOST_CONSUMERS = 200


@dataclass(frozen=True)
class ShownConsumer:
    """A consumer with what it was sent.

    Attributes:
        lag: Entries of the feed that it has not read; None: it has read nothing yet.
    """

    consumer: Consumer
    use: ConsumerUse
    lag: int | None


@dataclass(frozen=True)
class ConsumerService:
    """Changes consumers. Called on the event loop; the store is asked beside it.

    Args:
        reader: Consumers and the feed.
        queue: Of the store's writer.
        scopes: The sites and areas that exist.
        clock: The present.
        random: Makes tokens and ids.
        changed: Called after each change: streams of a consumer that gets nothing any more end at once.
    """

    reader: FeedReader
    queue: WriteJobs[ConsumerWriter]
    scopes: ScopeChecker
    clock: Clock
    random: RandomValues
    changed: Callable[[], None] = lambda: None

    async def consumers(self, caller: Principal) -> list[ShownConsumer]:
        """The consumers within the caller's reach, the newest first."""
        return await asyncio.to_thread(self._consumers, caller)

    def _consumers(self, caller: Principal) -> list[ShownConsumer]:
        reach = reach_of(caller)
        uses = self.reader.consumer_uses(self.clock.wall_ns() // HOUR_NS)
        newest = self.reader.feed_span().newest
        shown = []
        for it in self.reader.consumers():
            if _covers(reach, it):
                use = uses.get(it.id, ConsumerUse())
                lag = None if use.position is None else max(0, newest - use.position)
                shown.append(ShownConsumer(it, use, lag))
        return shown

    async def places(self, caller: Principal) -> list[str]:
        """The scopes that the caller may name: `*`, sites, and areas as `site/area`."""
        reach = reach_of(caller)
        sites = await asyncio.to_thread(self.scopes.sites)
        named = ["*"] + [it for site, areas in sites.items() for it in (site, *(f"{site}/{area}" for area in areas))]
        return sorted(it for it in named if _reaches(reach, it))

    async def request(self, caller: Principal, wanted: Consumer) -> Consumer:
        """Request a consumer; another administrator must approve it.

        Args:
            caller: Who requests it.
            wanted: What it is to get; id, state and names of people are set here.

        Raises:
            FeedConflict: There is one of that name, or there are too many.
            FeedError: Names the field and the fix.
            Forbidden: A place lies beyond the caller's reach.
        """
        reach, now_ns = reach_of(caller), self.clock.wall_ns()
        made = msgspec.structs.replace(
            wanted, id=self.random.new_id(), state="requested", created_by=caller.name, created_ns=now_ns
        )
        rules.check(made, now_ns)
        await asyncio.to_thread(self._check_places, reach, made)
        entry = self._entry(caller, made, "requested", {"places": " ".join(made.selection.places)})
        if not await self.queue.write(lambda store: store.add_consumer(made, entry)):
            raise FeedConflict("name: there is a consumer of that name already; choose another")
        return made

    async def decide(self, caller: Principal, consumer_id: str, action: Action) -> Consumer:
        """Approve, refuse, pause, resume or revoke a consumer.

        Raises:
            FeedConflict: Its state does not allow it, or it has changed meanwhile.
            FeedError: There is none within the caller's reach.
        """
        before = await self.find(caller, consumer_id)
        after = rules.changed(before, action, caller.name, self.clock.wall_ns())
        await self._replace(before, after, self._entry(caller, before, action))
        return after

    async def make_token(self, caller: Principal, consumer_id: str) -> tuple[Consumer, str]:
        """A new token, whose text is shown once; the one before ends at once.

        Raises:
            FeedConflict: The consumer is not approved, or has changed meanwhile.
            FeedError: There is none within the caller's reach.
        """
        before = await self.find(caller, consumer_id)
        text = TOKEN_PREFIX + self.random.token()
        after = rules.with_token(before, hash_token(text), self.clock.wall_ns())
        await self._replace(before, after, self._entry(caller, before, "token made"))
        return after, text

    async def set_certificate(self, caller: Principal, consumer_id: str, fingerprint: str | None) -> Consumer:
        """Require a client certificate by its SHA-256, or none any more; what is open ends.

        It only narrows what two people have approved, so that one is enough.

        Raises:
            FeedConflict: The consumer is not approved, or has changed meanwhile.
            FeedError: That is no SHA-256, or there is no consumer within the caller's reach.
        """
        before = await self.find(caller, consumer_id)
        after = rules.with_certificate(before, fingerprint, self.clock.wall_ns())
        more = {"certificate": after.certificate} if after.certificate else {}
        what = "certificate set" if more else "certificate removed"
        await self._replace(before, after, self._entry(caller, before, what, more))
        return after

    async def find(self, caller: Principal, consumer_id: str) -> Consumer:
        """A consumer within the caller's reach.

        Raises:
            FeedError: There is none.
        """
        found = await asyncio.to_thread(self.reader.consumer, consumer_id)
        if found is None or not _covers(reach_of(caller), found):
            raise FeedError("there is no such consumer")
        return found

    def _check_places(self, reach: list[RoleAssignment], made: Consumer) -> None:
        if len(self.reader.consumers()) >= MOST_CONSUMERS:
            raise FeedConflict(f"there are {MOST_CONSUMERS} consumers already")
        for scope in made.selection.places:
            try:
                self.scopes.check(_at(scope), lambda site: any(it.site in ("*", site) for it in reach))
            except StaffError as error:
                raise FeedError(f"places: {str(error).removeprefix('scope: ')}") from error
            if not _reaches(reach, scope):
                raise Forbidden("places: one lies beyond what you administer")

    async def _replace(self, before: Consumer, after: Consumer, entry: AuditEntry) -> None:
        try:
            if not await self.queue.write(lambda store: store.change_consumer(before, after, entry)):
                raise FeedConflict("somebody else has changed this consumer; read it again")
        finally:
            self.changed()

    def _entry(self, caller: Principal, it: Consumer, what: str, more: dict[str, str] | None = None) -> AuditEntry:
        detail = {"change": what, "consumer": it.id} | (more or {})
        return AuditEntry(
            time_ns=self.clock.wall_ns(), who=caller.name, what="consumer.changed", target=it.name, detail=detail
        )


def _covers(reach: list[RoleAssignment], it: Consumer) -> bool:
    return all(_reaches(reach, scope) for scope in it.selection.places)


def _reaches(reach: list[RoleAssignment], scope: str) -> bool:
    return any(mine.covers(_at(scope)) for mine in reach)


def _at(scope: str) -> RoleAssignment:
    """Scopes are checked as those of roles; which role does not matter."""
    return parse(f"responder@{scope}")
