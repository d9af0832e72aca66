"""Builds what keeps alerts out of the queue."""

from __future__ import annotations

from functools import partial

from aggregator.app.parts import Parts
from aggregator.services.monitoring.flood_service import FloodService
from aggregator.services.monitoring.quiet_service import QuietService
from aggregator.services.monitoring.quiet_universe import QuietUniverse
from aggregator.web.api.alerts.quiet import maintenance, silences, sources
from aggregator.web.api.alerts.responses import AlertResponses
from aggregator.web.api.app import Routes


def quiet_routes(parts: Parts, responses: AlertResponses) -> list[Routes]:
    """The routes of silences, maintenance windows, shelved sources and floods."""
    core, areas = parts.core, parts.access.areas
    quiet = QuietService(
        core.reader,
        core.queue,
        parts.messaging.consumer.apply_quiet,
        QuietUniverse(core.reader, areas, tuple(core.settings.sites), core.clock),
        core.clock,
        core.new_id,
    )
    floods = FloodService(core.reader, core.clock, core.settings.alerts.operators)
    return [
        partial(silences.add, quiet=quiet, responses=responses),
        partial(maintenance.add, quiet=quiet, places=responses.places),
        partial(sources.add, quiet=quiet, floods=floods),
    ]
