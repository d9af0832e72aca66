"""The writing half of a store: each method is a query or a change of `tables/`; a change is one transaction.

The protocols in `aggregator/domain/store_port/` document the methods.
"""

from __future__ import annotations

from aggregator.domain.read_models import Batch
from aggregator.storage import purge as purging
from aggregator.storage.engines.database import Change, Database, Query
from aggregator.storage.tables import accounts, clips, events, site_lists
from aggregator.storage.tables.alerts import history, queries
from aggregator.storage.tables.audit import entries as audit
from aggregator.storage.tables.event_series import CELLS, GENERA, EventSeries
from aggregator.storage.tables.feeds import consumers, mqtt_outputs, video_outputs, webhooks
from aggregator.storage.tables.investigation import cases, holds, releases
from aggregator.storage.tables.monitoring import escalation, floor_plans, notifications, quiet, shift


class SqlWriter:
    """The one connection that writes.

    Args:
        db: The connection; owned by this object.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._cells, self._genera = EventSeries(*CELLS), EventSeries(*GENERA)

    def apply(self, batch: Batch) -> None:
        """Write all of `batch` durably, or nothing."""
        try:
            self._db.change(events.put, batch, self._cells, self._genera)
        except BaseException:
            self._cells.forget()
            self._genera.forget()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    stored_event_ids = Query(events.stored_ids)
    newest_event_time = Query(events.newest_time)
    positions = Query(events.outbox_positions)
    status_epochs = Query(events.status_epochs)
    write_heartbeat = Change(events.write_heartbeat)

    known_fingerprints = Query(queries.known_fingerprints)
    newest_alert = Query(queries.newest_open)
    alert = Query(queries.one)
    due_alerts = Query(queries.due)
    events_of_alert = Query(history.events_of)
    events_by_id = Query(history.events_by_id)

    quiet_in_force = Query(quiet.in_force)
    quiet_version = Query(quiet.version)
    open_alerts_of = Query(quiet.open_alerts_of)
    recent_causes = Query(quiet.recent_causes)
    suppressed_sites = Query(quiet.suppressed_sites)
    chattering_alerts = Query(quiet.chattering_alerts)
    offline_boxes = Query(quiet.offline_boxes)
    known_boxes = Query(quiet.known_boxes)

    change_account = Change(accounts.change)
    use_totp_step = Change(accounts.use_totp_step)
    use_recovery_code = Change(accounts.use_recovery_code)
    use_one_time_password = Change(accounts.use_one_time_password)
    end_one_time_accounts = Change(accounts.end_one_time)
    add_session = Change(accounts.add_session)
    end_session = Change(accounts.end_session)

    change_site_list = Change(site_lists.change)
    open_case = Change(cases.put)
    close_case = Change(cases.close)
    add_hold = Change(holds.put)
    change_hold = Change(holds.change)
    request_release = Change(releases.put)
    change_release = Change(releases.change)
    request_clip = Change(clips.request)
    request_case_clip = Change(clips.request_for_case)
    change_clip = Change(clips.change)
    delete_clip = Change(clips.delete)

    add_procedure = Change(shift.add)
    put_tick = Change(shift.put_tick)
    remove_tick = Change(shift.remove_tick)
    put_handover = Change(shift.put_handover)
    take_handover = Change(shift.take)
    add_shift_note = Change(shift.add_note)
    put_floor_plan = Change(floor_plans.put)
    place_symbols = Change(floor_plans.place_symbols)
    delete_floor_plan = Change(floor_plans.remove)
    put_site_location = Change(floor_plans.put_location)
    delete_site_location = Change(floor_plans.remove_location)
    put_escalation = Change(escalation.put_document)
    start_timers = Change(escalation.start)
    take_steps = Change(escalation.take)
    put_target = Change(notifications.put_target)
    set_target_language = Change(notifications.set_language)
    delete_target = Change(notifications.delete_target)
    enqueue = Change(notifications.enqueue)
    lease_notifications = Change(notifications.lease)
    end_attempt = Change(notifications.end_attempt)
    cancel_notification = Change(notifications.cancel)
    replay_notification = Change(notifications.replay)
    link_used = Query(notifications.link_used)
    use_link = Change(notifications.use_link)
    purge_notifications = Change(escalation.purge)

    add_consumer = Change(consumers.add)
    change_consumer = Change(consumers.change)
    take_from_feed = Change(consumers.take)
    log_feed_use = Change(consumers.log_use)
    webhook_now = Query(webhooks.one)
    add_webhook = Change(webhooks.add)
    change_webhook = Change(webhooks.change)
    begin_webhook = Change(webhooks.begin)
    end_webhook = Change(webhooks.end)
    drop_webhook = Change(webhooks.drop)
    replay_letter = Change(webhooks.replay)
    end_replay = Change(webhooks.end_replay)
    mqtt_output_now = Query(mqtt_outputs.one)
    add_mqtt_output = Change(mqtt_outputs.add)
    change_mqtt_output = Change(mqtt_outputs.change)
    end_mqtt_attempt = Change(mqtt_outputs.end)
    drop_mqtt_output = Change(mqtt_outputs.drop)
    video_output_now = Query(video_outputs.one)
    add_video_output = Change(video_outputs.add)
    change_video_output = Change(video_outputs.change)
    drop_video_output = Change(video_outputs.drop)

    append_audit_entries = Change(audit.append)
    sign_checkpoint = Change(audit.sign_checkpoint)
    purge = Change(purging.purge)
    purge_scan = Change(purging.purge_scan)
