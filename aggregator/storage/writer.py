"""The writing half of a store: each method is a query or a change of `tables/`; a change is one transaction.

The protocols in `aggregator/domain/store_port/` document the methods.
"""

from __future__ import annotations

from aggregator.domain.read_models import Batch
from aggregator.storage import purge as purging
from aggregator.storage.database import Change, Database, Query
from aggregator.storage.tables import accounts, audit, cases, clips, events, releases, shift, site_lists
from aggregator.storage.tables.alerts import history, queries
from aggregator.storage.tables.event_series import CELLS, GENERA, EventSeries


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

    newest_alert = Query(queries.newest_open)
    alert = Query(queries.one)
    due_alerts = Query(queries.due)
    events_of_alert = Query(history.events_of)
    events_by_id = Query(history.events_by_id)
    append_history = Change(history.append)

    change_account = Change(accounts.change)
    use_totp_step = Change(accounts.use_totp_step)
    use_one_time_password = Change(accounts.use_one_time_password)
    end_one_time_accounts = Change(accounts.end_one_time)
    add_session = Change(accounts.add_session)
    end_session = Change(accounts.end_session)

    change_site_list = Change(site_lists.change)
    open_case = Change(cases.put)
    close_case = Change(cases.close)
    request_release = Change(releases.put)
    change_release = Change(releases.change)
    request_clip = Change(clips.request)
    change_clip = Change(clips.change)
    delete_clip = Change(clips.delete)

    add_procedure = Change(shift.add)
    put_tick = Change(shift.put_tick)
    remove_tick = Change(shift.remove_tick)
    put_handover = Change(shift.put_handover)
    take_handover = Change(shift.take)
    add_shift_note = Change(shift.add_note)

    append_audit_entries = Change(audit.append)
    sign_checkpoint = Change(audit.sign_checkpoint)
    purge = Change(purging.purge)
    purge_scan = Change(purging.purge_scan)
