"""Writes the OpenAPI and the AsyncAPI document: `python -m aggregator.web.api_document`."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, cast

from aggregator.settings.aggregator import Http
from aggregator.web.api import accounts, health, places, site_lists
from aggregator.web.api import app as api
from aggregator.web.api.alerts import changes, decisions, listing
from aggregator.web.api.alerts.quiet import maintenance, silences, sources
from aggregator.web.api.alerts.responses import AlertResponses
from aggregator.web.api.feeds import asyncapi, catalogue, consumers, feed, hls, mqtt, video_outputs, webhooks
from aggregator.web.api.feeds import clips as feed_clips
from aggregator.web.api.feeds import live as consumer_live
from aggregator.web.api.investigation import audit, case_footage, releases, search
from aggregator.web.api.monitoring import escalation, floor_plans, notifications, overview
from aggregator.web.api.shift import handovers, procedures, statistics
from aggregator.web.api.video import clips, footage, stills

FILE = Path(__file__).resolve().parents[2] / "configs" / "openapi.json"
ASYNC_FILE = FILE.with_name("asyncapi.json")


def text() -> str:
    """The document as it stands in `configs/`. Routes are added without services: none of them runs."""
    none = cast(Any, None)
    responses = AlertResponses(none, none)
    parts: list[api.Routes] = [
        partial(health.add, health=none, metrics=none, refresh=none, overview=none),
        partial(changes.add, log=none, authenticator=none),
        partial(listing.add, responses=responses),
        partial(decisions.add, alerts=none, responses=responses),
        partial(procedures.add, procedures=none),
        partial(handovers.add, handovers=none),
        partial(statistics.add, statistics=none),
        partial(overview.add, overview=none),
        partial(silences.add, quiet=none, responses=responses),
        partial(maintenance.add, quiet=none, places=none),
        partial(sources.add, quiet=none, floods=none),
        partial(places.add, reader=none, pictures=none, sites=none),
        partial(site_lists.add, lists=none, commands=none, passages=none, events=none),
        partial(audit.add, reader=none, audit_log=none, public=none, clock=none),
        partial(accounts.add, accounts=none, grants=none),
        partial(search.add, searches=none, objects=none),
        partial(case_footage.add, footage=none, holds=none, objects=none),
        partial(releases.add, releases=none),
        partial(clips.add, clips=none),
        partial(stills.add, stills=none),
        partial(footage.add, commands=none, events=none),
        partial(escalation.add, escalation=none),
        partial(notifications.add, notifications=none),
        partial(floor_plans.add, plans=none, tiles=none),
        partial(consumers.add, consumers=none, devices=none),
        partial(feed.add, feed=none),
        partial(webhooks.add, webhooks=none),
        partial(mqtt.add, mqtt=none),
        asyncapi.add,
        partial(catalogue.add, catalogue=none, limits=none),
        partial(consumer_live.add, streams=none, tickets=none, limits=none),
        partial(hls.add, sessions=none, limits=none),
        partial(video_outputs.add, outputs=none),
        partial(feed_clips.add, clips=none, limits=none),
    ]
    return encode(api.build(Http(), none, parts).openapi())


def encode(document: dict[str, Any]) -> str:
    """A document as the file's text."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    ASYNC_FILE.write_text(encode(asyncapi.document()), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n{ASYNC_FILE}\n")
