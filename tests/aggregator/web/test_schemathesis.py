"""Requests that schemathesis makes from the OpenAPI document, against the running aggregator.

Positive, negative and boundary values of every parameter and field, with the same seed each time. A request must be
answered as the document says, and never with an error of the server. `openapi_requests` is imported in the tests: it
takes a second, and only one process runs them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from agg_support import JPEG, PASSWORD, Sender, Web, add_staff, event, wait_until
from requests.adapters import HTTPAdapter

from aggregator.auth.client_address import SESSION_COOKIE
from aggregator.domain.accounts.authorization import ROLES
from common.clock import SECOND_NS, SystemClock
from protocol.identifiers import to_rfc3339

ENTRIES: dict[str, dict[str, Any]] = {
    "/api/sites/schema/list": {"text": "京A12345", "standing": "registered", "owner": "house 12"},
    "/api/cases": {"id": "schema/1", "purpose": "a theft in the yard", "basis": "incident", "site": "schema"},
    "/api/tokens": {"label": "schema", "permissions": ["alerts.see"], "current": PASSWORD},
}
ADDRESS = "127.0.0.9"
"""Failed attempts are counted for each address; other tests use another one."""
PARTS = 4
"""All requests in one test took as long as a test may take on a slow machine."""


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


@pytest.mark.parametrize("part", range(PARTS))
def test_every_request_is_answered_as_the_document_says(web: Web, everybody: requests.Session, part: int) -> None:
    import openapi_requests as kit

    paths = {it for number, it in enumerate(sorted(kit.DOCUMENT["paths"])) if number % PARTS == part}
    chosen = kit.SCHEMA.include(lambda context: context.operation.path in paths)
    assert kit.wrong(chosen, lambda case: kit.validate(case, web.url, everybody), kit.CHECKED) == []


def test_nobody_gets_anything_without_a_role(web: Web, nobody: requests.Session) -> None:
    import openapi_requests as kit

    refused = kit.refused(web.url, nobody, 403, 404, 405, 413)
    assert kit.wrong(kit.PERMISSION, refused, kit.FEW) == []


def test_nobody_gets_anything_without_a_session(web: Web, stranger: requests.Session) -> None:
    import openapi_requests as kit

    assert kit.wrong(kit.SESSION, kit.refused(web.url, stranger, 401, 413), kit.FEW) == []
