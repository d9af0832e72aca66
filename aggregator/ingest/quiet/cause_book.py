"""The alerts that inhibit others, also for a while after they have ended: boxes send late what they saw meanwhile."""

from __future__ import annotations

from aggregator.domain.alerts.types import Alert
from aggregator.domain.quiet.inhibition import CONSEQUENCES, Cause, CauseKey
from common.clock import SECOND_NS

KEPT_S = 24 * 3600
"""How long an ended cause is remembered: a box that was away for longer has mostly sent what it saw."""
MOST_CAUSES = 20_000


class CauseBook:
    """The newest alert of each cause, in bounded memory."""

    def __init__(self) -> None:
        self._causes: dict[CauseKey, Cause] = {}

    def __len__(self) -> int:
        return len(self._causes)

    def note(self, alert: Alert) -> bool:
        """Take a changed alert in; whether it is a cause that has begun or ended with this."""
        if alert.kind not in CONSEQUENCES:
            return False
        key = CauseKey(alert.kind, alert.site, alert.box, alert.place)
        ended_ns = alert.ended_ns
        if alert.status == "closed" and ended_ns is None:  # nobody notices any more that the condition ends
            ended_ns = alert.closed_ns
        before, cause = self._causes.get(key), Cause(alert.id, alert.first_ns, ended_ns)
        if before is not None and before.id > cause.id:
            return False  # an older alert was changed
        self._causes.pop(key, None)
        self._causes[key] = cause
        if len(self._causes) > MOST_CAUSES:
            self._causes.pop(next(iter(self._causes)))
        return before != cause

    def find(self, key: CauseKey) -> Cause | None:
        """The newest alert of a cause."""
        return self._causes.get(key)

    def drop_old(self, now_ns: int) -> None:
        """Forget those that ended long ago."""
        limit_ns = now_ns - KEPT_S * SECOND_NS
        old = [key for key, it in self._causes.items() if it.ended_ns is not None and it.ended_ns < limit_ns]
        for key in old:
            del self._causes[key]
