"""DESIGN section 1, guarantee 4: the running aggregator has no way to ask about one person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount

from agg_support import Web, entered, event, wait_until  # isort: skip

ABOUT_PEOPLE = re.compile(
    r"track|person|people|face|plate|credential|vehicle|identi|embedding|similar|(?:^|_)name(?:$|_)", re.IGNORECASE
)


def routes(known: list[BaseRoute], above: str = "") -> Iterator[tuple[str, BaseRoute]]:
    for route in known:
        path = above + getattr(route, "path", "")
        yield path, route
        if isinstance(route, Mount):
            yield from routes(list(route.routes), path)


def parameters(route: BaseRoute) -> Iterator[str]:
    if isinstance(route, APIRoute):
        for group in (route.dependant.path_params, route.dependant.query_params, route.dependant.body_params):
            yield from (field.alias for field in group)


def json_keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from json_keys(item)
    elif isinstance(value, list):
        for item in value:
            yield from json_keys(item)


def test_no_route_and_no_parameter_is_about_a_person(web: Web) -> None:
    found = dict(routes(web.application.routes))
    assert {"/api/alerts", "/api/cameras", "/api/pictures/{event_id}", "/"} <= set(found)
    ours = {path: set(parameters(route)) for path, route in found.items() if not path.startswith("/_nicegui")}
    assert "site" in ours["/api/alerts"]
    assert [path for path in ours if ABOUT_PEOPLE.search(path)] == []
    assert {path: wrong for path, names in ours.items() if (wrong := set(filter(ABOUT_PEOPLE.search, names)))} == {}


def test_a_question_about_a_track_changes_nothing_and_no_answer_names_one(web: Web) -> None:
    from agg_support import Sender

    sender = Sender(web.broker_port, web.account, box="privacy")
    try:
        sender.send(event(1, entered("privacy-yard"), box="privacy", number=900_001))
        sender.wait()
    finally:
        sender.close()
    with web.logged_in() as client:
        wait_until(lambda: "privacy-yard" in client.get("/api/alerts?limit=500").text)
        plain = client.get("/api/alerts?limit=500").json()
        assert client.get("/api/alerts?limit=500&track=1&person=li&plate=x&face=1").json() == plain
        assert {key for key in json_keys(plain) if key in ("track", "person", "face", "plate", "data")} == set()
