"""What is retained for Home Assistant: read from the store, and only what has changed is published."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aggregator.domain.accounts.authorization import Areas, Scope
from aggregator.domain.alerts.types import Severity
from aggregator.domain.feeds import home_assistant
from aggregator.domain.feeds.consumer import Consumer
from aggregator.domain.feeds.home_assistant import DeviceNow
from aggregator.domain.feeds.mqtt_output import MqttMessage, MqttOutput
from aggregator.domain.store_port.alerts import AlertReader
from aggregator.domain.store_port.events import FleetReader
from common.clock import SECOND_NS, Clock
from protocol.receipts import DoorStatus

EVERY_NS = 5 * SECOND_NS
_LOST = frozenset({"lost", "refused", "starting"})
_OPEN: Mapping[str, bool] = {"open": True, "forced": True, "held": True, "closed": False}


class StatesReader(FleetReader, AlertReader, Protocol):
    """What states are read from."""


@dataclass
class MqttStates:
    """Used by one thread at a time for each consumer.

    Args:
        reader: Devices and alerts.
        areas: The areas of each place.
        clock: Monotonic time.
    """

    reader: StatesReader
    areas: Areas
    clock: Clock
    _published: dict[str, dict[str, bytes]] = field(default_factory=dict, init=False)
    _looked_ns: dict[str, int] = field(default_factory=dict, init=False)

    def due(self, output: MqttOutput) -> bool:
        """Whether it is time to look at the states of a consumer."""
        looked_ns = self._looked_ns.get(output.consumer)
        waits = looked_ns is not None and self.clock.monotonic_ns() - looked_ns < EVERY_NS
        return output.home_assistant == "ending" or (output.home_assistant == "on" and not waits)

    def changes(self, output: MqttOutput, consumer: Consumer) -> list[MqttMessage]:
        """What has changed since it was last published; after a start, everything.

        Raises:
            StoreError: The states cannot be read.
        """
        self._looked_ns[consumer.id] = self.clock.monotonic_ns()
        within = consumer.selection.within(self.areas)
        wanted = home_assistant.messages(consumer, within, self._devices(), self._alerts(within))
        before = self._published.get(consumer.id, {})
        if output.home_assistant == "ending":
            return home_assistant.taken_back({*before, *(it.topic for it in wanted)})
        gone = home_assistant.taken_back(before.keys() - {it.topic for it in wanted})
        return gone + [it for it in wanted if before.get(it.topic) != it.payload]

    def published(self, consumer: str, messages: list[MqttMessage]) -> None:
        """The broker has acknowledged these."""
        kept = self._published.setdefault(consumer, {})
        kept.update({it.topic: it.payload for it in messages})
        for it in messages:
            if not it.payload:
                kept.pop(it.topic, None)

    def forget(self, consumer: str) -> None:
        """A new connection: the broker may have lost what is retained, so that all of it is published again."""
        self._published.pop(consumer, None)

    def _devices(self) -> list[DeviceNow]:
        boxes = self.reader.boxes()
        online = {(it.site, it.box): it.online for it in boxes}
        found = [DeviceNow("box", it.site, it.box, it.box, "", it.online) for it in boxes]
        found += [
            DeviceNow(
                "camera",
                it.site,
                it.box,
                it.id,
                it.name,
                online.get((it.site, it.box), False) and it.state not in _LOST,
            )
            for it in self.reader.cameras()
        ]
        for it in self.reader.places():
            door = it.status
            if isinstance(door, DoorStatus):
                works = it.online and door.state != "offline"
                found.append(
                    DeviceNow("door", it.site, it.box, door.id, door.name, works, _OPEN.get(door.state), door.locked)
                )
        return found

    def _alerts(self, within: Scope) -> dict[str, Counter[Severity]]:
        found: dict[str, Counter[Severity]] = defaultdict(Counter)
        for (site, place, severity, suppressed), number in self.reader.open_counts().items():
            if not suppressed and within.holds(site, place):
                found[site][severity] += number
        return found
