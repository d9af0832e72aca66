"""Requests that schemathesis makes from the OpenAPI document, against the running aggregator.

Positive, negative and boundary values of every parameter and field, with the same seed each time. A request must be
answered as the document says, and never with an error of the server.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from agg_support import JPEG, PASSWORD, Sender, Web, add_staff, event, wait_until
from hypothesis import HealthCheck, Phase, settings
from requests.adapters import HTTPAdapter
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.schemas import BaseSchema

from aggregator.auth.client_address import SESSION_COOKIE
from aggregator.domain.accounts.authorization import ROLES
from aggregator.web import api_document
from aggregator.web.route_permissions import ROUTES, RoutePolicy
from common.clock import SECOND_NS, SystemClock
from protocol.identifiers import to_rfc3339

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"deterministic": True, "with-security-parameters": False},
        # a value of an answer is the start of no request: other tests have users and alerts at the same server
        "phases": {"fuzzing": {"extra-data-sources": {"responses": False}}},
        # 413: a text that is too long makes the body too large
        "checks": {"negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "413", "422"]}},
    }
)

ENTRIES: dict[str, dict[str, Any]] = {
    "/api/sites/schema/list": {"text": "京A12345", "standing": "registered", "owner": "house 12"},
    "/api/cases": {"id": "schema/1", "purpose": "a theft in the yard", "basis": "incident", "site": "schema"},
    "/api/tokens": {"label": "schema", "permissions": ["alerts.see"], "current": PASSWORD},
}


def policy_of(operation: Any) -> RoutePolicy:
    """Who may use a route of the document."""
    return ROUTES.get(f"{operation.method.upper()} {operation.path}", RoutePolicy())


ENDLESS = "^/api/alerts/changes$"
"""A stream that does not end by itself; `test_alert_changes.py` reads it."""

DOCUMENT: dict[str, Any] = json.loads(api_document.FILE.read_text("utf-8"))
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG).exclude(path_regex=ENDLESS)
SESSION = SCHEMA.include(path_regex="^/api/")
PERMISSION = SESSION.exclude(lambda context: not policy_of(context.operation).permission)
MOST_EXAMPLES = 1
"""Random ones of an operation, always the same, beside all boundary values of its parameters and fields."""
EXCLUDED = ["positive_data_acceptance", "ignored_auth"]
"""Not checked: a value of the right form may still be refused, such as a case that ends in the past; and the check of
authentication does not see the session of the client. Tests below make each request without a session and without a
role."""
ADDRESS = "127.0.0.9"
"""Failed attempts are counted for each address; other tests use another one."""
CHECKED = settings(
    max_examples=MOST_EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


PARTS = 4
"""All requests in one test took as long as a test may take on a slow machine."""
FEW = settings(CHECKED, max_examples=1, phases=[Phase.generate])
"""For requests that are refused before they are read."""


class FromAddress(HTTPAdapter):
    """Connects from another address of this machine."""

    def init_poolmanager(self, *args: object, **more: object) -> None:
        super().init_poolmanager(*args, source_address=(ADDRESS, 0), **more)  # type: ignore[arg-type]


def session_of(web: Web, *roles: str) -> requests.Session:
    """A session of a new user."""
    made = requests.Session()
    made.trust_env = False
    made.mount("http://", FromAddress())
    made.headers["Origin"] = web.url
    answer = made.post(f"{web.url}/login", data={"name": add_staff(web, *roles), "password": PASSWORD})
    assert made.cookies[SESSION_COOKIE], answer.status_code
    return made


@pytest.fixture(scope="module")
def everybody(web: Web) -> Iterator[requests.Session]:
    """Somebody with all roles, at a server where each list has an entry."""
    now_ns = SystemClock().wall_ns()
    sender = Sender(web.broker_port, web.account, "schema-box")
    sender.send(event(1, time_ns=now_ns, box="schema-box", place="schema-cam", picture=JPEG, number=9100))
    sender.wait()
    sender.raw(b"{not an event")
    sender.close()
    with session_of(web, *ROLES) as made:
        for path, body in ENTRIES.items():
            expires = {"expires": to_rfc3339(now_ns + 3600 * SECOND_NS)} if path == "/api/cases" else {}
            assert made.post(f"{web.url}{path}", json=body | expires).status_code == 201, path
        wait_until(lambda: bool(made.get(f"{web.url}/api/quarantine").json()["entries"]))
        yield made


@pytest.fixture(scope="module")
def nobody(web: Web) -> Iterator[requests.Session]:
    """Somebody without a role."""
    with session_of(web) as made:
        yield made


@pytest.fixture(scope="module")
def stranger(web: Web) -> Iterator[requests.Session]:
    """Somebody without a session."""
    with session_of(web) as made:
        made.cookies.clear()
        yield made


@pytest.fixture(scope="module", autouse=True)
def no_box(web: Web) -> Iterator[None]:
    """No box is there to answer commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(vars(web.parts.messaging.commands), "answer_s", 0.02)
        yield


def validate(case: schemathesis.Case[Any], web: Web, session: requests.Session) -> int:
    """Make a request, hold the answer against the document, and return its status."""
    excluded: Any = CHECKS.get_by_names(EXCLUDED)
    return int(case.call_and_validate(base_url=web.url, session=session, excluded_checks=excluded).status_code)


def each(schema: BaseSchema, check: Callable[[schemathesis.Case[Any]], object], settings: settings) -> list[str]:
    """Make the requests of every operation; what was wrong, one text for each operation.

    Not as tests that schemathesis collects: each process of the tests would make all requests before it begins.
    """

    def test(case: schemathesis.Case[Any]) -> None:
        check(case)

    wrong = []
    for made in get_all_tests(schema=schema, test_func=test, settings=settings, given_kwargs=None):
        assert isinstance(made, Ok), made
        operation, run = made.ok()
        try:
            run()
        except Exception as error:
            wrong.append(f"{operation.label}: {error!r} {getattr(error, 'exceptions', '')}")
    return wrong


@pytest.mark.parametrize("part", range(PARTS))
def test_every_request_is_answered_as_the_document_says(web: Web, everybody: requests.Session, part: int) -> None:
    paths = {it for number, it in enumerate(sorted(DOCUMENT["paths"])) if number % PARTS == part}
    chosen = SCHEMA.include(lambda context: context.operation.path in paths)
    assert each(chosen, lambda case: validate(case, web, everybody), CHECKED) == []


def refused(web: Web, session: requests.Session, *statuses: int) -> Callable[[schemathesis.Case[Any]], object]:
    """Every request gets one of these answers."""

    def check(case: schemathesis.Case[Any]) -> None:
        status = validate(case, web, session)
        assert status in statuses, status

    return check


def test_nobody_gets_anything_without_a_role(web: Web, nobody: requests.Session) -> None:
    assert each(PERMISSION, refused(web, nobody, 403, 404, 405, 413), FEW) == []


def test_nobody_gets_anything_without_a_session(web: Web, stranger: requests.Session) -> None:
    assert each(SESSION, refused(web, stranger, 401, 413), FEW) == []
