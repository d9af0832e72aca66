from __future__ import annotations

import asyncio
import threading

import pytest
from agg_support import START_NS, event, run_apart

from aggregator.domain.alerts.lifecycle import Context, transition
from aggregator.domain.alerts.types import Alert, EventObserved
from aggregator.monitoring.change_feed import ChangeFeed, ChangeSet


def alert(number: int) -> Alert:
    opened, _ = transition(None, EventObserved(event(number)), Context(START_NS, lambda: f"alert-{number}"))
    assert opened is not None
    return opened


async def until(condition: asyncio.Event) -> None:
    await asyncio.wait_for(condition.wait(), 10)


def test_changes_from_a_thread_arrive_coalesced_and_complete() -> None:
    async def scene() -> list[ChangeSet]:
        broadcast, updates, last = ChangeFeed(), list[ChangeSet](), asyncio.Event()
        broadcast.attach(asyncio.get_running_loop())

        def listen(update: ChangeSet) -> None:
            updates.append(update)
            if "alert-199" in update.alerts:
                last.set()

        def send() -> None:
            for number in range(200):
                broadcast.publish(ChangeSet({f"alert-{number}": alert(number)}))

        broadcast.subscribe(listen)
        thread = threading.Thread(target=send)
        thread.start()
        await until(last)
        thread.join()
        return updates

    updates = run_apart(scene())
    assert {name for it in updates for name in it.alerts} == {f"alert-{it}" for it in range(200)}
    assert len(updates) < 200


def test_a_broken_listener_does_not_silence_the_others_and_leaving_works() -> None:
    async def scene() -> tuple[list[ChangeSet], list[ChangeSet]]:
        broadcast, left, stayed, told = ChangeFeed(), list[ChangeSet](), list[ChangeSet](), asyncio.Event()
        broadcast.attach(asyncio.get_running_loop())

        def broken(_: ChangeSet) -> None:
            raise ZeroDivisionError

        def listen(update: ChangeSet) -> None:
            stayed.append(update)
            told.set()

        leave = broadcast.subscribe(left.append)
        broadcast.subscribe(broken)
        broadcast.subscribe(listen)
        for _ in range(2):
            broadcast.publish(ChangeSet(boxes=True))
            await until(told)
            told.clear()
            leave()
        return left, stayed

    left, stayed = run_apart(scene())
    assert (len(left), len(stayed)) == (1, 2)


@pytest.mark.parametrize("attached", [False, True])
def test_without_a_loop_nothing_is_kept(attached: bool) -> None:
    broadcast = ChangeFeed()
    if attached:
        loop = asyncio.new_event_loop()
        broadcast.attach(loop)
        loop.close()
        broadcast.publish(ChangeSet({"a": alert(1)}))  # a closed loop is no error
        broadcast.detach()
    broadcast.publish(ChangeSet({"b": alert(2)}))
    assert broadcast._pending == ChangeSet()
