"""MQTT out of consumers, for administrators; and the accounts at the embedded broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aggregator.domain.accounts.authorization import Principal
from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds import mqtt_output as rules
from aggregator.domain.feeds.consumer import Consumer, check_approved
from aggregator.domain.feeds.mqtt_output import MOST_OUTPUTS, FeedAccount, MqttOutput
from aggregator.domain.store_port import WriteJobs
from aggregator.domain.store_port.audit import AuditWriter
from aggregator.domain.store_port.feeds import MqttReader, MqttWriter
from aggregator.services.feeds.consumer_service import ConsumerService
from aggregator.storage.keyring import KeyRing
from common.clock import Clock
from common.errors import FeedConflict, FeedError
from common.secret import Secret

PASSWORD, PUBLISHER = "mqtt consumer", "mqtt publisher"
"""What passwords are derived for. They are in no database; the broker's file (mode 0600) has them as they are."""
NO_OUTPUT = "MQTT is not turned on for this consumer"


class MqttAuditWriter(MqttWriter, AuditWriter, Protocol):
    """Writes outputs with their audit entries."""


@dataclass(frozen=True)
class ShownOutput:
    """An output with what it has still to publish.

    Attributes:
        lag: Entries of the feed after its position.
        tree: What its topics begin with.
    """

    output: MqttOutput
    lag: int
    tree: str


@dataclass(frozen=True)
class BrokerPlace:
    """Where consumers find the broker; `embedded`: it has an account for each, else its operator makes them."""

    host: str
    port: int
    embedded: bool


@dataclass(frozen=True)
class MqttService:
    """Called on the event loop; the store is asked beside it.

    Args:
        reader: Outputs and the feed.
        queue: Of the store's writer.
        consumers: Finds consumers within an administrator's reach.
        keys: Derives passwords.
        place: Of the broker.
        changed: Lets the broker's accounts and the jobs be looked at again at once.
    """

    reader: MqttReader
    queue: WriteJobs[MqttAuditWriter]
    consumers: ConsumerService
    keys: KeyRing
    place: BrokerPlace
    changed: Callable[[], None] = lambda: None

    async def output(self, caller: Principal, consumer_id: str) -> ShownOutput | None:
        """The output of a consumer; None where MQTT is not turned on.

        Raises:
            FeedError: There is no such consumer within the caller's reach.
        """
        consumer = await self.consumers.find(caller, consumer_id)
        found, span = await asyncio.to_thread(lambda: (self.reader.mqtt_output(consumer.id), self.reader.feed_span()))
        if found is None:
            return None
        return ShownOutput(found, max(0, span.newest - found.position), rules.tree(consumer.id))

    async def turn_on(self, caller: Principal, consumer_id: str, home_assistant: bool) -> tuple[MqttOutput, str]:
        """Publish what comes from now on; the password is shown once, and is empty where the broker is external.

        Raises:
            FeedConflict: The consumer is not approved or over, has it on already, or there are too many.
            FeedError: There is no such consumer within the caller's reach.
        """
        consumer, now_ns = await self.consumers.find(caller, consumer_id), self.consumers.clock.wall_ns()
        check_approved(consumer, now_ns, "MQTT")
        newest = (await asyncio.to_thread(self.reader.feed_span)).newest
        # the serial is the time: a password that was shown before MQTT was turned off does not come back
        made = MqttOutput(
            consumer=consumer.id, password_serial=now_ns, home_assistant="on" if home_assistant else "off",
            position=newest, made_by=caller.name, made_ns=now_ns,
        )  # fmt: skip
        entry = self._entry(caller, consumer, "MQTT turned on")
        if not await self.queue.write(lambda store: store.add_mqtt_output(made, MOST_OUTPUTS, entry)):
            raise FeedConflict(f"MQTT is on for this consumer already, or for {MOST_OUTPUTS} consumers")
        self.changed()
        return made, self.password(made)

    async def renew(self, caller: Principal, consumer_id: str) -> tuple[MqttOutput, str]:
        """A new password, which is shown once; the one before ends at once.

        Raises:
            FeedConflict: The broker is external: its operator makes accounts.
            FeedError: There is no such consumer within the caller's reach, or it has no output.
        """
        if not self.place.embedded:
            raise FeedConflict("the broker is external; its operator changes the password there")
        after = await self._change(caller, consumer_id, "MQTT password replaced", rules.renewed)
        return after, self.password(after)

    async def set_home_assistant(self, caller: Principal, consumer_id: str, on: bool) -> MqttOutput:
        """Publish Home Assistant's discovery messages, or take them back.

        Raises:
            FeedError: There is no such consumer within the caller's reach, or it has no output.
        """
        what = f"Home Assistant turned {'on' if on else 'off'}"
        return await self._change(
            caller, consumer_id, what, lambda it: rules.with_home_assistant(it, "on" if on else "ending")
        )

    async def turn_off(self, caller: Principal, consumer_id: str) -> None:
        """Publish nothing more; the broker refuses the consumer at once.

        Raises:
            FeedError: There is no such consumer within the caller's reach, or it has no output.
        """
        consumer = await self.consumers.find(caller, consumer_id)
        entry = self._entry(caller, consumer, "MQTT turned off")
        if not await self.queue.write(lambda store: store.drop_mqtt_output(consumer.id, entry)):
            raise FeedError(NO_OUTPUT)
        self.changed()

    def password(self, it: MqttOutput) -> str:
        """The consumer's password at the embedded broker; empty where the broker is another."""
        return consumer_password(self.keys, it) if self.place.embedded else ""

    async def _change(
        self, caller: Principal, consumer_id: str, what: str, change: Callable[[MqttOutput], MqttOutput]
    ) -> MqttOutput:
        """Change an output as it is at that moment: its position moves all the time."""
        consumer = await self.consumers.find(caller, consumer_id)
        entry = self._entry(caller, consumer, what)

        def job(store: MqttWriter) -> MqttOutput | None:
            before = store.mqtt_output_now(consumer.id)
            after = None if before is None else change(before)
            return after if before and after and store.change_mqtt_output(before, after, entry) else None

        after = await self.queue.write(job)
        if after is None:
            raise FeedError(NO_OUTPUT)
        self.changed()
        return after

    def _entry(self, caller: Principal, consumer: Consumer, what: str) -> AuditEntry:
        return AuditEntry(
            time_ns=self.consumers.clock.wall_ns(), who=caller.name, what="consumer.changed", target=consumer.name,
            detail={"change": what, "consumer": consumer.id},
        )  # fmt: skip


def accounts(reader: MqttReader, keys: KeyRing, clock: Clock) -> list[FeedAccount]:
    """The accounts of consumers at the embedded broker, as they are to be now. Blocks.

    A paused consumer's account stays, with what waits in it, and without the consumer's password.

    Raises:
        StoreError: They cannot be read.
    """
    outputs, now_ns = {it.consumer: it for it in reader.mqtt_outputs()}, clock.wall_ns()
    if not outputs:
        return []
    found = []
    for consumer in reader.consumers():
        it = outputs.get(consumer.id)
        if it is not None and consumer.approved(now_ns):
            password = Secret(consumer_password(keys, it)) if consumer.serves(now_ns) else None
            found.append(FeedAccount(it.consumer, password, publisher_password(keys, it.consumer)))
    return sorted(found, key=lambda it: it.consumer)


def consumer_password(keys: KeyRing, it: MqttOutput) -> str:
    """With which the consumer logs in to the embedded broker."""
    return keys.ticket(PASSWORD, f"{it.consumer}\0{it.password_serial}")


def publisher_password(keys: KeyRing, consumer: str) -> Secret:
    """With which the aggregator publishes for a consumer at the embedded broker."""
    return Secret(keys.ticket(PUBLISHER, consumer))
