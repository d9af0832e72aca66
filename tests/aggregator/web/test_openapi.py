"""The OpenAPI document, and what the running aggregator does with requests made from it (schemathesis)."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import jsonschema
import pytest
from agg_support import Web
from pydantic import BaseModel

from aggregator.web import api_document
from aggregator.web.api_models import accounts, alerts, audit, base, health, places, releases, search, site_lists
from aggregator.web.route_permissions import ROUTES

DOCUMENT: dict[str, Any] = json.loads(api_document.FILE.read_text("utf-8"))
MODULES = (accounts, alerts, audit, base, health, places, releases, search, site_lists)
MODELS = [
    it
    for module in MODULES
    for it in vars(module).values()
    if isinstance(it, type) and issubclass(it, BaseModel) and it.__module__ == module.__name__
]
OPERATIONS = [(path, method, it) for path, them in DOCUMENT["paths"].items() for method, it in them.items()]


def test_the_file_is_what_the_code_says() -> None:
    assert api_document.FILE.read_text(encoding="utf-8") == api_document.text(), (
        "run: python -m aggregator.web.api_document"
    )


def test_the_running_aggregator_serves_this_document(web: Web) -> None:
    with web.logged_in() as client:
        assert client.get("/api/openapi.json").json() == DOCUMENT
    with web.client() as client:
        assert client.get("/api/openapi.json").status_code == 401


def test_every_http_route_of_the_api_is_described() -> None:
    described = {f"{method.upper()} {path}" for path, method, _ in OPERATIONS}
    routes = {
        name
        for name in ROUTES
        if not name.startswith(("PAGE", "WEBSOCKET"))
        and name.split(" ")[1].startswith(("/api/", "/healthz", "/metrics"))
    }
    assert described == routes - {"GET /api/openapi.json"}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=[it[2]["operationId"] for it in OPERATIONS])
def test_each_operation_says_who_may_what_comes_back_and_what_can_go_wrong(
    path: str, method: str, operation: dict[str, Any]
) -> None:
    policy = ROUTES[f"{method.upper()} {path}"]
    assert operation["summary"]
    assert operation["description"]
    assert len(operation["tags"]) == 1
    assert [next(iter(it)) for it in operation["security"]] == (
        []
        if policy.open
        else ["consumer"]
        if policy.consumer
        else ["session", "token"]
        if policy.token
        else ["session"]
    )
    wanted = set() if policy.open else {"401", "403", "429", "503"}
    wanted |= {"400", "413", "422"} if "requestBody" in operation else set()
    assert wanted <= set(operation["responses"])
    for status, response in operation["responses"].items():
        if status >= "400" and status != "416" and not policy.open:
            known = ["ErrorResponse", "ListConflictResponse"]  # the second has the first one's field, and more
            if status == "410":
                known = ["FeedCursorResponse"]
            if status == "409" and path.startswith("/api/alerts/"):
                known = ["ConflictResponse"]
            schema = response["content"]["application/json"]["schema"]
            assert schema in [{"$ref": f"#/components/schemas/{name}"} for name in known]
    assert policy.permission is None or f"`{policy.permission}`" in operation["description"]


def test_operation_ids_are_unique() -> None:
    names = [it["operationId"] for _, _, it in OPERATIONS]
    assert len(names) == len(set(names))


def example_of(model: type[BaseModel]) -> Any:
    extra = model.model_config.get("json_schema_extra")
    examples = extra.get("examples") if isinstance(extra, dict) else None
    return examples[0] if isinstance(examples, list) and examples else None


@pytest.mark.parametrize(
    "model",
    [it for it in MODELS if it not in (base.RequestModel, base.ResponseModel, search.SearchParameters)],
    ids=lambda it: it.__name__,
)
def test_each_model_has_an_example_that_fits_its_schema(model: type[BaseModel]) -> None:
    example = example_of(model)
    assert example, "no example"
    mode: Any = "validation" if issubclass(model, base.RequestModel) else "serialization"
    jsonschema.validate(example, model.model_json_schema(mode=mode), jsonschema.Draft202012Validator)
    if issubclass(model, base.RequestModel):
        model.model_validate(example)


@pytest.mark.parametrize(
    "body",
    [
        b'{"user": "a", "' + b"x" * 300 + b'": 1}',
        rb'{"user": "a", "\ud800": 1}',
        rb'{"user": "\ud800"}',
        rb'{"user": "a\u0000b"}',
        b'{"user": 1e999}',
        b'{"user": NaN}',
        b'{"user": ' + b"9" * 6000 + b"}",
        b"[" * 9000,
        b'{"user":' * 1000 + b"1" + b"}" * 1000,
        b'"\xff"',
        b"\xff\xfe",
        b"null",
        b"",
        b"x" * 20_000,
        b"x" * 10_000_000,
    ],
    ids=lambda it: f"{it[:20]!r} {len(it)}",
)
def test_hostile_bodies_get_a_short_error_and_nothing_of_what_was_sent(web: Web, body: bytes) -> None:
    with web.logged_in() as client:
        try:
            answer = client.post("/api/staff", content=body)
        except httpx2.TransportError:  # it may close the connection before all is sent
            assert len(body) > 1_000_000
            return
        assert 400 <= answer.status_code < 500
        assert set(answer.json()) == {"error"}
        assert len(answer.content) < 300


def test_a_wrong_field_is_named_with_the_fix_and_without_its_value(web: Web) -> None:
    with web.logged_in() as client:
        wanted = {"label": "x", "permissions": ["alerts.see"], "days": "90", "current": 7, "more": "a secret"}
        answer = client.post("/api/tokens", json=wanted)
        assert answer.status_code == 422
        text = answer.json()["error"]
        assert "days: Input should be a valid integer" in text
        assert "more: is not a field; leave it out" in text
        assert "secret" not in text
        assert client.get("/api/alerts?limit=0").json()["error"].startswith("limit: ")
        assert "site: must be" in client.get("/api/sites/a%20b/list").json()["error"]


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_json_is_read_whatever_its_content_type(web: Web, kind: str) -> None:
    with web.logged_in() as client:
        answer = client.post("/api/staff", content=b'{"user": 5}', headers={"Content-Type": kind})
        assert answer.json() == {"error": "user: Input should be a valid string"}


def test_another_method_is_answered_with_those_that_there_are(web: Web) -> None:
    with web.logged_in() as client:
        answer = client.patch("/api/me/second-factor")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST, PUT")
        assert client.patch("/api/nowhere").status_code == 404
    with web.client() as client:
        assert client.patch("/api/me/second-factor").status_code == 401


def test_the_page_lists_every_route() -> None:
    page = (api_document.FILE.parents[1] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", page, re.MULTILINE)
    assert listed == [f"{method.upper()} {path}" for path, method, _ in OPERATIONS]
