"""The parts of a running aggregator, and how they are put together."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aggregator.app.broker import new_token
from aggregator.app.feeds import Feeds, feeds
from aggregator.app.known_sites import known_sites
from aggregator.app.monitoring import Monitoring, monitoring
from aggregator.audit.audit_log_writer import AuditLogWriter
from aggregator.audit.checkpointer import Checkpointer
from aggregator.audit.view_deduplicator import ViewDeduplicator
from aggregator.auth.account_service import AccountService, RandomValues
from aggregator.auth.accounts.grant_requests import GrantRequests
from aggregator.auth.accounts.scopes import ScopeChecker
from aggregator.auth.authenticator import Authenticator, PermissionContext, SessionRules
from aggregator.auth.change_stamp import ChangeStamp
from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.alerts.rules import AlertRules
from aggregator.domain.clip import USE as CLIP
from aggregator.domain.store_port import Reader, Writer
from aggregator.ingest.batch_processor import BatchProcessor
from aggregator.ingest.consumer import BrokerConnection, EventConsumer
from aggregator.ingest.ingest_monitor import IngestMonitor
from aggregator.ingest.quiet.quiet_engine import QuietPlaces
from aggregator.jobs.clip_jobs import ClipCommands, ClipJobs
from aggregator.jobs.job_runner import JobRunner
from aggregator.jobs.release_jobs import ReleaseJobs
from aggregator.jobs.retention import RetentionJob
from aggregator.jobs.uploads import UploadReceiver
from aggregator.messaging.command_client import CommandClient
from aggregator.messaging.mqtt_client import MqttClient
from aggregator.messaging.outbound_queue import OutboundQueue
from aggregator.monitoring.change_feed import ChangeFeed
from aggregator.monitoring.health import Health
from aggregator.monitoring.metrics import Metrics
from aggregator.services.alert_service import AlertService
from aggregator.services.box_command_service import BoxCommandService
from aggregator.services.footage.case_footage_service import CaseFootageService, FootageStore
from aggregator.services.footage.clip_service import ClipService
from aggregator.services.footage.hold_service import HoldService
from aggregator.services.live_view_service import LiveViewService
from aggregator.services.monitoring.escalation_service import EscalationService
from aggregator.services.monitoring.overview_service import OverviewService
from aggregator.services.monitoring.plans.floor_plan_service import FloorPlanService
from aggregator.services.monitoring.quiet_universe import QuietUniverse
from aggregator.services.monitoring.still_service import StillService
from aggregator.services.picture_service import PictureService
from aggregator.services.release_service import ReleaseService, ReleaseStore, SealedCopies
from aggregator.services.search_service import SearchService
from aggregator.services.shift.handover_service import HandoverService
from aggregator.services.shift.procedure_service import ProcedureService
from aggregator.services.shift.statistics_service import StatisticsService
from aggregator.services.site_clock import SiteClock, SiteZones
from aggregator.services.site_lists.passage_service import PassageService
from aggregator.services.site_lists.site_list_repository import SiteListRepository
from aggregator.services.site_lists.site_list_service import SiteListService
from aggregator.services.stream_relay import StreamRelay
from aggregator.settings.aggregator import Settings
from aggregator.storage.keyring import KeyRing
from aggregator.storage.object_store import ObjectStorage
from aggregator.storage.write_queue import WriteQueue
from aggregator.web.server import PeriodicJob
from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import ContractError, ListError
from common.running.backoff import Backoff
from common.running.fresh_value import FreshValue
from protocol.identifiers import uuid7
from protocol.signing.chunked_aead import USE as RELEASE

_log = logging_setup.get("app")
FREE_ASKS, LONGEST_ASK_WAIT_S = 1, 60.0
"""Calls for help with one alert before the next one waits, and how long at most."""


@dataclass(frozen=True)
class Core:
    """What nearly every part works with."""

    settings: Settings
    clock: Clock
    keys: KeyRing
    reader: Reader
    queue: WriteQueue[Writer]
    health: Health
    metrics: Metrics

    def new_id(self) -> str:
        """A UUIDv7."""
        return uuid7(self.clock.wall_ns(), secrets.token_bytes(10))

    @property
    def folder(self) -> Path:
        """The data folder."""
        return Path(self.settings.data)


@dataclass(frozen=True)
class Access:
    """Who may do what, and the audit log of it."""

    authenticator: Authenticator
    accounts: AccountService
    grants: GrantRequests
    areas: Areas
    audit_log: AuditLogWriter
    views: ViewDeduplicator


@dataclass(frozen=True)
class Messaging:
    """The boxes' side."""

    lists: SiteListRepository
    outbound: OutboundQueue
    consumer: EventConsumer
    processor: BatchProcessor
    changes: ChangeFeed
    commands: CommandClient


@dataclass(frozen=True)
class Files:
    """Clips and unredacted copies as files."""

    objects: ObjectStorage
    uploads: UploadReceiver


@dataclass(frozen=True)
class UseCases:
    """One service each."""

    alerts: AlertService
    lists: SiteListService
    passages: PassageService
    commands: BoxCommandService
    searches: SearchService
    releases: ReleaseService
    clips: ClipService
    case_footage: CaseFootageService
    holds: HoldService
    live: LiveViewService
    stills: StillService
    plans: FloorPlanService
    procedures: ProcedureService
    handovers: HandoverService
    statistics: StatisticsService
    overview: OverviewService


@dataclass(frozen=True)
class Parts:
    """A running aggregator without its web server.

    Attributes:
        jobs: Work beside the web server, on its event loop.
    """

    core: Core
    access: Access
    messaging: Messaging
    files: Files
    use_cases: UseCases
    monitoring: Monitoring
    feeds: Feeds
    jobs: tuple[PeriodicJob, ...]

    @property
    def sites(self) -> SiteClock:
        """Names and time zones of sites."""
        return SiteClock(self.core.settings.sites, self.core.clock)

    @property
    def pictures(self) -> PictureService:
        """Redacted pictures."""
        return PictureService(self.core.reader, self.access.audit_log, self.access.views, self.core.clock)


def assemble(
    core: Core, writer: Writer, connect: Callable[[], MqttClient], accounts_changed: Callable[[], None]
) -> Parts:
    """Put the parts together; nothing is started.

    Args:
        core: What nearly every part works with.
        writer: Of the store.
        connect: Opens the link to the broker.
        accounts_changed: Called where accounts of consumers at the broker may have changed.
    """
    access, files = _access(core), _files(core)
    messaging = _messaging(core, access, writer, connect)
    watch = monitoring(core, access.areas, messaging.consumer.decide)
    use_cases = _use_cases(core, access, messaging, files, watch.escalation)
    remote, uploads = messaging.commands, files.uploads
    releases = ReleaseJobs(use_cases.releases, remote, lambda job: uploads.forget(RELEASE, job))
    commands = ClipCommands(remote, core.keys, core.clock, core.new_id, secrets.token_bytes)
    clips = ClipJobs(
        core.reader, core.queue.write, commands, files.objects, messaging.changes, core.clock,
        forget=lambda job: uploads.forget(CLIP, job),
    )  # fmt: skip
    uploads.takers |= {RELEASE: releases, CLIP: clips}
    runner = JobRunner((releases, clips), core.clock, use_cases.releases.news)
    feed = feeds(core, access, use_cases.live.relay, files.objects, accounts_changed)
    return Parts(core, access, messaging, files, use_cases, watch, feed, (runner, watch.jobs, feed.jobs, feed.gb28181))


def _access(core: Core) -> Access:
    areas = areas_of(core.settings)
    authenticator = Authenticator(
        core.reader,
        core.queue,
        core.keys,
        core.clock,
        sessions=SessionRules(new_token, core.settings.sessions.hours),
        permissions=PermissionContext(areas, ChangeStamp(core.folder).read),
    )
    accounts = AccountService(
        core.reader, core.queue, core.keys, core.clock, RandomValues(new_token, core.new_id),
        changed=authenticator.cache.clear,
    )  # fmt: skip
    return Access(
        authenticator,
        accounts,
        GrantRequests(accounts, ScopeChecker(lambda: known_sites(core.settings, core.reader.boxes()))),
        areas,
        AuditLogWriter(core.queue),
        ViewDeduplicator(),
    )


def _files(core: Core) -> Files:
    objects = ObjectStorage(core.settings.objects, core.folder / "objects")
    return Files(objects, UploadReceiver(core.folder / "uploads", core.keys, objects))


def _messaging(core: Core, access: Access, writer: Writer, connect: Callable[[], MqttClient]) -> Messaging:
    sites, clock = core.settings.sites, core.clock
    names = SiteClock(sites, clock)
    lists = SiteListRepository(
        core.reader, core.keys, clock,
        grammars=lambda site: sites[site].grammars if site in sites else (),
        zone=lambda site: names.zone_of_boxes(site, core.reader.boxes()),
    )  # fmt: skip
    outbound = OutboundQueue(core.queue.wake, lambda: [*_retained(lists), *checkpointer.newest()])
    checkpointer = _checkpointer(core, outbound)
    retention = RetentionJob(core.settings.retention, clock, core.reader.last_heartbeat_ns())
    zones = SiteZones(sites, core.reader)
    rules = AlertRules(core.settings.alerts, access.areas, zones.of_box)
    places = QuietPlaces(access.areas, zones.of_site)
    processor = BatchProcessor(writer, clock, core.new_id, core.settings.clips.keep_days, rules, places=places)
    changes = ChangeFeed()

    def maintain() -> None:
        erased = processor.clean(lambda: retention.turn(writer))
        checkpointer.run_if_due(writer, at_once=erased > 0)

    consumer = EventConsumer(
        connection=BrokerConnection(connect, Backoff(random.random)),
        processor=processor,
        queue=core.queue,
        clock=clock,
        monitor=IngestMonitor(core.health, core.metrics, changes),
        outbound=outbound,
        maintenance=maintain,
    )
    commands = CommandClient(core.keys, outbound, access.audit_log.put, clock)
    return Messaging(lists, outbound, consumer, processor, changes, commands)


def _use_cases(
    core: Core, access: Access, messaging: Messaging, files: Files, escalation: EscalationService
) -> UseCases:
    reader, queue, clock, log = core.reader, core.queue, core.clock, access.audit_log

    def publish(topic: str, message: bytes) -> None:
        messaging.outbound.put(topic, message, retain=True)

    commands = BoxCommandService(messaging.commands, reader, clock)
    searches = SearchService(reader, queue.write, log.record, access.areas, clock, core.settings.clips.keep_days)
    relay = StreamRelay(messaging.commands, core.keys, clock, random=secrets.token_bytes, new_id=core.new_id)
    procedures = ProcedureService(reader, queue, clock, core.new_id)
    sites = SiteClock(core.settings.sites, clock)
    case_footage = CaseFootageService(
        FootageStore(reader, queue.write, log.record), searches, clock, core.new_id, core.settings.clips.keep_days
    )
    return UseCases(
        alerts=AlertService(
            queue, messaging.consumer.decide, reader, access.areas, RateLimiter(clock, FREE_ASKS, LONGEST_ASK_WAIT_S),
            procedures.closing_problems, escalation.configs,
        ),
        procedures=procedures,
        handovers=HandoverService(
            reader, queue, access.areas, clock, core.new_id,
            QuietUniverse(reader, access.areas, tuple(core.settings.sites), clock).now,
        ),
        statistics=StatisticsService(reader, sites, core.settings.retention),
        overview=OverviewService(reader, sites, access.areas),
        lists=SiteListService(messaging.lists, queue, log, publish, clock),
        passages=PassageService(reader, messaging.lists, log, clock),
        commands=commands,
        searches=searches,
        releases=ReleaseService(
            ReleaseStore(reader, queue.write, log.record),
            SealedCopies(core.keys, files.objects, secrets.token_bytes),
            searches, access.areas, clock, core.new_id,
        ),
        case_footage=case_footage,
        holds=HoldService(reader, queue.write, case_footage, messaging.commands),
        clips=ClipService(reader, files.objects, log.record, access.views, clock),
        live=LiveViewService(relay, reader, log.record, access.authenticator.who, commands.case_of, clock),
        plans=FloorPlanService(
            reader, queue, lambda: known_sites(core.settings, core.reader.boxes()), clock,
            FreshValue(reader.open_counts, clock, SECOND_NS),
        ),
        stills=StillService(messaging.commands, reader, log.record, access.views, clock, core.new_id),
    )  # fmt: skip


def _checkpointer(core: Core, outbound: OutboundQueue) -> Checkpointer:
    record = core.settings.record
    return Checkpointer(
        reader=core.reader,
        key=core.keys.signing,
        clock=core.clock,
        every_s=record.every_s,
        publish=lambda topic, message: outbound.put(topic, message, retain=True),
        sites=lambda: sorted({box.site for box in core.reader.boxes()}),
        outside=Path(record.outside) if record.outside else None,
    )


def areas_of(settings: Settings) -> Areas:
    """Which places belong to which areas."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for site, about in settings.sites.items():
        for area, places in about.areas.items():
            for place in places:
                found[site, place] = found.get((site, place), frozenset()) | {area}
    return found


def _retained(lists: SiteListRepository) -> list[tuple[str, bytes]]:
    """Messages that the broker should hold; lists that cannot be read are logged, and hold nothing else up."""
    try:
        return lists.messages()
    except (ListError, ContractError) as error:
        _log.error("lists not sent", error=str(error))
        return []
