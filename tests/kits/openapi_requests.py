"""Requests that schemathesis makes from the OpenAPI document. It takes a second to import."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.schemas import BaseSchema

from aggregator.web import api_document
from aggregator.web.route_permissions import ROUTES, RoutePolicy

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"deterministic": True, "with-security-parameters": False},
        # a value of an answer is the start of no request: other tests have users and alerts at the same server
        "phases": {"fuzzing": {"extra-data-sources": {"responses": False}}},
        # 413: a text that is too long makes the body too large
        "checks": {"negative_data_rejection": {"expected-statuses": ["400", "401", "403", "404", "405", "413", "422"]}},
    }
)


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
CHECKED = settings(
    max_examples=MOST_EXAMPLES, derandomize=True, database=None, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
FEW = settings(CHECKED, max_examples=1, phases=[Phase.generate])
"""For requests that are refused before they are read."""


def validate(case: schemathesis.Case[Any], url: str, session: requests.Session) -> int:
    """Make a request, hold the answer against the document, and return its status."""
    excluded: Any = CHECKS.get_by_names(EXCLUDED)
    return int(case.call_and_validate(base_url=url, session=session, excluded_checks=excluded).status_code)


def wrong(schema: BaseSchema, check: Callable[[schemathesis.Case[Any]], object], settings: settings) -> list[str]:
    """Make the requests of every operation; what was wrong, one text for each operation.

    Not as tests that schemathesis collects: each process of the tests would make all requests before it begins.
    """

    def test(case: schemathesis.Case[Any]) -> None:
        check(case)

    found = []
    for made in get_all_tests(schema=schema, test_func=test, settings=settings, given_kwargs=None):
        assert isinstance(made, Ok), made
        operation, run = made.ok()
        try:
            run()
        except Exception as error:
            found.append(f"{operation.label}: {error!r} {getattr(error, 'exceptions', '')}")
    return found


def refused(url: str, session: requests.Session, *statuses: int) -> Callable[[schemathesis.Case[Any]], object]:
    """Every request gets one of these answers."""

    def check(case: schemathesis.Case[Any]) -> None:
        status = validate(case, url, session)
        assert status in statuses, status

    return check
