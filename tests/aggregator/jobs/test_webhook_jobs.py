"""Webhooks: order, retries under the same id, what is given up, quotas, and a process that ends within an attempt."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from agg_support import START_NS
from feed_site_kit import FeedDesk

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.feeds.consumer import changed
from aggregator.domain.feeds.webhook import GIVE_UP_NS, LEASE_S, Attempt, DeadLetter, Mode, Webhook
from aggregator.domain.store_port import Store, Writer
from aggregator.jobs.feed_jobs import FeedUseJobs
from aggregator.jobs.job_runner import JobRunner
from aggregator.jobs.webhook_jobs import LOST, WebhookJobs
from aggregator.notifications.webhook_signature import SigningSecret
from aggregator.services.feeds.webhook_sender import WebhookSender
from aggregator.storage.keyring import KeyRing
from common.clock import HOUR_NS, SECOND_NS, FakeClock

from storage.test_feed_store import act  # isort: skip

DOWN = Attempt(False, "it answered with HTTP 503")
REFUSED = Attempt(False, "it answered with HTTP 400", refused=True)
HOUR_S = 3600.0


class FakeClient:
    """Takes messages, or answers as it is told to; the default is that it took them."""

    def __init__(self) -> None:
        self.answers: list[Attempt | BaseException] = []
        self.got: list[tuple[str, Any, dict[str, str]]] = []

    async def post(self, _address: str, headers: dict[str, str], body: bytes) -> Attempt:
        self.got.append((headers["webhook-id"], msgspec.json.decode(body), headers))
        answer = self.answers.pop(0) if self.answers else Attempt(True)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def ids(self) -> list[str]:
        return [it[0] for it in self.got]

    @property
    def sequences(self) -> list[int]:
        """Of all events, in the order in which they came."""
        bodies = [it[1] if isinstance(it[1], list) else [it[1]] for it in self.got]
        return [int(one["sequence"]) for body in bodies for one in body]


class Desk(FeedDesk):
    """With a webhook of the consumer, and the jobs that send."""

    def __init__(self, store: Store, writer: Writer, clock: FakeClock, keys: KeyRing) -> None:
        super().__init__(store, writer, clock)
        self.client = FakeClient()
        self.sender = WebhookSender(self.reader, keys, self.client, {}, clock)  # type: ignore[arg-type]
        self.numbers = iter(range(1, 1_000_000))
        self.start()

    def start(self) -> None:
        """As a new process does."""

        def new_id() -> str:
            return f"00000000-0000-7000-9000-{next(self.numbers):012d}"

        self.jobs = WebhookJobs(self.reader, self.queue, self.sender, self.clock, lambda: 0.0, new_id)
        self.runner = JobRunner((self.jobs,), self.clock)

    def add(self, mode: Mode = "structured", **more: Any) -> Webhook:
        keys = self.sender.seal_secret(SigningSecret.new(secrets.token_bytes))
        made = Webhook(
            id="hook", consumer=self.consumer.id, host="there.example", mode=mode, state="active", position=0,
            sending=0, address=self.sender.seal("https://there.example/x"), secret=keys, made_by="li", made_ns=START_NS,
        )  # fmt: skip
        made = msgspec.structs.replace(made, **more)
        assert self.writer.add_webhook(made, 5, act("webhook added"))
        return made

    @property
    def hook(self) -> Webhook:
        found = self.reader.webhook("hook")
        assert found is not None
        return found


@pytest.fixture
def desk(store: Store, writer: Writer, clock: FakeClock, tmp_path: Any) -> Desk:
    return Desk(store, writer, clock, KeyRing(tmp_path, secrets.token_bytes))


@pytest.mark.parametrize(("mode", "messages"), [("structured", 7), ("batched", 1)])
def test_everything_for_the_consumer_is_sent_in_order(desk: Desk, mode: Mode, messages: int) -> None:
    desk.add(mode)
    desk.events(3)
    desk.events(2, site="harbour", start=100)
    desk.events(4, start=200)
    desk.turns()
    assert len(desk.client.got) == messages
    assert desk.client.sequences == [1, 2, 3, 6, 7, 8, 9]
    assert (desk.hook.position, desk.hook.delivered_ns) == (9, START_NS)
    desk.turns()
    assert len(desk.client.got) == messages, "nothing comes twice"
    use = desk.reader.consumer_uses(START_NS // (3600 * SECOND_NS))
    assert use[desk.consumer.id].events == 7


def test_a_message_that_fails_is_sent_again_under_its_id_and_the_next_one_waits(desk: Desk) -> None:
    desk.add("batched")
    desk.events(2)
    desk.client.answers = [DOWN, DOWN]
    desk.turns()
    desk.events(3, start=50)
    desk.turns()
    assert desk.client.ids == ["batch-1-2"], "not before the pause is over"
    desk.turns(after_s=5.0)
    desk.turns(after_s=10.0)
    assert desk.client.ids == ["batch-1-2", "batch-1-2", "batch-1-2", "batch-3-5"]
    assert (desk.hook.position, desk.hook.problem) == (5, "")
    use = desk.reader.consumer_uses(START_NS // (3600 * SECOND_NS))
    assert use[desk.consumer.id].events == 5, "counted once"


def test_a_receiver_that_is_down_for_a_day_gets_everything_once(desk: Desk) -> None:
    desk.add("structured")
    down = True
    taken: list[int] = []

    async def post(_address: str, _headers: dict[str, str], body: bytes) -> Attempt:
        if down:
            return DOWN
        taken.append(int(msgspec.json.decode(body)["sequence"]))
        return Attempt(True)

    desk.client.post = post  # type: ignore[method-assign, assignment]
    for hour in range(24):
        desk.events(4, start=hour * 10)
        desk.turns(after_s=HOUR_S)
    down = False
    desk.turns(after_s=HOUR_S)
    assert taken == list(range(1, 97))
    assert desk.reader.dead_letters("hook", 10) == []


def test_a_process_that_ends_within_an_attempt_sends_the_same_message_again(desk: Desk) -> None:
    desk.add("batched")
    desk.events(3)
    desk.client.answers = [KeyError("the process ends here")]
    desk.turns()
    desk.events(2, start=50)
    desk.start()
    desk.turns()
    assert desk.client.ids == ["batch-1-3"], "not before the lease is over"
    desk.turns(after_s=LEASE_S)
    assert desk.client.ids == ["batch-1-3", "batch-1-3", "batch-4-5"]
    use = desk.reader.consumer_uses((START_NS + 45 * SECOND_NS) // (3600 * SECOND_NS))
    assert use[desk.consumer.id].events == 5


def test_of_messages_that_began_together_the_first_that_fails_is_sent_again(desk: Desk) -> None:
    desk.add()
    desk.events(5)
    desk.client.answers = [Attempt(True), Attempt(True), DOWN]
    desk.turns()
    assert (desk.hook.position, desk.hook.sending, desk.hook.tries) == (2, 3, 1)
    desk.turns(after_s=5.0)
    assert desk.client.sequences == [1, 2, 3, 3, 4, 5]
    assert desk.client.ids[2] == desk.client.ids[3]
    assert used(desk) == 5


def test_what_was_not_sent_is_taken_back_in_the_hour_in_which_it_was_counted(desk: Desk) -> None:
    desk.add()
    desk.clock.advance(HOUR_S - START_NS / SECOND_NS % HOUR_S - 1.0)
    hour = desk.clock.wall_ns() // HOUR_NS
    desk.events(5)
    post = desk.client.post

    async def slow(address: str, headers: dict[str, str], body: bytes) -> Attempt:
        desk.clock.advance(1.0)
        return await post(address, headers, body)

    desk.client.post = slow  # type: ignore[method-assign, assignment]
    desk.client.answers = [Attempt(True), DOWN]
    desk.turns()
    assert desk.clock.wall_ns() // HOUR_NS == hour + 1
    assert desk.reader.consumer_uses(hour)[desk.consumer.id].events == 2


def test_of_messages_that_began_together_all_are_sent_again_after_a_crash(desk: Desk) -> None:
    desk.add()
    desk.events(3)
    desk.client.answers = [Attempt(True), KeyError("the process ends here")]
    desk.turns()
    desk.events(1, start=50)
    desk.start()
    desk.turns(after_s=LEASE_S)
    assert desk.client.sequences == [1, 2, 1, 2, 3, 4]
    assert desk.client.ids[:2] == desk.client.ids[2:4]
    assert used(desk) == 4


def test_nothing_more_is_sent_once_the_consumer_is_revoked(desk: Desk) -> None:
    desk.add()
    desk.events(3)
    post = desk.client.post

    async def revoking(address: str, headers: dict[str, str], body: bytes) -> Attempt:
        revoked = changed(desk.consumer, "revoked", "li", START_NS)
        assert desk.writer.change_consumer(desk.consumer, revoked, act("revoked"))
        return await post(address, headers, body)

    desk.client.post = revoking  # type: ignore[method-assign, assignment]
    desk.turns()
    assert desk.client.sequences == [1]
    assert (desk.hook.position, desk.hook.sending) == (1, 1)
    assert used(desk) == 1


def used(desk: Desk) -> int:
    """Events that were counted in this hour."""
    return desk.reader.consumer_uses(START_NS // (3600 * SECOND_NS))[desk.consumer.id].events


@pytest.mark.parametrize("mode", ["structured", "batched"])
def test_a_quota_is_used_to_its_end(desk: Desk, mode: Mode) -> None:
    """100 an hour, 70 of which are used."""
    desk.add(mode)
    desk.events(70)
    desk.turns()
    desk.events(50, start=200)
    desk.turns(2)
    assert len(desk.client.sequences) == 100
    assert desk.hook.problem == "the events of this hour are used up"


def test_what_is_refused_is_given_up_and_sent_again_on_request(desk: Desk) -> None:
    desk.add()
    desk.events(2)
    desk.client.answers = [REFUSED, REFUSED, REFUSED]
    for _ in range(4):
        desk.turns(after_s=600.0)
    assert desk.client.sequences == [1, 1, 1, 2]
    (letter,) = desk.reader.dead_letters("hook", 10)
    assert (letter.first, letter.last, letter.problem, letter.tries) == (1, 1, "it answered with HTTP 400", 3)
    replay: Callable[[str], bool] = lambda it: desk.writer.replay_letter("hook", it, act("replayed"))  # noqa: E731
    assert not replay("x")
    assert replay(letter.id)
    desk.client.answers = [DOWN]
    desk.turns(after_s=600.0)
    assert [it.state for it in desk.reader.dead_letters("hook", 10)] == ["dead"]
    assert replay(letter.id)
    assert not replay(letter.id)
    desk.turns(after_s=600.0)
    assert desk.reader.dead_letters("hook", 10) == []
    assert desk.client.ids[-1] == desk.client.ids[0]


def test_after_three_days_the_webhook_stops_and_the_rest_waits(desk: Desk) -> None:
    desk.add(failing_ns=START_NS - GIVE_UP_NS, tries=9)
    desk.events(2)
    desk.client.answers = [DOWN]
    desk.turns()
    assert (desk.hook.state, desk.hook.position) == ("disabled", 1)
    assert len(desk.reader.dead_letters("hook", 10)) == 1
    desk.turns(after_s=HOUR_S)
    assert desk.client.sequences == [1]


def test_gone_stops_the_webhook_at_once(desk: Desk) -> None:
    desk.add()
    desk.events(1)
    desk.client.answers = [Attempt(False, "it answered with HTTP 410", refused=True, gone=True)]
    desk.turns(3)
    assert (desk.hook.state, desk.hook.position, len(desk.client.got)) == ("disabled", 0, 1)
    assert desk.reader.dead_letters("hook", 10) == []


def test_what_was_erased_before_it_was_sent_is_named(desk: Desk) -> None:
    desk.add()
    desk.events(3)
    erased = AuditEntry(time_ns=START_NS, who="system", what="erased")
    assert desk.writer.purge("feed", START_NS + 1, 2, erased) == 2
    desk.turns()
    (letter,) = desk.reader.dead_letters("hook", 10)
    assert (letter.first, letter.last, letter.problem, letter.message) == (1, 2, LOST, "")
    assert desk.client.sequences == [3]


def test_a_letter_of_any_number_of_erased_entries_is_read_in_bounds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, limits = desk.add(), []
    found = desk.reader.feed_entries

    def counting(after: int, limit: int) -> list[Any]:
        limits.append(limit)
        return found(after, limit)

    monkeypatch.setattr(desk.reader, "feed_entries", counting)
    letter = DeadLetter(
        id="x", webhook="hook", message="", first=1, last=9_000_000, made_ns=START_NS, tries=1, problem=LOST
    )
    assert desk.sender.again(letter, hook, desk.consumer) is None
    assert limits == [1_000]


def test_a_quota_that_is_used_up_waits_for_the_next_hour(desk: Desk) -> None:
    """100 an hour."""
    desk.add()
    desk.events(103)
    desk.turns(2)
    assert len(desk.client.got) == 100
    assert desk.hook.problem == "the events of this hour are used up"
    desk.turns(after_s=HOUR_S)
    assert desk.client.sequences == list(range(1, 104))


def test_a_paused_consumer_gets_nothing_and_later_everything(desk: Desk) -> None:
    desk.add()
    paused = changed(desk.consumer, "paused", "li", START_NS)
    assert desk.writer.change_consumer(desk.consumer, paused, act("paused"))
    desk.events(2)
    desk.turns()
    assert desk.client.got == []
    assert desk.writer.change_consumer(paused, changed(paused, "resumed", "li", START_NS), act("resumed"))
    desk.turns()
    assert desk.client.sequences == [1, 2]


def test_a_rate_that_the_receiver_set_is_kept(desk: Desk) -> None:
    desk.add(rate=60)
    desk.events(3)
    desk.turns(3)
    assert len(desk.client.got) == 1
    desk.turns(3, after_s=1.0)
    assert len(desk.client.got) == 2


def test_the_use_of_an_hour_goes_into_the_audit_log_once(desk: Desk) -> None:
    desk.add("batched")
    desk.events(3)
    desk.turns()
    logging = FeedUseJobs(desk.queue, desk.clock)
    desk.runner = JobRunner((logging,), desk.clock)
    desk.turns()
    desk.turns(3, after_s=HOUR_S)
    desk.turns(after_s=HOUR_S)
    found = [msgspec.json.decode(it) for _, it in desk.reader.audit_entries(0, 100)]
    assert [it["detail"]["events"] for it in found if it["what"] == "feed.sent"] == ["3"]
