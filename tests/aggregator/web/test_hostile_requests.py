"""No request of anybody makes the server fail: every route with bodies, parameters and paths that are none."""

from __future__ import annotations

import httpx2
import pytest
from agg_support import Web

from aggregator.web.route_permissions import ROUTES

BODIES = {
    "nested lists": b"[" * 9000,
    "nested objects": b'{"a":' * 1500 + b"1" + b"}" * 1500,
    "long number": b'{"days":' + b"9" * 9000 + b"}",
    "large exponent": b'{"days":1e999,"from":1e999,"label":1e999}',
    "not a number": b'{"days":NaN,"from":Infinity,"label":-Infinity}',
    "half a surrogate pair": rb'{"user":"\ud800","label":"\ud800","grant":"\ud800","reason":"\ud800","code":"\ud800"}',
    "keys twice": b'{"user":"a","user":"b","reason":"a","reason":"b","grant":"admin","grant":"monitor"}',
    "no UTF-8": b'{"user":"\xff\xfe","label":"\xff"}',
    "NUL": rb'{"user":"\u0000","label":"\u0000","reason":"a\u0000b","plate":"\u0000","current":"\u0000"}',
    "nothing": b"",
    "form": b"&".join(b"name=a" for _ in range(50)),
    "form with percent signs": b"name=%ED%A0%80%00&password=%00%ff&code=%F0",
}
WORDS = ["%ED%A0%80", "%00", "..%2F..%2Fetc", "x" * 2000, "%F0%9F", "-", "01890000-0000-7000-8000-000000000000"]
QUERIES = [
    "before=9999999999999999999.01890000-0000-7000-8000-000000000000",
    "before=%00&site=%00&camera=%00&from=%00&to=%00&case=%00",
    "site=%ED%A0%80&camera=%ED%A0%80&box=%ED%A0%80&state=%ED%A0%80&limit=NaN",
    "limit=99999999999999999999999&from=99999999999999999999999&after=99999999999999999999&start=99999999999999999999",
    "from=9999-12-31T23:59:59.999999999Z&to=0001-01-01T00:00:00Z&site=village&case=x&kind=x&limit=1",
    "site=a&site=b&site=c&limit=1&limit=2",
]
REQUESTS = [name.split(" ", 1) for name in ROUTES if name.split(" ", 1)[0] not in ("PAGE", "WEBSOCKET")]


@pytest.fixture(autouse=True)
def no_box(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some bodies are a valid reason: the command is sent, and no box is there to answer it."""
    monkeypatch.setitem(vars(web.parts.messaging.commands), "answer_s", 0.05)


def filled(path: str, word: str) -> str:
    return "/".join(word if part.startswith("{") else part for part in path.split("/"))


def ask(client: httpx2.Client, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> int:
    """The status; a body without a length is left alone, because a stream of events has no end."""
    with client.stream(method, path, content=body, headers={"Content-Type": kind}) as answer:
        if "Content-Length" in answer.headers:
            answer.read()  # the connection can be used again
        return answer.status_code


@pytest.mark.parametrize("what", BODIES)
def test_no_body_makes_a_route_fail(web: Web, what: str) -> None:
    with web.logged_in() as client:
        failed = [
            (method, path, kind)
            for method, path in REQUESTS
            if method in ("POST", "PUT", "PATCH", "DELETE") and path not in ("/login", "/logout")
            for kind in ("application/json", "application/x-www-form-urlencoded", "text/csv")
            if ask(client, method, filled(path, "village"), BODIES[what], kind) >= 500
        ]
    assert failed == []


@pytest.mark.parametrize("word", WORDS)
def test_no_path_makes_a_route_fail(web: Web, word: str) -> None:
    with web.logged_in() as client:
        failed = [
            (method, path)
            for method, path in REQUESTS
            if "{" in path and ask(client, method, filled(path, word), b"{}") >= 500
        ]
    assert failed == []


@pytest.mark.parametrize("query", QUERIES)
def test_no_parameter_makes_a_route_fail(web: Web, query: str) -> None:
    with web.logged_in() as client:
        failed = [
            path
            for method, path in REQUESTS
            if method == "GET" and ask(client, method, f"{filled(path, 'village')}?{query}") >= 500
        ]
    assert failed == []


@pytest.mark.parametrize("what", ["form", "form with percent signs", "no UTF-8"])
def test_no_form_makes_the_log_in_fail(web: Web, what: str) -> None:
    with web.client() as client:
        assert ask(client, "POST", "/login", BODIES[what], "application/x-www-form-urlencoded") in (401, 413)
