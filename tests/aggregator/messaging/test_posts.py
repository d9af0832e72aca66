from __future__ import annotations

import pytest
from agg_support import START_NS

from aggregator.ingest.message_validator import InvalidMessage, validate
from aggregator.messaging.outbound_queue import OutboundQueue, ReplyReceived
from protocol.commands import Reply, encode
from protocol.topics import BoxTopics

REQUEST = "018f0000-0000-7000-8000-000000000001"
GATE = BoxTopics("village", "gate-1")


def reply(request: str = REQUEST) -> Reply:
    return Reply(id=request, done=True)


@pytest.mark.parametrize(
    ("site", "box", "request_id"),
    [("village", "gate-2", REQUEST), ("estate", "gate-1", REQUEST), ("village", "gate-1", REQUEST[:-1] + "2")],
)
def test_only_the_box_that_was_asked_answers(site: str, box: str, request_id: str) -> None:
    posts, heard = OutboundQueue(lambda: None), list[Reply]()
    posts.expect(GATE, REQUEST, heard.append)
    posts.answered([ReplyReceived(site, box, reply(request_id))])
    assert heard == []
    posts.answered([ReplyReceived("village", "gate-1", reply())])
    assert heard == [reply()], "the forged one has not used the question up"


def test_a_reply_knows_the_topic_on_which_it_came() -> None:
    verdict = validate(GATE.reply(REQUEST), encode(reply()), START_NS)
    assert verdict == ReplyReceived("village", "gate-1", reply())
    assert isinstance(validate(GATE.reply("another"), encode(reply()), START_NS), InvalidMessage)


def test_an_answer_that_fails_stops_no_other() -> None:
    posts, heard = OutboundQueue(lambda: None), list[Reply]()

    def fail(_: Reply) -> None:
        raise RuntimeError("the loop is closed")

    other = REQUEST[:-1] + "2"
    posts.expect(GATE, REQUEST, fail)
    posts.expect(GATE, other, heard.append)
    posts.answered([ReplyReceived("village", "gate-1", reply()), ReplyReceived("village", "gate-1", reply(other))])
    assert heard == [reply(other)]
