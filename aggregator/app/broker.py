"""The link to the broker: the embedded one, which is started here, or another."""

from __future__ import annotations

import contextlib
import random
import secrets
from collections.abc import Callable
from pathlib import Path

from aggregator.messaging.broker_config import accounts
from aggregator.messaging.broker_endpoint import connector, external_target
from aggregator.messaging.broker_recovery import RecoveringConnect
from aggregator.messaging.embedded_broker import EmbeddedServer
from aggregator.messaging.mqtt_client import BrokerEndpoint, MqttClient
from aggregator.settings.aggregator import EmbeddedBroker, Settings
from aggregator.storage.keyring import KeyRing
from common.running.backoff import Backoff


def new_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


def broker_connector(
    settings: Settings, folder: Path, keys: KeyRing, stack: contextlib.ExitStack
) -> Callable[[], MqttClient]:
    """Opens the link to the broker; an embedded broker is started, and stopped by `stack`.

    Raises:
        BrokerError: The embedded broker does not start.
        SettingsError: A file that the settings name is not there.
    """
    broker = settings.broker
    if isinstance(broker, EmbeddedBroker):
        users = accounts(folder, broker, new_token)
        server = EmbeddedServer(broker, folder, users, Backoff(random.random))
        server.start()
        stack.callback(server.stop)
        own = users["aggregator"]
        target = BrokerEndpoint(broker.host, broker.port, keys.client_id(broker.client_id), own.username, own.password)
        return RecoveringConnect(connector(target), server)
    return connector(external_target(broker, keys))
