"""The queue: a target that hangs, a process that ends, a database that does not answer, what is late or not wanted."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from agg_support import START_NS, run_apart
from escalation_kit import ENTRY, MINUTE_NS, alert, notification, target

from aggregator.domain.accounts.authorization import Scope
from aggregator.domain.escalation.notification import LEASE_S, Attempt, Notification
from aggregator.domain.read_models import Batch
from aggregator.domain.store_port import Store, Writer
from aggregator.jobs.job_runner import JobRunner
from aggregator.jobs.notification_jobs import NotificationJobs
from aggregator.notifications.senders import SenderPool
from aggregator.storage.write_queue import WriteQueue
from common.clock import FakeClock
from common.errors import ListError, StoreError

SENT = Attempt(True)


class FakeDelivery:
    """Answers as each target is told to; the default is that it was sent."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.sent: list[str] = []
        self.hanging = asyncio.Event()

    async def attempt(self, it: Notification) -> Attempt | None:
        self.sent.append(it.id)
        answer = self.answers.get(it.target, SENT)
        if answer == "hang":
            await self.hanging.wait()
            return Attempt(False, "no answer")
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]


class Queue:
    """A store, and the jobs that send."""

    def __init__(self, store: Store, writer: Writer, clock: FakeClock) -> None:
        self.writer, self.clock, self.reader = writer, clock, store.reader()
        self.queue: WriteQueue[Any] = WriteQueue(writer)
        self.delivery = FakeDelivery()
        numbers = iter(range(1, 1_000_000))
        self.jobs = NotificationJobs(
            self.reader, self.queue, self.delivery, SenderPool((), clock), clock, lambda: 0.0,  # type: ignore[arg-type]
            lambda: f"00000000-0000-7000-9000-{next(numbers):012d}",
        )  # fmt: skip
        self.runner = JobRunner((self.jobs,), clock)

    def turns(self, count: int = 1, settle: bool = True) -> None:
        """Plan and send so many times."""

        async def work() -> None:
            self.delivery.hanging = asyncio.Event()
            for _ in range(count):
                await self._served(self.runner.turn())
                for _ in range(50):
                    await asyncio.to_thread(self.queue.serve)
                if settle:
                    await self._served(self.runner.engine.settled())
            self.runner.engine.stop()
            await asyncio.sleep(0)

        run_apart(work())

    async def _served(self, work: Any) -> None:
        task = asyncio.create_task(work)
        while not task.done():
            await asyncio.to_thread(self.queue.serve)
            await asyncio.sleep(0)
        await task

    def put(self, number: int, target_id: str = "t", **fields: Any) -> None:
        made = notification(number, target=target_id, effect=f"e{number}", **fields)
        self.writer.enqueue(made)

    def state(self, number: int) -> str:
        found = self.reader.notification(notification(number).id)
        return found.state if found is not None else ""


@pytest.fixture
def queue(store: Store, writer: Writer, clock: FakeClock) -> Queue:
    return Queue(store, writer, clock)


def test_a_target_that_hangs_keeps_no_other_waiting(queue: Queue) -> None:
    queue.delivery.answers["slow"] = "hang"
    for number in range(1, 6):
        queue.put(number, "slow")
    for number in range(6, 9):
        queue.put(number, f"good-{number}")
    queue.turns(3, settle=False)
    assert [queue.state(number) for number in range(6, 9)] == ["sent"] * 3
    assert queue.delivery.sent.count(notification(1).id) == 1
    assert [queue.state(number) for number in range(1, 6)] == ["waiting"] * 5


def test_failing_targets_are_left_alone_and_take_no_place_from_others(queue: Queue) -> None:
    for number in range(1, 9):
        queue.delivery.answers[f"bad-{number}"] = Attempt(False, "no answer")
        queue.put(number, f"bad-{number}")
    for _ in range(8):
        queue.turns(4)
        queue.clock.advance(6)
    before = len(queue.delivery.sent)
    queue.put(20, "good")
    queue.turns(1)
    assert queue.state(20) == "sent"
    assert len(queue.delivery.sent) - before <= 3


def test_an_attempt_whose_process_ended_is_made_again_after_its_lease(store: Store, queue: Queue) -> None:
    queue.delivery.answers["t"] = "hang"
    queue.put(1)
    queue.turns(1, settle=False)
    again = Queue(store, queue.writer, queue.clock)
    again.turns(2)
    assert again.delivery.sent == []
    queue.clock.advance(LEASE_S)
    again.turns(1)
    assert again.delivery.sent == [notification(1).id]
    assert again.state(1) == "sent"


def test_an_outcome_that_cannot_be_written_is_tried_again(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.put(1)

    def fail(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(queue.writer, "end_attempt", fail)
        queue.turns(2)
    assert queue.state(1) == "waiting"
    queue.clock.advance(LEASE_S)
    queue.turns(1)
    assert queue.state(1) == "sent"
    assert len(queue.delivery.sent) == 2


def test_what_came_of_it_stands_on_the_alert_s_history(queue: Queue) -> None:
    queue.writer.apply(Batch(alerts={"a": alert(1), "b": alert(2)}))
    queue.writer.put_target(target(1), 10, ENTRY)
    queue.put(1)
    queue.put(2, target(1).id)
    queue.delivery.answers[target(1).id] = Attempt(False, "it answered with HTTP 410", gone=True)
    queue.turns(2)
    found = [(it.action, it.actor, it.via) for it in queue.reader.history(alert(1).id, 10)]
    assert found == [("notified", "system:notifications", "system")]
    (failed,) = queue.reader.history(alert(2).id, 10)
    assert failed.action == "notification_failed"
    assert msgspec.json.decode(failed.detail)["problem"] == "it answered with HTTP 410"
    assert queue.reader.notification_target(target(1).id) is None, "the browser is gone"


@pytest.mark.parametrize(
    ("answer", "state"), [(None, "cancelled"), (ListError("keys.json is another one"), "waiting"), (SENT, "sent")]
)
def test_what_is_not_wanted_any_more_is_not_sent(queue: Queue, answer: Any, state: str) -> None:
    queue.delivery.answers["t"] = answer
    queue.put(1)
    queue.turns(1)
    assert queue.state(1) == state


def test_what_is_too_late_is_given_up_and_listed(queue: Queue) -> None:
    queue.put(1, expires_ns=START_NS + MINUTE_NS)
    queue.clock.advance(60)
    queue.turns(1)
    assert queue.delivery.sent == []
    assert [it.state for it in queue.reader.notifications(["expired"], Scope(everywhere=True), None, 10)] == ["expired"]
