"""Where the broker is, how the aggregator logs in there, and how it connects."""

from __future__ import annotations

import dataclasses
import ssl
from collections.abc import Callable
from pathlib import Path

from aggregator.messaging.mqtt_client import BrokerEndpoint, MqttClient
from aggregator.settings.aggregator import CLIENT_ID, ExternalBroker
from aggregator.storage.keyring import KeyRing
from common import text_file
from common.errors import SettingsError
from common.secret import Secret


def connector(target: BrokerEndpoint) -> Callable[[], MqttClient]:
    """Connects; the first time, it ends the session that older versions had under a known id."""
    known = [dataclasses.replace(target, client_id=CLIENT_ID)] if target.client_id.startswith(f"{CLIENT_ID}-") else []

    def connect() -> MqttClient:
        link = MqttClient.open(target)
        if known:
            MqttClient.forget(known.pop())
        return link

    return connect


def external_target(broker: ExternalBroker, keys: KeyRing) -> BrokerEndpoint:
    """An external broker.

    Raises:
        SettingsError: A file that the settings name cannot be used.
    """
    name = broker.client_id or keys.client_id(CLIENT_ID)
    password = read_secret(broker.password_file, "broker.password_file") if broker.password_file is not None else None
    return BrokerEndpoint(broker.host, broker.port, name, broker.username, password, _tls(broker))


def read_secret(path: str, key: str) -> Secret:
    """The secret in a file, without the end of its line.

    Raises:
        SettingsError: It cannot be read; names the key.
    """
    try:
        return Secret(text_file.read(Path(path)).rstrip("\n"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("settings", key, f"cannot be read: {error}") from error


def _tls(broker: ExternalBroker) -> ssl.SSLContext | None:
    if broker.tls is None:
        return None
    try:
        context = ssl.create_default_context(cafile=broker.tls.ca)
        if broker.tls.certificate is not None:
            context.load_cert_chain(broker.tls.certificate, broker.tls.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError("settings", "broker.tls", f"cannot be used: {error}") from error
    return context
