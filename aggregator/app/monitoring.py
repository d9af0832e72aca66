"""Escalation and notifications, put together; nothing is started."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aggregator.auth.rate_limiter import RateLimiter
from aggregator.domain.accounts.authorization import Areas
from aggregator.domain.alerts.decisions import Decide
from aggregator.jobs.escalation_jobs import EscalationJobs
from aggregator.jobs.job_runner import JobRunner
from aggregator.jobs.notification_jobs import NotificationJobs
from aggregator.notifications.senders import SenderPool
from aggregator.services.monitoring import holiday_calendar
from aggregator.services.monitoring.acknowledgement_links import AcknowledgementLinks
from aggregator.services.monitoring.delivery import Delivery, MessageSettings
from aggregator.services.monitoring.escalation_service import EscalationService
from aggregator.services.monitoring.notification_service import NotificationService, TargetAddresses
from aggregator.services.monitoring.people import People
from aggregator.services.monitoring.place_directory import PlaceDirectory
from aggregator.services.site_clock import SiteClock
from aggregator.web.dashboard.i18n.texts import TEXTS

if TYPE_CHECKING:
    from aggregator.app.parts import Core

LONGEST_WAIT_S = 300.0
FREE_CHANGES, FREE_LINKS = 10, 10
"""Targets and test messages of a user, and wrong links of an address, before the next one waits."""


@dataclass(frozen=True)
class Monitoring:
    """What routes, pages and jobs need."""

    escalation: EscalationService
    notifications: NotificationService
    links: AcknowledgementLinks
    jobs: JobRunner


def monitoring(core: Core, areas: Areas, decide: Decide) -> Monitoring:
    """Put the parts together.

    Args:
        core: What nearly every part works with.
        areas: The areas of each place.
        decide: Commits decisions; called on the writer's thread.
    """
    settings, reader, queue, clock = core.settings, core.reader, core.queue, core.clock
    sites = SiteClock(settings.sites, clock)
    pool = SenderPool(settings.notifications.networks, clock)
    places = PlaceDirectory(reader, sites, areas)
    escalation = EscalationService(reader, queue, settings.escalation, places, areas, clock)
    delivery = Delivery(
        reader, core.keys, pool, lambda: People(reader, areas), sites,
        MessageSettings(TEXTS, settings.http.public_url.rstrip("/")), places,
    )  # fmt: skip
    steps = EscalationJobs(escalation, queue, clock, core.new_id, holiday_calendar.is_holiday)
    sending = NotificationJobs(reader, queue, delivery, pool, clock, random.random, core.new_id)
    return Monitoring(
        escalation,
        NotificationService(
            reader, queue, TargetAddresses(core.keys, pool), clock, core.new_id, tuple(TEXTS),
            RateLimiter(clock, FREE_CHANGES, LONGEST_WAIT_S),
        ),
        AcknowledgementLinks(
            reader, queue, core.keys, areas, clock, decide, RateLimiter(clock, FREE_LINKS, LONGEST_WAIT_S)
        ),
        JobRunner((steps, sending), clock, close=pool.stop),
    )  # fmt: skip
