from __future__ import annotations

import pytest

from common.errors import ContractError
from protocol.ranges import Ranges
from protocol.receipts import BoxStatus, CameraStatus, Receipt, decode_receipt, decode_status, encode
from protocol.topics import BoxTopics, box_of


def test_topics_are_those_of_the_design() -> None:
    topics = BoxTopics("s", "b")
    assert topics.events == "paifang/v1/s/b/events"
    assert topics.status == "paifang/v1/s/b/status"
    assert topics.receipts == "paifang/v1/s/b/receipts"
    assert topics.config_desired == "paifang/v1/s/b/config/desired"
    assert topics.config_reported == "paifang/v1/s/b/config/reported"
    assert topics.command("clip") == "paifang/v1/s/b/commands/clip"
    assert topics.reply("7") == "paifang/v1/s/b/replies/7"


@pytest.mark.parametrize("leaf", ["events", "config/desired", "replies/1"])
def test_a_topic_tells_its_box(leaf: str) -> None:
    assert box_of(f"paifang/v1/s/b/{leaf}") == BoxTopics("s", "b")


@pytest.mark.parametrize(
    "topic", ["", "paifang/v1/s/b", "paifang/v2/s/b/events", "other/v1/s/b/events", "paifang/v1//b/x"]
)
def test_a_foreign_topic_is_refused(topic: str) -> None:
    with pytest.raises(ContractError):
        box_of(topic)


def test_a_receipt_survives_the_wire() -> None:
    epoch, ranges = decode_receipt(encode(Receipt(epoch="ab", ranges=[(1, 5), (7, 7)])))
    assert (epoch, ranges) == ("ab", Ranges([(1, 5), (7, 7)]))


@pytest.mark.parametrize(
    "message", [b"", b"{}", b'{"epoch":"a","ranges":[[3,1]]}', b'{"epoch":"a","ranges":[1]}', b"\xff"]
)
def test_a_broken_receipt_is_refused(message: bytes) -> None:
    with pytest.raises(ContractError, match="receipt"):
        decode_receipt(message)


def test_a_status_survives_the_wire() -> None:
    status = BoxStatus(online=True, cameras=[CameraStatus(id="c", state="covered")])
    assert decode_status(encode(status)) == status


def test_a_broken_status_is_refused() -> None:
    with pytest.raises(ContractError, match="status"):
        decode_status(b'{"online": "yes"}')
