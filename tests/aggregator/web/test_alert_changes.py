"""Changes of alerts as server-sent events: order, scope, resumption, slow clients, ended sessions."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from agg_support import (
    START_NS,
    run_apart,
)

from aggregator.domain.accounts.authorization import Permission, Principal, RoleAssignment, Scope, parse
from aggregator.domain.alerts.types import Alert, Severity
from aggregator.domain.store_port.alerts import OpenCounts
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet
from aggregator.services.monitoring.place_directory import PlaceDirectory
from aggregator.services.site_clock import SiteClock
from aggregator.settings.aggregator import Site
from aggregator.web import event_stream
from aggregator.web.api.alerts import change_log, changes
from aggregator.web.api.alerts.change_log import AlertChangeLog, Rights
from aggregator.web.api.alerts.changes import AlertStream
from aggregator.web.api.alerts.responses import AlertResponses
from common.clock import FakeClock
from common.errors import StoreError

EVERYTHING = Principal("li", (RoleAssignment("monitor"),))
VILLAGE = Principal("wu", (RoleAssignment("monitor", "village"),))


class FakeReader:
    """The part of the store that the log reads."""

    def __init__(self) -> None:
        self.clips: set[str] = set()
        self.failing = False
        self.open: dict[tuple[str, str, str, bool], int] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in ("boxes", "cameras", "places"):
            raise AttributeError(name)
        return list

    def stored_clips(self, _ids: list[str]) -> set[str]:
        if self.failing:
            raise StoreError("database: away")
        return self.clips

    def open_counts(self) -> dict[tuple[str, str, str, bool], int]:
        return dict(self.open)

    def alert_by_id(self, alert_id: str) -> Alert | None:
        return alert(int(alert_id[2:]))


def alert(number: int, **fields: object) -> Alert:
    made = Alert(
        id=f"a-{number}", fingerprint="f", site="village", box="gate-1", place="cam-1", kind="zone.entered",
        subject="yard", object="person", severity="high", count=1, first_ns=START_NS, last_ns=START_NS,
        opened_ns=START_NS,
    )  # fmt: skip
    return msgspec.structs.replace(made, **fields)


class Rig:
    """A log and the means to change alerts, on one event loop."""

    def __init__(self) -> None:
        self.reader, self.feed = FakeReader(), ChangeFeed()
        sites = SiteClock({"village": Site(name="Village")}, FakeClock(now_ns=START_NS))
        places = PlaceDirectory(cast(Any, self.reader), sites, {})
        self.log = AlertChangeLog(self.feed, AlertResponses(cast(Any, self.reader), places), "e")
        self.feed.attach(asyncio.get_running_loop())

    async def change(self, *alerts: Alert, clips: set[str] | None = None) -> None:
        before = self.log.counted
        self.feed.publish(ChangeSet({it.id: it for it in alerts}, clips=clips or set()))
        while self.log.counted == before:
            await asyncio.sleep(0)


class Client:
    """Reads a stream as an ASGI server would pass it on; `held` stops it from taking anything."""

    def __init__(self, rig: Rig, caller: Principal | None = EVERYTHING, last_id: str | None = None) -> None:
        self.caller, self.held = caller, asyncio.Event()
        self.chunks: list[str] = []
        self.held.set()
        self.gone = asyncio.Event()
        self.stream = AlertStream(rig.log, self._who, last_id)
        self.task = asyncio.create_task(self.stream({}, self._receive, self._send))

    async def _who(self) -> Principal | None:
        return self.caller

    async def _receive(self) -> dict[str, str]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        await self.held.wait()
        if message["type"] == "http.response.body":
            self.chunks.append(message["body"].decode())

    @property
    def events(self) -> list[dict[str, str]]:
        found = []
        for chunk in "".join(self.chunks).split("\n\n"):
            fields = dict(line.split(": ", 1) for line in chunk.splitlines() if ": " in line)
            if fields:
                found.append(fields)
        return found

    @property
    def alerts(self) -> list[str]:
        return [it["id"] for fields in self.events for it in json.loads(fields["data"]).get("alerts", [])]

    async def begun(self) -> None:
        await self.until(lambda: len(self.events) >= 1)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            assert not self.task.done() or condition(), self.chunks
            await asyncio.sleep(0)


NOTHING = Rights(picture=False, clip=False, staff=False)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAUSE_S", 0.0)
    monkeypatch.setattr(change_log, "PAUSE_S", 0.0)
    monkeypatch.setattr(change_log, "RETRY_S", 0.0)


def played(work: Callable[[Rig], Any]) -> None:
    async def run() -> None:
        rig = Rig()
        await asyncio.wait_for(work(rig), 30)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    run_apart(run())


@pytest.mark.parametrize(
    ("roles", "only", "shown"),
    [
        (["monitor"], None, ("/api/pictures/e-1", True)), (["guard"], None, ("/api/pictures/e-1", False)),
        (["responder"], None, (None, False)), (["responder", "monitor@estate"], None, (None, False)),
        (["monitor"], {"alerts.see", "clips.see"}, (None, True)),
    ],
)  # fmt: skip
def test_pictures_and_clips_are_told_to_those_who_may_see_them(
    roles: list[str], only: set[Permission] | None, shown: tuple[str | None, bool]
) -> None:
    caller = Principal("wu", tuple(map(parse, roles)), {}, None if only is None else frozenset(only))

    async def work(rig: Rig) -> None:
        rig.reader.clips = {"a-1"}
        client = Client(rig, caller)
        await client.begun()
        await rig.change(alert(1, picture_event="e-1"), alert(2))
        await client.until(lambda: client.alerts == ["a-1", "a-2"])
        first, second = json.loads(client.events[-1]["data"])["alerts"]
        assert (first["picture"], first["has_clip"]) == shown
        assert (second["picture"], second["has_clip"]) == (None, False)

    played(work)


@pytest.mark.parametrize(
    ("roles", "only", "shown"),
    [
        (["monitor"], None, "wang"), (["responder"], None, ""), (["responder", "monitor@estate"], None, ""),
        (["monitor"], {"alerts.see", "alerts.pictures"}, ""),
    ],
)  # fmt: skip
def test_names_are_told_to_those_who_work_on_alerts(roles: list[str], only: set[Permission] | None, shown: str) -> None:
    caller = Principal("wu", tuple(map(parse, roles)), {}, None if only is None else frozenset(only))

    async def work(rig: Rig) -> None:
        client = Client(rig, caller)
        await client.begun()
        await rig.change(alert(1, acknowledged_by="wang", acknowledgement="acknowledged", picture_event="e-1"))
        await client.until(lambda: client.alerts == ["a-1"])
        (told,) = json.loads(client.events[-1]["data"])["alerts"]
        assert (told["acknowledged_by"], told["acknowledgement"]) == (shown, "acknowledged")

    played(work)


def test_a_client_gets_what_lies_within_its_scope_with_rising_numbers_and_counts() -> None:
    async def work(rig: Rig) -> None:
        rig.reader.open = {
            ("village", "cam-1", "high", False): 2, ("village", "cam-1", "low", True): 5,
            ("estate", "cam-1", "critical", False): 1,
        }  # fmt: skip
        everything, village = Client(rig), Client(rig, VILLAGE)
        await everything.begun()
        await rig.change(alert(1), alert(2, site="estate"))
        await rig.change(alert(1, count=2))
        await everything.until(lambda: everything.alerts == ["a-1", "a-2", "a-1"])
        await village.until(lambda: village.alerts == ["a-1", "a-1"])
        counts = [json.loads(it["data"])["counts"] for it in (everything.events[-1], village.events[-1])]
        assert counts[0] == {"critical": 1, "high": 2, "medium": 0, "low": 0, "total": 3}
        assert counts[1] == {"critical": 0, "high": 2, "medium": 0, "low": 0, "total": 2}
        numbers = [int(it["id"].split("-")[1]) for it in everything.events]
        assert numbers == sorted(numbers), "they rise; counts alone keep the number"

    played(work)


def test_alerts_are_counted_once_for_all_clients_with_the_same_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 10,000 places and 50 browsers, half of the CPU went into counting the same again."""
    counted: list[Scope] = []
    real = change_log._counts_within

    def watched(open_counts: OpenCounts, scope: Scope) -> dict[Severity, int]:
        counted.append(scope)
        return real(open_counts, scope)

    monkeypatch.setattr(change_log, "_counts_within", watched)

    async def work(rig: Rig) -> None:
        clients = [Client(rig, it) for it in (EVERYTHING, VILLAGE) for _ in range(3)]
        await asyncio.gather(*(it.begun() for it in clients))
        assert rig.log.counted == 1, "all of them came at the same time"
        rig.reader.open = {("village", "cam-1", "high", False): 7}
        await rig.change(alert(1))
        for client in clients:
            await client.until(lambda found=client: found.alerts == ["a-1"])  # type: ignore[misc]
            assert json.loads(client.events[-1]["data"])["counts"]["total"] == 7
        assert len(counted) == 2 * 2, "two scopes, at the start and after the change"

    played(work)


def test_a_client_that_comes_back_gets_the_newest_of_what_it_missed_once() -> None:
    async def work(rig: Rig) -> None:
        first = Client(rig)
        await first.begun()
        await rig.change(alert(1))
        await first.until(lambda: first.alerts == ["a-1"])
        first.gone.set()
        await first.task
        await rig.change(alert(1, count=2))
        await rig.change(alert(2))
        await rig.change(alert(1, count=3))
        again = Client(rig, last_id=first.events[-1]["id"])
        await again.until(lambda: again.alerts == ["a-2", "a-1"])
        assert json.loads(again.events[0]["data"])["alerts"][1]["count"] == 3

    played(work)


@pytest.mark.parametrize("last_id", ["x-1", "e-999", "e--1", "e-1e9", "e", "-", "e-٣", "e-" + "9" * 500])
def test_an_unknown_place_gets_a_reset_and_then_what_is_new(last_id: str) -> None:
    async def work(rig: Rig) -> None:
        await rig.change(alert(1))
        client = Client(rig, last_id=last_id)
        await client.until(lambda: bool(client.events))
        assert client.events[0] == {"event": "reset", "id": "e-1", "data": "{}"}
        await rig.change(alert(2))
        await client.until(lambda: client.alerts == ["a-2"])

    played(work)


def test_a_client_too_far_behind_is_told_to_read_again_and_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(rig: Rig) -> None:
        client = Client(rig)
        await client.begun()
        client.held.clear()
        await rig.change(alert(0))
        for number in range(1, change_log.MOST_KEPT + 10):
            rig.log._tell([(alert(number), NOTHING, {NOTHING: "{}"})], {})
        assert len(rig.log._log) == change_log.MOST_KEPT, "nothing is queued for it"
        client.held.set()
        await client.task
        assert client.events[-1]["event"] == "reset"

    monkeypatch.setattr(event_stream, "SEND_S", 30.0)
    played(work)


def test_changes_are_kept_for_a_time_and_who_comes_later_reads_all_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(rig: Rig) -> None:
        await rig.change(alert(1))
        monkeypatch.setattr(change_log, "KEPT_S", 0.0)
        await rig.change(alert(2))
        assert rig.log.since(0) is None
        assert [it.alert.id for it in rig.log.since(1) or []] == ["a-2"]

    played(work)


def test_a_client_that_takes_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(rig: Rig) -> None:
        client = Client(rig)
        await client.begun()
        client.held.clear()
        monkeypatch.setattr(event_stream, "SEND_S", 0.0)
        await rig.change(alert(1))
        await client.task

    played(work)


def test_a_stream_ends_with_the_session_and_follows_the_scope() -> None:
    async def work(rig: Rig) -> None:
        client = Client(rig)
        await client.begun()
        await rig.change(alert(1, site="estate"))
        await client.until(lambda: client.alerts == ["a-1"])
        client.caller = VILLAGE
        await rig.change(alert(2, site="estate"), alert(3))
        await client.until(lambda: client.alerts == ["a-1", "a-3"])
        client.caller = None
        await rig.change(alert(4))
        await client.task
        assert client.alerts == ["a-1", "a-3"]

    played(work)


def test_a_heartbeat_comes_without_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(rig: Rig) -> None:
        client = Client(rig)
        await client.until(lambda: client.chunks.count(":\n\n") >= 2)

    monkeypatch.setattr(changes, "HEARTBEAT_S", 0.0)
    played(work)


def test_other_states_of_devices_name_the_sites_that_a_client_may_see() -> None:
    async def follow() -> None:
        rig = Rig()
        rig.feed.publish(ChangeSet(states={"before"}))
        await asyncio.sleep(0)
        guard = Principal("guo", (RoleAssignment("guard"),))
        clients = [Client(rig, it) for it in (EVERYTHING, VILLAGE, guard)]
        await clients[0].until(lambda: bool(clients[0].events))
        rig.feed.publish(ChangeSet(states={"village", "harbour"}))
        rig.feed.publish(ChangeSet(states={"mill"}))
        await clients[0].until(lambda: "mill" in "".join(clients[0].chunks))
        rig.feed.publish(ChangeSet(states={"village"}))
        await clients[1].until(lambda: "".join(clients[1].chunks).count("village") == 2)
        await rig.change(alert(1))
        await clients[2].until(lambda: clients[2].alerts == ["a-1"])
        told = [[it["data"] for it in one.events if it.get("event") == "places"] for one in clients]
        assert "before" not in str(told)
        assert {"harbour", "mill"} <= set(re.findall(r"\w+", str(told[0])))
        assert set(told[1]) == {'{"sites":["village"]}'}
        assert told[2] == [], "guards do not see devices"
        for one in clients:
            one.gone.set()
            await one.task

    run_apart(follow())


def test_a_clip_that_has_come_is_a_change_for_those_who_may_see_it() -> None:
    async def work(rig: Rig) -> None:
        rig.reader.clips = {"a-7"}
        guard = Principal("g", (RoleAssignment("monitor"),), {}, frozenset({"alerts.see"}))
        sees, does_not = Client(rig), Client(rig, guard)
        await asyncio.gather(sees.begun(), does_not.begun())
        await rig.change(clips={"a-7"})
        for client, expected in ((sees, True), (does_not, False)):
            await client.until(lambda client=client: client.alerts == ["a-7"])  # type: ignore[misc]
            assert json.loads(client.events[-1]["data"])["alerts"][0]["has_clip"] is expected

    played(work)


def test_changes_survive_a_store_that_is_away_and_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(rig: Rig) -> None:
        client = Client(rig)
        await client.begun()
        rig.reader.failing = True
        rig.feed.publish(ChangeSet({"a-1": alert(1)}))
        for _ in range(20):
            await asyncio.sleep(0)
        assert client.alerts == []
        rig.reader.failing = False
        await client.until(lambda: client.alerts == ["a-1"])
        monkeypatch.setattr(change_log, "MOST_KEPT", 3)
        rig.log._take(ChangeSet({f"a-{it}": alert(it) for it in range(5)}))
        await client.task
        assert client.events[-1]["event"] == "reset"

    played(work)
