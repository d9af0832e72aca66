"""Which events belong to one alert: fingerprints over place and kind, and windows in time.

The idea of a fingerprint over labels, with explicit rules for merging, is Prometheus Alertmanager's. A fingerprint
covers place and kind, never a track or a person.
"""

from __future__ import annotations

import functools
import hashlib

from aggregator.domain.alerts.rules import ENDS, SEVERITY_OF_OBJECT, TWO_WHEELER
from aggregator.domain.alerts.types import Alert
from common.clock import SECOND_NS
from protocol.envelope import Event
from protocol.event_types import KINDS

_SUBJECT_OF = {
    kind: next((name for name in ("zone", "line", "door", "gate") if name in data.__struct_fields__), "")
    for kind, data in KINDS.items()
}


@functools.lru_cache(maxsize=65536)
def fingerprint(site: str, box: str, place: str, kind: str, subject: str) -> str:
    """Events with the same one belong together; hexadecimal SHA-256."""
    return hashlib.sha256("\0".join((site, box, place, kind, subject)).encode()).hexdigest()


def split_fingerprint(alert: Alert, alert_id: str) -> str:
    """The fingerprint of what is split off an alert: no event falls into it."""
    return fingerprint(alert.site, alert.box, alert.place, f"{alert.kind}/{alert_id}", alert.subject)


def subject_of(event: Event) -> str:
    """The zone, line, door or gate that an event is about; empty where there is none."""
    field = _SUBJECT_OF.get(event.kind)
    return str(getattr(event.data, field)) if field else ""


def fingerprint_of(event: Event) -> str:
    """The fingerprint of an event's alert: a two-wheeler in a zone has an alert of its own."""
    special = (event.kind, getattr(event.data, "object", "")) in SEVERITY_OF_OBJECT
    kind = f"{event.kind}/{TWO_WHEELER}" if special else event.kind
    return fingerprint(event.site, event.box, event.place, kind, subject_of(event))


def targets(event: Event) -> list[str]:
    """Fingerprints of the alerts whose condition an event ends."""
    subject = subject_of(event)
    return [fingerprint(event.site, event.box, event.place, kind, subject) for kind in ENDS.get(event.kind, ())]


def within_window(alert: Alert, time_ns: int, window_s: float | None) -> bool:
    """Whether an event of a time belongs to an open alert: not further than the window from all that it holds."""
    if window_s is None:
        return True
    window_ns = round(window_s * SECOND_NS)
    return alert.first_ns - window_ns <= time_ns <= alert.last_ns + window_ns
