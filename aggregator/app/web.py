"""Routes and pages, each with the services that it needs."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from aggregator.app.broker import new_token
from aggregator.app.parts import Parts
from aggregator.app.quiet import quiet_routes
from aggregator.auth.oidc import OidcClient
from aggregator.messaging.broker_endpoint import read_secret
from aggregator.monitoring.site_numbers import SiteNumbers
from aggregator.services.monitoring.place_directory import PlaceDirectory
from aggregator.web import dashboard
from aggregator.web.api import accounts, health, places, site_lists
from aggregator.web.api import app as api
from aggregator.web.api.alerts import changes, decisions, listing
from aggregator.web.api.alerts.change_log import AlertChangeLog
from aggregator.web.api.alerts.responses import AlertResponses
from aggregator.web.api.feeds import asyncapi, catalogue, consumers, feed, hls, mqtt, video_outputs, webhooks
from aggregator.web.api.feeds import clips as feed_clips
from aggregator.web.api.feeds import live as consumer_live
from aggregator.web.api.investigation import audit, case_footage, releases, search
from aggregator.web.api.monitoring import escalation, floor_plans, notifications, overview
from aggregator.web.api.shift import handovers, procedures, statistics
from aggregator.web.api.video import clips, footage, live, stills, uploads
from aggregator.web.dashboard import Show
from aggregator.web.dashboard.access import gates_page, site_lists_page
from aggregator.web.dashboard.accounts import account_page, accounts_page
from aggregator.web.dashboard.investigation import audit_page, releases_page, search_page
from aggregator.web.dashboard.investigation.chosen_case import ChosenCases
from aggregator.web.dashboard.login import login
from aggregator.web.dashboard.login.login import LoginRoutes
from aggregator.web.dashboard.monitoring import acknowledge_page, script_page
from aggregator.web.dashboard.monitoring.acknowledge_page import AcknowledgeRoutes
from aggregator.web.dashboard.shell.page_layout import PageContext
from aggregator.web.dashboard.shell.page_updates import PageUpdates
from aggregator.web.dashboard.shift import procedures_page, reports_page, shift_page
from aggregator.web.dashboard.video import footage_page
from aggregator.web.dashboard.video.footage_page import FootageServices


def build_web(parts: Parts) -> FastAPI:
    """The API, the log-in and the dashboard.

    Raises:
        SettingsError: The file with the identity provider's secret is not there.
    """
    app = api.build(
        parts.core.settings.http,
        parts.access.authenticator,
        _routes(parts),
        parts.core.settings.map.origin,
        parts.feeds.access,
    )
    login.mount(app, _login(parts))
    acknowledge_page.mount(app, AcknowledgeRoutes(parts.monitoring.links, parts.sites))
    dashboard.mount(app, _pages(parts))
    return app


def _routes(parts: Parts) -> list[api.Routes]:
    core, access, use = parts.core, parts.access, parts.use_cases
    public = core.keys.signing.public_key()
    numbers = SiteNumbers(core.reader, core.metrics, core.clock)
    responses = AlertResponses(core.reader, PlaceDirectory(core.reader, parts.sites, access.areas))
    video, limits = parts.feeds.video, parts.feeds.feed.limits
    log = AlertChangeLog(parts.messaging.changes, responses, core.new_id())
    return [
        partial(health.add, health=core.health, metrics=core.metrics, refresh=numbers.refresh, overview=use.overview),
        partial(changes.add, log=log, authenticator=access.authenticator),
        partial(listing.add, responses=responses),
        partial(decisions.add, alerts=use.alerts, responses=responses),
        partial(procedures.add, procedures=use.procedures),
        partial(handovers.add, handovers=use.handovers),
        partial(statistics.add, statistics=use.statistics),
        partial(overview.add, overview=use.overview),
        *quiet_routes(parts, responses),
        partial(places.add, reader=core.reader, pictures=parts.pictures, sites=parts.sites),
        partial(site_lists.add, lists=use.lists, commands=use.commands, passages=use.passages, events=core.reader),
        partial(audit.add, reader=core.reader, audit_log=access.audit_log, public=public, clock=core.clock),
        partial(accounts.add, accounts=access.accounts, grants=access.grants),
        partial(search.add, searches=use.searches, objects=parts.files.objects),
        partial(case_footage.add, footage=use.case_footage, holds=use.holds, objects=parts.files.objects),
        partial(releases.add, releases=use.releases),
        partial(clips.add, clips=use.clips),
        partial(footage.add, commands=use.commands, events=core.reader),
        partial(live.add, views=use.live),
        partial(stills.add, stills=use.stills),
        partial(escalation.add, escalation=parts.monitoring.escalation),
        partial(notifications.add, notifications=parts.monitoring.notifications),
        partial(floor_plans.add, plans=use.plans, tiles=core.settings.map),
        partial(consumers.add, consumers=parts.feeds.consumers, devices=parts.feeds.gb28181),
        partial(feed.add, feed=parts.feeds.feed),
        partial(webhooks.add, webhooks=parts.feeds.webhooks),
        partial(mqtt.add, mqtt=parts.feeds.mqtt),
        asyncapi.add,
        partial(catalogue.add, catalogue=video.catalogue, limits=limits),
        partial(consumer_live.add, streams=video.streams, tickets=video.tickets, limits=limits),
        partial(hls.add, sessions=video.hls, limits=limits),
        partial(video_outputs.add, outputs=video.outputs),
        partial(feed_clips.add, clips=video.clips, limits=limits),
        partial(uploads.add, uploads=parts.files.uploads),
    ]


def _login(parts: Parts) -> LoginRoutes:
    settings, access = parts.core.settings.oidc, parts.access
    oidc = None
    if settings is not None:
        secret = read_secret(settings.client_secret_file, "oidc.client_secret_file")
        oidc = OidcClient(settings, secret, clock=parts.core.clock, token=new_token)
    name = settings.name if settings is not None else ""
    return LoginRoutes(access.authenticator, access.accounts, parts.core.metrics, oidc, name)


def _pages(parts: Parts) -> dict[str, Show]:
    core, access, use = parts.core, parts.access, parts.use_cases
    context = PageContext(core.reader, parts.sites, access.authenticator)
    chosen = ChosenCases()
    updates = PageUpdates(parts.messaging.changes)
    return script_page.pages(context) | {
        "/shift": partial(shift_page.show, context, use.handovers),
        "/procedures": partial(procedures_page.show, context, use.procedures),
        "/reports": partial(reports_page.show, context, use.statistics),
        "/gates": partial(
            gates_page.show, context, core.reader, commands=use.commands, passages=use.passages, updates=updates
        ),
        "/footage": partial(
            footage_page.show, context, FootageServices(core.reader, use.commands, use.case_footage, use.holds), chosen
        ),
        "/lists": partial(site_lists_page.show, context, core.reader, use.lists),
        "/search": partial(search_page.show, context, use.searches, chosen),
        "/record": partial(audit_page.show, context, core.reader, access.audit_log),
        "/releases": partial(releases_page.show, context, use.releases, chosen),
        "/staff": partial(accounts_page.show, context, access.accounts, access.grants),
        "/account": partial(account_page.show, context, access.accounts),
    }
