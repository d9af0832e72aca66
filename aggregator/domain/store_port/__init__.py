"""The port of the store: what the rest of the aggregator may ask of it. `aggregator/storage/` implements it.

Callers depend on the protocol of the area that they need. All writers raise `StoreError` where the store cannot write
now (disk full, connection lost: try again later) and `ContractError` where it can never hold the values. What a writer
changes and the audit entry that is given with it are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol, TypeVar

from aggregator.domain.store_port.accounts import AccountReader, AccountWriter
from aggregator.domain.store_port.alerts import AlertReader, IngestWriter
from aggregator.domain.store_port.audit import AuditReader, AuditWriter
from aggregator.domain.store_port.cases import CaseReader, CaseWriter, SearchReader
from aggregator.domain.store_port.clips import ClipReader, ClipWriter
from aggregator.domain.store_port.escalation import (
    EscalationReader,
    EscalationWriter,
    NotificationReader,
    NotificationWriter,
)
from aggregator.domain.store_port.events import EventReader, FleetReader, RetentionWriter
from aggregator.domain.store_port.feeds import (
    MqttReader,
    MqttWriter,
    VideoOutputReader,
    VideoOutputWriter,
    WebhookReader,
    WebhookWriter,
)
from aggregator.domain.store_port.floor_plans import FloorPlanReader, FloorPlanWriter
from aggregator.domain.store_port.holds import HoldReader, HoldWriter
from aggregator.domain.store_port.quiet import QuietReader
from aggregator.domain.store_port.releases import ReleaseReader, ReleaseWriter
from aggregator.domain.store_port.shift import HandoverReader, HandoverWriter, ProcedureReader, ProcedureWriter
from aggregator.domain.store_port.site_lists import SiteListReader, SiteListWriter
from aggregator.domain.store_port.statistics import StatisticsReader
from aggregator.settings.postgres import Postgres

Area_co = TypeVar("Area_co", covariant=True)
Result = TypeVar("Result")


class Writer(
    AccountWriter,
    AuditWriter,
    CaseWriter,
    ClipWriter,
    FloorPlanWriter,
    HandoverWriter,
    HoldWriter,
    IngestWriter,
    MqttWriter,
    ProcedureWriter,
    EscalationWriter,
    NotificationWriter,
    ReleaseWriter,
    RetentionWriter,
    SiteListWriter,
    VideoOutputWriter,
    WebhookWriter,
    Protocol,
):
    """The one connection that writes; used by one thread at a time."""

    def close(self) -> None:
        """Close the connection."""


class Reader(
    AccountReader,
    AlertReader,
    AuditReader,
    CaseReader,
    ClipReader,
    EscalationReader,
    EventReader,
    FleetReader,
    FloorPlanReader,
    HandoverReader,
    HoldReader,
    MqttReader,
    ProcedureReader,
    QuietReader,
    NotificationReader,
    ReleaseReader,
    SearchReader,
    SiteListReader,
    StatisticsReader,
    VideoOutputReader,
    WebhookReader,
    Protocol,
):
    """Reading, from any thread, beside the writer."""


class WriteJobs(Protocol[Area_co]):
    """Where other threads hand jobs to the thread that owns the writer; each job sees the area that it needs."""

    def submit(self, work: Callable[[Area_co], Result], /) -> Future[Result]:
        """Have `work` done with the writer; its result or exception arrives in the future.

        Raises:
            StoreError: Too many jobs wait, or the store is closing.
        """

    async def write(self, work: Callable[[Area_co], Result], /) -> Result:
        """As `submit`, for the event loop.

        Raises:
            StoreError: As there; or the writer does not answer.
        """


class Store(Protocol):
    """A store: one writer, any number of readers."""

    def writer(self, sole: bool = True) -> Writer:
        """Open the writing connection, migrating what an older version left.

        Args:
            sole: Be the one aggregator; False: write beside the one that may be running.
        """

    def reader(self) -> Reader:
        """Something to read with; cheap, may be shared between threads."""

    def close(self) -> None:
        """Close what readers share, before the writer, which is closed by itself: the last one tidies up."""


class StoreFactory(Protocol):
    """Makes a store from the data folder and the settings of a server; each takes what it needs."""

    def __call__(self, folder: Path, server: Postgres = ..., /) -> Store:
        """The store; nothing is opened yet."""
