"""The link to the broker: the embedded one, which is started here, or another."""

from __future__ import annotations

import contextlib
import dataclasses
import random
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aggregator.domain.feeds.mqtt_output import MOST_KEPT_DAYS, FeedAccount, publisher_name
from aggregator.messaging.broker_config import accounts
from aggregator.messaging.broker_endpoint import connector, external_target
from aggregator.messaging.broker_recovery import RecoveringConnect
from aggregator.messaging.embedded_broker import EmbeddedServer
from aggregator.messaging.feed_link import FeedLink
from aggregator.messaging.mqtt_client import BrokerEndpoint, MqttClient
from aggregator.services.feeds.mqtt_service import publisher_password
from aggregator.settings.aggregator import EmbeddedBroker, Settings
from aggregator.storage.keyring import KeyRing
from common.errors import BrokerError, SettingsError
from common.running.backoff import Backoff
from common.running.periodic import run_periodically
from common.running.threads import Worker

ACCOUNTS_EVERY_S, JOIN_TIMEOUT_S = 1.0, 5.0


def new_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class FeedAccounts:
    """Keeps the accounts of consumers at the embedded broker as they are to be.

    Args:
        read: The accounts as they are to be now; blocks.
        changed: Set where they may have changed in this process; another process's changes are found by asking.
    """

    read: Callable[[], Sequence[FeedAccount]]
    changed: threading.Event = field(default_factory=threading.Event)

    def follow(self, server: EmbeddedServer, stack: contextlib.ExitStack) -> None:
        """Have a server follow them until `stack` ends."""
        ended = threading.Event()

        def wait(seconds: float) -> bool:
            self.changed.wait(seconds)
            self.changed.clear()
            return ended.is_set()

        thread = Worker(lambda: run_periodically(server.refresh, ACCOUNTS_EVERY_S, wait, "broker accounts"), "accounts")

        def end() -> None:
            ended.set()
            self.changed.set()
            thread.join(JOIN_TIMEOUT_S)

        thread.start()
        stack.callback(end)


def broker_connector(
    settings: Settings, folder: Path, keys: KeyRing, stack: contextlib.ExitStack, feeds: FeedAccounts
) -> Callable[[], MqttClient]:
    """Opens the link to the broker; an embedded broker is started, and stopped by `stack`.

    Raises:
        BrokerError: The embedded broker does not start.
        SettingsError: A file that the settings name is not there.
    """
    broker = settings.broker
    if isinstance(broker, EmbeddedBroker):
        users = accounts(folder, broker, new_token)
        server = EmbeddedServer(broker, folder, users, Backoff(random.random), feeds.read)
        server.start()
        stack.callback(server.stop)
        feeds.follow(server, stack)
        own = users["aggregator"]
        target = BrokerEndpoint(broker.host, broker.port, keys.client_id(broker.client_id), own.username, own.password)
        return RecoveringConnect(connector(target), server)
    return connector(external_target(broker, keys))


def feed_connector(settings: Settings, keys: KeyRing) -> Callable[[str], FeedLink]:
    """Connects as the publisher of a consumer: with its own account at the embedded broker, else the aggregator's.

    The client id is a secret: whoever connects with it ends the other connection.
    """

    def connect(consumer: str) -> FeedLink:
        broker, client_id = settings.broker, keys.client_id(f"feed-{consumer[-12:]}")
        if isinstance(broker, EmbeddedBroker):
            name, password = publisher_name(consumer), publisher_password(keys, consumer)
            link = FeedLink.to(BrokerEndpoint(broker.host, broker.port, client_id, name, password))
            link.keep(min(MOST_KEPT_DAYS, settings.retention.feed.ceiling_days) * 86_400)
            return link
        try:
            return FeedLink.to(dataclasses.replace(external_target(broker, keys), client_id=client_id))
        except SettingsError as error:
            raise BrokerError(str(error)) from error

    return connect
