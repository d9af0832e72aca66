"""Consumers and their feeds, put together; nothing is started."""

from __future__ import annotations

import random as chance
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aggregator.app.broker import feed_connector, new_token
from aggregator.app.gb28181 import gb28181
from aggregator.app.video_out import VideoOut, video_out
from aggregator.auth.account_service import RandomValues
from aggregator.auth.rate_limiter import RateLimiter
from aggregator.jobs.feed_jobs import FeedUseJobs
from aggregator.jobs.job_runner import JobRunner
from aggregator.jobs.mqtt_jobs import MqttJobs
from aggregator.jobs.mqtt_states import MqttStates
from aggregator.jobs.webhook_jobs import WebhookJobs
from aggregator.notifications.webhook_client import WebhookClient
from aggregator.services.feeds.consumer_access import ConsumerAccess
from aggregator.services.feeds.consumer_service import ConsumerService
from aggregator.services.feeds.feed_service import FeedService, Limits
from aggregator.services.feeds.feed_tail import FeedTail
from aggregator.services.feeds.mqtt_service import BrokerPlace, MqttService
from aggregator.services.feeds.request_quota import RequestQuota
from aggregator.services.feeds.webhook_sender import WebhookSender
from aggregator.services.feeds.webhook_service import WebhookService
from aggregator.services.stream_relay import StreamRelay
from aggregator.services.video_out.gb28181.devices import Gb28181Devices
from aggregator.settings.aggregator import EmbeddedBroker
from aggregator.storage.object_store import ObjectStorage

if TYPE_CHECKING:
    from aggregator.app.parts import Access, Core

WRONG_TOKENS, LONGEST_WAIT_S = 50, 300.0
"""Wrong tokens of an address before the next one waits."""


@dataclass(frozen=True)
class Feeds:
    """What routes and jobs need."""

    consumers: ConsumerService
    feed: FeedService
    webhooks: WebhookService
    mqtt: MqttService
    access: ConsumerAccess
    video: VideoOut
    gb28181: Gb28181Devices
    jobs: JobRunner


def feeds(
    core: Core, access: Access, relay: StreamRelay, objects: ObjectStorage, accounts_changed: Callable[[], None]
) -> Feeds:
    """Put the parts together.

    Args:
        core: What nearly every part works with.
        access: Scopes, areas and the audit log.
        accounts_changed: Called where accounts of consumers at the broker may have changed.
        relay: Relays the live views of boxes.
        objects: Where clips lie.
    """
    reader, queue, clock = core.reader, core.queue, core.clock
    tail = FeedTail(lambda: reader.feed_span().newest)
    random = RandomValues(new_token, core.new_id)
    limits = Limits(RequestQuota(clock), RateLimiter(clock, WRONG_TOKENS, LONGEST_WAIT_S))

    def changed() -> None:
        tail.wake()
        accounts_changed()
        devices.check()
        jobs.wake.set()

    consumers = ConsumerService(reader, queue, access.grants.scopes, clock, random, changed)
    video = video_out(core, access, relay, objects, consumers)
    devices = gb28181(core, video)
    client = WebhookClient(core.settings.feeds.networks, clock)
    sender = WebhookSender(reader, core.keys, client, access.areas, clock)
    sending = WebhookJobs(reader, queue, sender, clock, chance.random, core.new_id)
    connect = feed_connector(core.settings, core.keys)
    publishing = MqttJobs(reader, queue, connect, access.areas, clock, MqttStates(reader, access.areas, clock))
    jobs = JobRunner((sending, publishing, FeedUseJobs(queue, clock)), clock, close=client.close)
    sending.wake = publishing.wake = jobs.wake.set
    broker = core.settings.broker
    place = BrokerPlace(broker.host, broker.port, isinstance(broker, EmbeddedBroker))
    origin = urlsplit(core.settings.http.public_url).hostname or "localhost"
    feed = FeedService(reader, queue, access.audit_log.record, access.areas, clock, limits, tail)
    return Feeds(
        consumers,
        feed,
        WebhookService(reader, queue, consumers, sender, origin, secrets.token_bytes, jobs.wake.set),
        MqttService(reader, queue, consumers, core.keys, place, changed),
        ConsumerAccess(feed, video.tickets),
        video,
        devices,
        jobs,
    )
