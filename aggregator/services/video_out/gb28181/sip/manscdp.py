"""MANSCDP: the XML in a MESSAGE (GB/T 28181-2016, annex A). Queries are read within strict limits. Pure.

No document type and no entity is taken, so nothing can expand. A query's encoding is answered in the same one; where it
names GB2312, or none, characters outside of GB2312 are sent as GB18030 has them.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.parsers import expat

from common.errors import ContractError

CONTENT_TYPE = "Application/MANSCDP+xml"
MOST_BYTES, MOST_ELEMENTS, MOST_DEPTH = 16_384, 200, 8
_DECLARATION = re.compile(r"\s*<\?xml\b[^>]{0,200}\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9_-]{1,20})["']""")
_CODECS = {"utf-8": "utf-8", "utf8": "utf-8"} | dict.fromkeys(("gb2312", "gbk", "gb18030"), "gb18030")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_NUMBER = re.compile(r"[0-9]{1,18}")
ID = re.compile(r"[0-9]{20}")


class Query(NamedTuple):
    """What a platform asks.

    Attributes:
        root: `Query`, `Control`, `Notify` or `Response`.
        command: `CmdType`.
        serial: `SN`; the answer repeats it.
        device: `DeviceID`, 20 digits.
        encoding: The one named in the heading, for the answer.
    """

    root: str
    command: str
    serial: str
    device: str
    encoding: str = "GB2312"


class Item(NamedTuple):
    """A camera in the catalogue.

    Attributes:
        id: 20 digits.
        name: Text.
        online: Whether pictures come.
        position: Longitude and latitude, degrees; None: unknown.
    """

    id: str
    name: str
    online: bool
    position: tuple[float, float] | None = None


def parse(body: bytes) -> Query:
    """A message of a platform.

    Raises:
        ContractError: It is none, or beyond a limit; names the element.
    """
    if not 0 < len(body) <= MOST_BYTES:
        raise ContractError(f"xml: it must have 1 to {MOST_BYTES} bytes")
    named = _ENCODING.search(body[:200])
    encoding = named[1].decode() if named else "GB2312"
    codec = _CODECS.get(encoding.lower())
    if codec is None:
        raise ContractError("xml: the encoding must be GB2312, GB18030 or UTF-8")
    try:
        text = body.decode(codec).removeprefix("\ufeff")
        root, values = _flat(_DECLARATION.sub("", text, count=1))
    except (UnicodeDecodeError, expat.ExpatError) as error:
        raise ContractError("xml: it is not well-formed, or not of its encoding") from error
    query = Query(root, values.get("CmdType", ""), values.get("SN", ""), values.get("DeviceID", ""), encoding)
    if root not in ("Query", "Control", "Notify", "Response") or not re.fullmatch(r"[A-Za-z]{1,40}", query.command):
        raise ContractError("xml: it must be a Query, Control, Notify or Response with a CmdType")
    if not _NUMBER.fullmatch(query.serial):
        raise ContractError("xml: SN must be a number")
    if not ID.fullmatch(query.device):
        raise ContractError("xml: DeviceID must have 20 digits")
    return query


def keepalive(device: str, serial: int) -> bytes:
    """The report that the device is there (9.6, A.2.5)."""
    return _document("Notify", Query("", "Keepalive", str(serial), device), [_element("Status", "OK")])


def catalogue(query: Query, items: Sequence[Item], device: str) -> list[bytes]:
    """The cameras, one in a message, so that each fits into a datagram (A.2.6); one message without any if none are."""
    total = _element("SumNum", len(items))
    lists = [f'<DeviceList Num="1">\r\n{_item(it, device)}\r\n</DeviceList>' for it in items]
    return [_document("Response", query, [total, it]) for it in lists or ['<DeviceList Num="0">\r\n</DeviceList>']]


def device_info(query: Query, name: str, channels: int, version: str) -> bytes:
    """What the device is (A.2.6)."""
    named = {"Result": "OK", "DeviceName": name, "Manufacturer": "Paifang", "Model": "Paifang", "Firmware": version}
    return _document("Response", query, [_element(*it) for it in (named | {"Channel": channels}).items()])


def device_status(query: Query, online: bool, local_time: str) -> bytes:
    """How the device or a camera is (A.2.6)."""
    fields = {
        "Result": "OK", "Online": "ONLINE" if online else "OFFLINE", "Status": "OK",
        "DeviceTime": local_time, "Encode": "ON" if online else "OFF", "Record": "OFF",
    }  # fmt: skip
    return _document("Response", query, [_element(*it) for it in fields.items()])


def refusal(query: Query) -> bytes:
    """The answer to what is not known here, or not supported; to a query for recordings, also that there are none."""
    lines = [_element("Result", "ERROR")]
    if query.command == "RecordInfo":
        lines += [_element("SumNum", 0), '<RecordList Num="0">\r\n</RecordList>']
    return _document("Response", query, lines)


def _item(it: Item, device: str) -> str:
    longitude, latitude = it.position or ("", "")
    fields = {
        "DeviceID": it.id, "Name": it.name, "Manufacturer": "Paifang", "Model": "Paifang", "Owner": "Paifang",
        "CivilCode": it.id[:6], "Address": it.name, "Parental": 0, "ParentID": device, "SafetyWay": 0,
        "RegisterWay": 1, "Secrecy": 0, "Status": "ON" if it.online else "OFF",
        "Longitude": longitude, "Latitude": latitude,
    }  # fmt: skip
    return "\r\n".join(["<Item>", *(_element(*pair) for pair in fields.items() if pair[1] != ""), "</Item>"])


def _document(root: str, query: Query, lines: Iterable[str]) -> bytes:
    head = [
        f'<?xml version="1.0" encoding="{query.encoding}"?>', f"<{root}>",
        *(_element(*it) for it in (("CmdType", query.command), ("SN", query.serial), ("DeviceID", query.device))),
    ]  # fmt: skip
    return "\r\n".join([*head, *lines, f"</{root}>", ""]).encode(_CODECS[query.encoding.lower()])


def _element(name: str, value: object) -> str:
    return f"<{name}>{html.escape(_UNPRINTABLE.sub(' ', str(value)), quote=False)}</{name}>"


def _flat(text: str) -> tuple[str, dict[str, str]]:
    """Name of the root, and the texts of its children; of several with one name, the first."""
    path: list[str] = []
    values: dict[str, str] = {}
    roots: list[str] = []
    count = 0

    def refuse(*_: object) -> None:
        raise ContractError("xml: a document type and entities are not allowed")

    def start(name: str, _: object) -> None:
        nonlocal count
        count += 1
        path.append(name)
        if count > MOST_ELEMENTS or len(path) > MOST_DEPTH:
            raise ContractError(f"xml: more than {MOST_ELEMENTS} elements, or nested deeper than {MOST_DEPTH}")
        if len(path) == 1:
            roots.append(name)
        elif len(path) == 2 and name in values:
            path[-1] = ""

    def characters(data: str) -> None:
        if len(path) == 2 and path[1]:
            values[path[1]] = values.get(path[1], "") + data

    parser = expat.ParserCreate("utf-8")
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, lambda _: path.pop()
    parser.CharacterDataHandler = characters
    parser.buffer_text = True
    parser.Parse(text.encode(), True)
    return roots[0], {name: value.strip() for name, value in values.items()}
