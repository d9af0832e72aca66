"""Builds the aggregator: the only module of this package that makes concrete objects."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.audit.checkpointer import Checkpointer
from aggregator.auth import passwords
from aggregator.auth.account_service import AccountService
from aggregator.auth.authenticator import Authenticator
from aggregator.auth.oidc import OidcClient
from aggregator.auth.passwords import SYSTEM, act_of, create_one_time_user
from aggregator.crypto.keyring import KeyRing
from aggregator.domain.account import Account, DropUser
from aggregator.domain.authorization import Areas, RoleAssignment
from aggregator.domain.clip import USE as CLIP
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.ingest.consumer import EventConsumer
from aggregator.jobs.release_worker import ReleaseUploadHandler
from aggregator.jobs.retention import RetentionJob
from aggregator.jobs.uploads import UploadReceiver
from aggregator.messaging.broker_config import accounts
from aggregator.messaging.broker_endpoint import connector, external_target, read_secret
from aggregator.messaging.broker_recovery import RecoveringConnect
from aggregator.messaging.command_client import CommandClient
from aggregator.messaging.embedded_broker import EmbeddedServer
from aggregator.messaging.mqtt_client import BrokerEndpoint, MqttClient
from aggregator.messaging.outbound_queue import OutboundQueue
from aggregator.monitoring.change_feed import ChangeFeed
from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.services.site_list_service import SiteListService
from aggregator.settings.aggregator import EmbeddedBroker, Settings
from aggregator.storage import STORES, Reader, Store, Writer
from aggregator.storage.object_store import ObjectStorage
from aggregator.storage.write_queue import WriteQueue
from aggregator.web import dashboard
from aggregator.web import server as web_server
from aggregator.web.api import app as api
from aggregator.web.services import Services
from common import logging_setup
from common.backoff import Backoff
from common.clock import Clock, SystemClock
from common.errors import ContractError, ListError, SettingsError, StoreError
from common.secret import Secret
from common.threads import Worker
from protocol.identifiers import check_name, uuid7
from protocol.signing.chunked_aead import USE as RELEASE

_log = logging_setup.get("app")
JOIN_TIMEOUT_S = 15.0


def make_folder(settings: Settings) -> Path:
    """The data folder, readable by this user only.

    Raises:
        SettingsError: It cannot be made.
    """
    folder = Path(settings.data)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError("settings", "data", f"folder cannot be made: {error}") from error
    return folder


def open_store(settings: Settings) -> Store:
    """The store that the settings name."""
    return STORES[settings.store](make_folder(settings), settings.postgres)


def add_user(
    settings: Settings, name: str, password: Secret | None, grants: Sequence[RoleAssignment] = ()
) -> tuple[RoleAssignment, ...]:
    """Add a user, or give one a new password, beside an aggregator that may be running.

    Args:
        settings: From `config.load`.
        name: The user's name.
        password: The new one; None: they log in through the identity provider.
        grants: Roles beyond those that they have.

    Returns:
        All roles that they have now.

    Raises:
        LoginError: The name has wrong characters or the password is too short.
        StoreError: The store does not open.
    """
    store = open_store(settings)
    with contextlib.closing(store), contextlib.closing(store.writer(sole=False)) as writer:
        passwords.add_user(writer, name, password, SystemClock().wall_ns(), grants)
        return store.reader().grants(name)


def remove_user(settings: Settings, name: str) -> bool:
    """Remove a user, their sessions and tokens; False if there is none of that name.

    Raises:
        StoreError: The store does not open.
    """
    with contextlib.closing(open_store(settings).writer(sole=False)) as writer:
        return writer.change_staff(DropUser(name), act_of(name, SYSTEM, SystemClock().wall_ns(), "removed"))


def users(settings: Settings) -> list[Account]:
    """All users, with their roles.

    Raises:
        StoreError: The store does not open.
    """
    with contextlib.closing(open_store(settings)) as store:
        return store.reader().accounts()


def write_trust(settings: Settings, site: str, path: Path) -> None:
    """Write a site's trust file.

    Raises:
        ContractError: That is no site's name.
        ListError: The aggregator's keys are damaged.
        SettingsError: The file cannot be written.
    """
    trust = KeyRing(make_folder(settings), secrets.token_bytes).trust(check_name(site, "site"))
    try:
        trust.write(path)
    except OSError as error:
        raise SettingsError(str(path), "--out", f"cannot be written: {error.strerror}") from error


def new_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


@dataclass
class Parts:
    """A running aggregator without its web server."""

    services: Services
    writer: Writer


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Parts]:
    """Broker and ingest, started in this order and stopped in the other.

    Raises:
        SettingsError: Something the settings name is not there.
        BrokerError: The embedded broker does not start.
        StoreError: The store does not open.
    """
    folder = make_folder(settings)
    store = open_store(settings)
    writer = store.writer()
    with contextlib.ExitStack() as stack:
        stack.callback(store.close)
        stack.callback(writer.close)
        connect = _connect(settings, folder, KeyRing(folder, secrets.token_bytes), stack)
        services, ledger = _assemble(settings, store, writer, connect)
        stop = threading.Event()
        thread = Worker(lambda: services.ingest.run(stop), "ingest")

        def end() -> None:
            stop.set()
            services.mailbox.wake()
            thread.join(JOIN_TIMEOUT_S)
            services.mailbox.close()

        thread.start()
        stack.callback(end)
        yield Parts(services, ledger.store)


def _assemble(
    settings: Settings, store: Store, writer: Writer, connect: Callable[[], MqttClient]
) -> tuple[Services, BatchProcessor]:
    clock, metrics, broadcast = SystemClock(), Metrics(), ChangeFeed()
    health = Health(clock)
    mailbox: WriteQueue[Writer] = WriteQueue()
    reader = store.reader()
    keys = KeyRing(Path(settings.data), secrets.token_bytes)
    book = SiteListService(
        reader, keys, clock, lambda site: settings.sites[site].grammars if site in settings.sites else ()
    )
    posts = OutboundQueue(mailbox.wake, lambda: [*_standing(book), *notary.newest()])
    notary = _notary(settings, reader, keys, clock, posts)
    eraser = RetentionJob(settings.retention, clock, reader.beaten_ns())
    scribe = AuditLogWriter(mailbox)

    def new_id() -> str:
        return uuid7(clock.wall_ns(), secrets.token_bytes(10))

    ledger = BatchProcessor(writer, clock, new_id, settings.clips.keep_days)
    ingest = EventConsumer(
        connect=connect,
        ledger=ledger,
        mailbox=mailbox,
        clock=clock,
        backoff=Backoff(random.random),
        health=health,
        metrics=metrics,
        broadcast=broadcast,
        posts=posts,
        chore=lambda ledger: notary.turn(ledger.store, at_once=ledger.clean(eraser.turn) > 0),
    )
    remote = CommandClient(keys, posts, scribe.put, clock)
    objects = ObjectStorage(settings.objects, Path(settings.data) / "objects")
    gatekeeper = Authenticator(
        reader, mailbox, keys, clock, token=new_token, hours=settings.sessions.hours, areas=areas_of(settings)
    )  # fmt: skip
    services = Services(
        settings, reader, mailbox, ingest, gatekeeper, health, metrics, broadcast, clock,
        book=book, remote=remote, scribe=scribe, areas=areas_of(settings),
        office=AccountService(reader, mailbox, keys, clock, new_token, new_id),
        objects=objects,
        uploads=UploadReceiver(Path(settings.data) / "uploads", keys, objects),
        provider=_provider(settings, clock),
    )  # fmt: skip
    services.uploads.takers |= {RELEASE: ReleaseUploadHandler(services.courier), CLIP: services.keeper}
    return services, ledger


def _notary(settings: Settings, reader: Reader, keys: KeyRing, clock: Clock, posts: OutboundQueue) -> Checkpointer:
    return Checkpointer(
        reader=reader,
        key=keys.signing,
        clock=clock,
        every_s=settings.record.every_s,
        tell=lambda topic, message: posts.put(topic, message, retain=True),
        sites=lambda: sorted({box.site for box in reader.boxes()}),
        outside=Path(settings.record.outside) if settings.record.outside else None,
    )


def areas_of(settings: Settings) -> Areas:
    """Which places belong to which areas."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for site, about in settings.sites.items():
        for area, places in about.areas.items():
            for place in places:
                found[site, place] = found.get((site, place), frozenset()) | {area}
    return found


def _standing(book: SiteListService) -> list[tuple[str, bytes]]:
    """Lists that cannot be read or sent are told of, and hold nothing else up."""
    try:
        return book.messages()
    except (ListError, ContractError) as error:
        _log.error("lists not sent", error=str(error))
        return []


def _provider(settings: Settings, clock: Clock) -> OidcClient | None:
    if settings.oidc is None:
        return None
    secret = read_secret(settings.oidc.client_secret_file, "oidc.client_secret_file")
    return OidcClient(settings.oidc, secret, clock=clock, token=new_token)


def _connect(settings: Settings, folder: Path, keys: KeyRing, stack: contextlib.ExitStack) -> Callable[[], MqttClient]:
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


def run(settings: Settings, stop: threading.Event, one_time: str | None = None) -> None:
    """Run an aggregator until `stop` is set.

    Args:
        settings: From `config.load`.
        stop: Set by whoever wants it to end.
        one_time: Name of a user to make whose password, valid for one log-in, is printed on standard output.

    Raises:
        PaifangError: It cannot start; nothing is left running.
    """
    with web_server.listening(settings) as listener, running(settings) as parts:
        services = parts.services
        if one_time is not None:
            _print_one_time(services, one_time)
        app = api.build(services)
        dashboard.mount(app, services)
        asyncio.run(web_server.serve(app, services, listener, stop))
        _log.info("stopping")


def _print_one_time(services: Services, name: str) -> None:
    def job(store: Writer) -> str:
        return create_one_time_user(store, name, new_token, services.clock.wall_ns())

    try:
        password = services.mailbox.submit(job).result(JOIN_TIMEOUT_S)
    except TimeoutError as error:
        raise StoreError("the store does not answer") from error
    print(f"one-time password for {name} (valid for one log-in): {password}", flush=True)  # noqa: T201
