"""The reading half of a store: each method is a query of `tables/`, on a connection of its own.

The protocols in `aggregator/domain/store_port/` document the methods.
"""

from __future__ import annotations

from aggregator.storage.engines.database import Database, Query
from aggregator.storage.tables import accounts as account_table
from aggregator.storage.tables import clips as clip_table
from aggregator.storage.tables import events as event_table
from aggregator.storage.tables import places as place_table
from aggregator.storage.tables import site_lists as list_table
from aggregator.storage.tables.alerts import history as alert_history
from aggregator.storage.tables.alerts import queries as alert_table
from aggregator.storage.tables.audit import entries as audit_table
from aggregator.storage.tables.audit import names as audit_name_table
from aggregator.storage.tables.feeds import consumers as consumer_table
from aggregator.storage.tables.feeds import feed as feed_table
from aggregator.storage.tables.feeds import mqtt_outputs as mqtt_table
from aggregator.storage.tables.feeds import video_outputs as video_output_table
from aggregator.storage.tables.feeds import webhooks as webhook_table
from aggregator.storage.tables.investigation import cases as case_table
from aggregator.storage.tables.investigation import holds as hold_table
from aggregator.storage.tables.investigation import releases as release_table
from aggregator.storage.tables.investigation import search as searching
from aggregator.storage.tables.monitoring import escalation as escalation_table
from aggregator.storage.tables.monitoring import floor_plans as plan_table
from aggregator.storage.tables.monitoring import notifications as notification_table
from aggregator.storage.tables.monitoring import overview
from aggregator.storage.tables.monitoring import quiet as quiet_table
from aggregator.storage.tables.monitoring import shift as shift_table
from aggregator.storage.tables.monitoring import statistics as statistic


class SqlReader:
    """Reads, from any thread.

    Args:
        db: Connections that only read.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    alerts = Query(alert_table.find)
    alert_count = Query(alert_table.count)
    alert_counts = Query(alert_table.counts)
    open_counts = Query(alert_table.open_counts)
    alert_by_id = Query(alert_table.one)
    alert_events = Query(alert_history.events_with_merged)
    history = Query(alert_history.of_alert)

    picture = Query(event_table.picture)
    event_origin = Query(event_table.origin)
    event_count = Query(event_table.count)
    timeline = Query(place_table.timeline)
    timeline_bins = Query(place_table.timeline_bins)
    passages = Query(place_table.passages)
    passage = Query(place_table.passage)

    boxes = Query(place_table.boxes)
    cameras = Query(place_table.cameras)
    places = Query(place_table.places)
    box_jobs = Query(place_table.box_jobs)
    quarantine = Query(event_table.quarantined)
    quarantine_count = Query(event_table.quarantine_count)
    last_heartbeat_ns = Query(event_table.last_heartbeat_ns)

    user = Query(account_table.user)
    session = Query(account_table.session)
    role_assignments = Query(account_table.role_assignments)
    api_token = Query(account_table.api_token)
    api_tokens = Query(account_table.api_tokens)
    totp_secret = Query(account_table.totp_secret)
    grant_requests = Query(account_table.open_grant_requests)
    linked_user = Query(account_table.linked_user)
    accounts = Query(account_table.accounts)

    silences = Query(quiet_table.silences)
    maintenance_windows = Query(quiet_table.windows)
    shelves = Query(quiet_table.shelves)
    openings = Query(quiet_table.openings)

    list_rows = Query(list_table.rows)
    list_rows_of = Query(list_table.rows_of)
    list_versions = Query(list_table.versions)

    search = Query(searching.find)
    case = Query(case_table.one)
    cases = Query(case_table.page)

    hold = Query(hold_table.one)
    holds = Query(hold_table.of_case)

    release = Query(release_table.one)
    unfinished_releases = Query(release_table.unfinished)
    releases = Query(release_table.page)

    clip = Query(clip_table.one)
    due_clips = Query(clip_table.due)
    expired_clips = Query(clip_table.expired)
    case_clips = Query(clip_table.of_case)
    case_clip = Query(clip_table.owned)
    stored_clips = Query(clip_table.stored)

    escalation_documents = Query(escalation_table.documents)
    untimed_alerts = Query(escalation_table.untimed)
    due_timers = Query(escalation_table.due)
    alert_facts = Query(escalation_table.facts)
    digest_facts = Query(escalation_table.digest_facts)
    taken_steps = Query(escalation_table.taken)
    notification_targets = Query(notification_table.targets)
    notification_target = Query(notification_table.target)
    due_notifications = Query(notification_table.due)
    notification = Query(notification_table.one)
    notifications = Query(notification_table.find)

    audit_entries = Query(audit_table.entries_after)
    target_labels = Query(audit_name_table.labels)
    audit_log_size = Query(audit_table.size)
    newest_audit_entries = Query(audit_table.newest)
    audit_leaf_hashes = Query(audit_table.leaf_hashes)
    checkpoints = Query(audit_table.all_checkpoints)
    audit_proofs = Query(audit_table.proofs)

    procedure_versions = Query(shift_table.versions)
    newest_procedures = Query(shift_table.newest)
    procedure_ticks = Query(shift_table.ticks)
    handover = Query(shift_table.handover)
    handovers = Query(shift_table.handover_list)
    last_taken = Query(shift_table.last_taken)
    shift_notes = Query(shift_table.notes)

    floor_plans = Query(plan_table.plans)
    floor_plan = Query(plan_table.plan)
    floor_plan_picture = Query(plan_table.picture)
    site_locations = Query(plan_table.locations)

    alert_figures = Query(statistic.figures)
    outcomes = Query(statistic.outcomes)
    rule_events = Query(statistic.rule_events)
    state_events = Query(statistic.state_events)
    oldest = Query(statistic.oldest)
    open_states = Query(overview.open_states)
    recent_alerts = Query(overview.recent_alerts)

    consumers = Query(consumer_table.newest)
    consumer = Query(consumer_table.one)
    consumer_by_token = Query(consumer_table.by_token)
    consumer_uses = Query(consumer_table.uses)
    feed_span = Query(feed_table.span)
    feed_entries = Query(feed_table.after)
    feed_entry_of = Query(feed_table.of_event)
    webhooks = Query(webhook_table.of_consumer)
    webhook = Query(webhook_table.one)
    due_webhooks = Query(webhook_table.due)
    dead_letters = Query(webhook_table.letters)
    dead_letter_counts = Query(webhook_table.letter_counts)
    next_replay = Query(webhook_table.next_replay)
    mqtt_outputs = Query(mqtt_table.every)
    mqtt_output = Query(mqtt_table.one)
    due_mqtt_outputs = Query(mqtt_table.due)
    video_outputs = Query(video_output_table.of_consumer)
    video_output = Query(video_output_table.one)
    wanted_video_outputs = Query(video_output_table.wanted)
