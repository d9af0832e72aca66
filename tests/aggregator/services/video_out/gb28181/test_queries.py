"""Queries of a platform: catalogue, device, status; what is hostile or not supported is refused."""

from __future__ import annotations

import pytest
from gb_agent_kit import ITEMS, Wire
from sip_platform import CAMERAS, DEVICE, query, read_sip

from aggregator.services.video_out.gb28181.sip import manscdp
from aggregator.services.video_out.gb28181.sip.agent import Send
from aggregator.services.video_out.gb28181.sip.transactions import MOST_WAITING
from common.errors import ContractError


@pytest.mark.parametrize("encoding", ["GB2312", "gb18030", "UTF-8"])
def test_the_catalogue_comes_one_camera_a_message_in_the_encoding_of_the_query(encoding: str) -> None:
    wire = Wire().registered()
    assert wire.ask(wire.platform.message(query("Catalog", 17, encoding=encoding))).status == 200
    first, second = wire.platform.documents
    assert [first.findtext(it) for it in ("CmdType", "SN", "DeviceID", "SumNum")] == ["Catalog", "17", DEVICE, "2"]
    (item,) = first.findall("DeviceList/Item")
    expected = {"DeviceID": CAMERAS[0], "Name": "大门 <东>", "Status": "ON", "ParentID": DEVICE, "CivilCode": "340200"}
    assert {it: item.findtext(it) for it in expected} == expected
    assert (item.findtext("Longitude"), item.findtext("Latitude")) == ("118.5", "31.25")
    (item,) = second.findall("DeviceList/Item")
    assert (item.findtext("Name"), item.findtext("Status"), item.find("Longitude")) == ("yard & road", "OFF", None)
    sent = wire.platform.requests[-1]
    assert f'encoding="{encoding}"'.encode() in sent.body
    assert sent["Content-Type"] == "Application/MANSCDP+xml"
    assert len(sent.body) < 1_000, "it must fit into a datagram with its headers"


def test_one_camera_can_be_asked_for_and_no_camera_is_an_empty_list() -> None:
    wire = Wire().registered()
    wire.send(wire.platform.message(query("Catalog", device=CAMERAS[1])))
    assert [it.findtext("DeviceList/Item/DeviceID") for it in wire.platform.documents] == [CAMERAS[1]]
    wire.agent.set_channels([])
    wire.send(wire.platform.message(query("Catalog")))
    last = wire.platform.documents[-1]
    assert (last.findtext("SumNum"), last.find("DeviceList/Item")) == ("0", None)


@pytest.mark.parametrize(
    ("command", "device", "answered"),
    [
        ("DeviceInfo", DEVICE, {"Result": "OK", "DeviceName": "牌坊", "Channel": "2", "Firmware": "1.0"}),
        ("DeviceInfo", CAMERAS[1], {"Result": "OK", "DeviceName": "yard & road", "Channel": "1"}),
        ("DeviceStatus", DEVICE, {"Result": "OK", "Online": "ONLINE", "DeviceTime": "2026-11-28T08:00:00"}),
        ("DeviceStatus", CAMERAS[1], {"Result": "OK", "Online": "OFFLINE", "Record": "OFF"}),
        ("DeviceStatus", "3" * 20, {"Result": "ERROR"}),
        ("RecordInfo", CAMERAS[0], {"Result": "ERROR", "SumNum": "0"}),
        ("ConfigDownload", DEVICE, {"Result": "ERROR"}),
    ],
)
def test_queries_are_answered(command: str, device: str, answered: dict[str, str]) -> None:
    wire = Wire().registered()
    assert wire.ask(wire.platform.message(query(command, 5, device))).status == 200
    (got,) = wire.platform.documents
    assert (got.tag, got.findtext("SN"), got.findtext("DeviceID")) == ("Response", "5", device)
    assert {it: got.findtext(it) for it in answered} == answered


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (query("Catalog").replace(b"<Query>", BOMB.encode() + b"<Query>").replace(b"Catalog", b"&b;"), "document type"),
        (
            query("Catalog").replace(b"<Query>", OUTSIDE.encode() + b"<Query>").replace(b"Catalog", b"&a;"),
            "document type",
        ),
        (b"<Query>" + b"<a>" * 50 + b"</a>" * 50 + b"</Query>", "nested"),
        (b"<Query>" + b"<a/>" * 300 + b"</Query>", "elements"),
        (query("Catalog", encoding="EBCDIC"), "encoding"),
        (query("Catalog", encoding="UTF-16"), "encoding"),
        (query("Catalog").replace(b"Catalog", b"\xff\xff"), "well-formed"),
        (query("Catalog")[:-3], "well-formed"),
        (query("Catalog").replace(b"<SN>1", b"<SN>x"), "SN"),
        (query("Catalog", device="34"), "DeviceID"),
        (query("Cata/log"), "CmdType"),
        (query("Catalog", root="Other"), "Query, Control"),
        (b"", "1 to"),
        (b"<Query>" + b" " * 20_000, "1 to"),
    ],
)
def test_what_is_malformed_is_refused_by_name(body: bytes, problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        manscdp.parse(body)
    wire = Wire().registered()
    answer = wire.ask(wire.platform.message(body))
    assert answer.status == 400
    assert problem in answer.first


@pytest.mark.parametrize(
    ("method", "status"), [("SUBSCRIBE", 489), ("INFO", 405), ("OPTIONS", 200), ("REGISTER", 405), ("BYE", 481)]
)
def test_other_requests(method: str, status: int) -> None:
    wire = Wire().registered()
    answer = wire.ask(wire.platform.request(method))
    assert answer.status == status
    assert ("allow" in answer.headers) == (status in (405, 200))


def test_control_is_refused_and_answers_are_only_acknowledged() -> None:
    wire = Wire().registered()
    assert wire.ask(wire.platform.message(query("DeviceControl", root="Control"))).status == 403
    assert wire.ask(wire.platform.message(query("Alarm", root="Response"))).status == 200
    assert wire.ask(wire.platform.request("MESSAGE", body=b"x", Content_Type="text/plain")).status == 415
    assert wire.platform.documents == []


def test_queries_of_a_platform_that_does_not_take_the_answers_are_refused() -> None:
    wire = Wire().registered()
    wire.agent.set_channels(ITEMS[:1] * 600 and [ITEMS[0]._replace(id=f"{it:020d}") for it in range(600)])
    wire.platform.silent = ("MESSAGE",)
    assert wire.ask(wire.platform.message(query("Catalog"))).status == 200
    assert wire.ask(wire.platform.message(query("Catalog"))).status == 503
    assert len(wire.platform.documents) == 4, "a few at a time"
    assert not wire.agent._clients.room(MOST_WAITING)


def test_an_unprintable_name_cannot_break_the_document() -> None:
    wire = Wire().registered()
    wire.agent.set_channels([ITEMS[0]._replace(name="a\x00\x08</Name>\ud800\ufffe&")])
    wire.send(wire.platform.message(query("Catalog")))
    assert wire.platform.documents[0].findtext("DeviceList/Item/Name") == "a  </Name>  &"


def test_answers_say_where_the_request_came_from() -> None:
    wire = Wire().registered()
    asked = wire.platform.request("OPTIONS").replace(b"\r\nFrom", b", SIP/2.0/UDP other;rport;branch=x\r\nFrom", 1)
    wire.agent.receive(asked, 5099, wire.now_s)
    (sent,) = wire.agent.take()
    assert isinstance(sent, Send)
    assert sent.port == 5099
    top, other = read_sip(sent.data)["Via"].split(", ")
    assert ";rport=5099;received=127.0.0.1;branch=" in top
    assert other == "SIP/2.0/UDP other;rport;branch=x"
