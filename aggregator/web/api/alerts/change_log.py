"""Changes of alerts with rising numbers, encoded once for all clients; the newest are kept for those that come back."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.alerts.types import SEVERITIES, Alert, Severity
from aggregator.domain.store_port.alerts import OpenCounts
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from aggregator.web.api.alerts.responses import STAFF, AlertResponses, counts
from common import logging_setup
from common.errors import StoreError

_log = logging_setup.get("alert_changes")
MOST_KEPT, KEPT_S = 5_000, 120.0
"""Changes that are kept: ten seconds of 500 alerts a second, or two minutes, for clients that were away for a moment.
A client further behind is told to read all again."""
PAUSE_S, RETRY_S = 0.1, 1.0
"""At most one round in this time; after an error of the store."""


class Rights(NamedTuple):
    """What of an alert somebody may see, or what there is of it to see: its picture, its clip, names and notes."""

    picture: bool
    clip: bool
    staff: bool


Texts: TypeAlias = Mapping[Rights, str]


@dataclass(frozen=True)
class Change:
    """A changed alert as JSON, for each set of rights.

    Attributes:
        at_s: When it was made, of the event loop's clock.
        there: What there is of the alert.
        texts: Rights, none beyond what is there → JSON.
    """

    number: int
    at_s: float
    alert: Alert
    there: Rights
    texts: Texts

    def text(self, rights: Rights) -> str:
        """For somebody with these rights at this place."""
        return self.texts[Rights(*(may and is_there for may, is_there in zip(rights, self.there, strict=True)))]


Made: TypeAlias = tuple[Alert, Rights, Texts]


class AlertChangeLog:
    """Lives on the event loop; the store is asked beside it.

    Args:
        changes: The change feed.
        responses: Shows alerts.
        epoch: Tells this log from that of an earlier start.

    Attributes:
        number: Of the newest change of an alert.
        counted: How often the open alerts were counted.
        placed: How often states of devices have changed.
        sites: Site → `placed` when a state last changed there.
    """

    def __init__(self, changes: ChangeFeed, responses: AlertResponses, epoch: str) -> None:
        self._responses, self.epoch = responses, epoch
        self.number, self._first = 0, 0
        self._counts: OpenCounts = {}
        self._counts_json: dict[Scope, str] = {}
        self.counted = self.placed = 0
        self.sites: dict[str, int] = {}
        self._log: deque[Change] = deque()
        self._alerts: dict[str, Alert] = {}
        self._clips: set[str] = set()
        self._news, self._counting = asyncio.Event(), asyncio.Lock()
        self._round: asyncio.Task[None] | None = None
        changes.subscribe(self._take)

    def since(self, number: int) -> list[Change] | None:
        """The newest change of each alert since a number; None: not all of them are kept."""
        if not self._first <= number <= self.number:
            return None
        found: dict[str, Change] = {}
        for change in reversed(self._log):
            if change.number <= number:
                break
            found.setdefault(change.alert.id, change)
        return list(reversed(found.values()))

    async def wait(self, number: int, counted: int, timeout_s: float, placed: int) -> None:
        """Until there is a newer change, count or state of a device, at most for a time."""
        if (number, counted, placed) == (self.number, self.counted, self.placed):
            news = self._news
            try:
                async with asyncio.timeout(timeout_s):
                    await news.wait()
            except TimeoutError:
                return

    async def count(self) -> None:
        """Read the counts before the first change.

        Raises:
            StoreError: They cannot be read.
        """
        async with self._counting:  # all clients come back together after a start
            if not self.counted:
                self._tell([], await asyncio.to_thread(self._responses.reader.open_counts))

    def counts_within(self, scope: Scope) -> str:
        """How many open alerts there are within a scope, as JSON: counted once for all clients who have the scope."""
        text = self._counts_json.get(scope)
        if text is None:
            text = counts(_counts_within(self._counts, scope)).model_dump_json()
            self._counts_json[scope] = text
        return text

    def states_since(self, placed: int) -> list[str]:
        """The sites in which devices have changed their states since a number."""
        return sorted(site for site, number in self.sites.items() if number > placed)

    def _take(self, update: ChangeSet) -> None:
        if update.states:
            self.placed += 1
            self.sites |= dict.fromkeys(update.states, self.placed)
            self._wake()
        if not (update.alerts or update.clips):
            return
        self._alerts |= update.alerts
        self._clips |= update.clips
        if len(self._alerts) > MOST_KEPT or len(self._clips) > MOST_KEPT:  # the store has not answered for long
            self._alerts, self._clips = {}, set()
            self.number += 1
            self._first = self.number
        if self._round is None or self._round.done():
            self._round = asyncio.get_running_loop().create_task(self._rounds())

    async def _rounds(self) -> None:
        while self._alerts or self._clips:
            alerts, clips = self._alerts, self._clips
            self._alerts, self._clips = {}, set()
            try:
                made, open_counts = await asyncio.to_thread(self._read, alerts, clips)
            except StoreError as error:
                _log.warning("changes of alerts not sent; will try again", problem=str(error))
                self._alerts, self._clips = alerts | self._alerts, clips | self._clips
                await asyncio.sleep(RETRY_S)
                continue
            self._tell(made, open_counts)
            await asyncio.sleep(PAUSE_S)

    def _read(self, alerts: dict[str, Alert], clips: set[str]) -> tuple[list[Made], OpenCounts]:
        reader = self._responses.reader
        found = dict(alerts)
        for alert_id in clips - set(alerts):
            alert = reader.alert_by_id(alert_id)
            if alert is not None:
                found[alert_id] = alert
        return self._encoded(list(found.values())), reader.open_counts()

    def _encoded(self, alerts: Sequence[Alert]) -> list[Made]:
        responses = self._responses
        responses.places.refresh()
        clips = responses.reader.stored_clips([it.id for it in alerts])
        return [(it, *self._texts(it, it.id in clips)) for it in alerts]

    def _texts(self, alert: Alert, has_clip: bool) -> tuple[Rights, Texts]:
        there = Rights(bool(alert.picture_event), has_clip, any(getattr(alert, it) for it in STAFF))
        every = itertools.product(*((False, True) if it else (False,) for it in there))
        return there, {it: self._text(alert, it) for it in itertools.starmap(Rights, every)}

    def _text(self, alert: Alert, rights: Rights) -> str:
        shown = self._responses.response(
            alert, has_clip=rights.clip, with_picture=rights.picture, with_staff=rights.staff
        )
        return shown.model_dump_json()

    def _tell(self, made: Sequence[Made], open_counts: OpenCounts) -> None:
        now_s = asyncio.get_running_loop().time()
        for alert, there, texts in made:
            self.number += 1
            self._log.append(Change(self.number, now_s, alert, there, texts))
        while self._log and (len(self._log) > MOST_KEPT or now_s - self._log[0].at_s > KEPT_S):
            self._first = self._log.popleft().number
        self._counts, self._counts_json = open_counts, {}
        self.counted += 1
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _counts_within(open_counts: OpenCounts, scope: Scope) -> dict[Severity, int]:
    """How many open alerts of each severity lie within a scope; suppressed ones are left out."""
    found: dict[Severity, int] = dict.fromkeys(SEVERITIES, 0)
    for (site, place, severity, suppressed), number in open_counts.items():
        if not suppressed and scope.holds(site, place):
            found[severity] += number
    return found
