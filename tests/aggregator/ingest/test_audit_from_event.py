from __future__ import annotations

import pytest
from agg_fakes import received
from agg_support import event

from aggregator.audit.from_event import ACTIONS, entry_of
from aggregator.domain.audit import audit_entry
from aggregator.domain.store_port import Store
from aggregator.ingest.batch_processor import BatchProcessor
from protocol.event_types import KINDS, FootageErased, FootageExported, FootageHeld

FROM, TO = "2026-11-01T00:00:00.000000000Z", "2026-11-01T01:00:00.000000000Z"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (FootageExported(from_=FROM, to=TO, reason="case 7", by="li"), ("export", "li@gate-1", "case 7")),
        (FootageErased(from_=FROM, to=TO, cause="ceiling"), ("erased", "box@gate-1", "")),
        (FootageHeld(from_=FROM, to=TO, cause="case 7", by="wang"), ("hold", "wang@gate-1", "")),
    ],
)
def test_what_is_done_at_a_box_is_on_the_record_once(
    processor: BatchProcessor,
    store: Store,
    data: FootageExported | FootageErased | FootageHeld,
    expected: tuple[str, str, str],
) -> None:
    (message,) = received(event(1, data))
    processor.process([message])
    processor.process([message])
    (entry,) = store.reader().audit_entries(0, 10)
    act = audit_entry.decode(entry[1])
    assert (act.what, act.who, act.reason) == expected
    assert (act.target, act.site) == ("gate-1/cam-1", "village")
    assert (act.detail["from"], act.detail["to"], act.detail["event"]) == (FROM, TO, event(1).id)


def test_other_events_are_nobodys_act() -> None:
    assert entry_of(event(1)) is None
    assert set(ACTIONS) <= set(KINDS)
