"""Free text of people has no control characters: it is shown, logged and exported."""

from __future__ import annotations

from typing import Any

import pytest
from agg_support import PASSWORD, Web
from web.test_search_web import moment

BAD = ["broken\x00 barrier at night", "broken barrier\r\nX: y", "broken \x1b[31m barrier", "broken barrier\x7f here"]


def requests(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    entry = {"kind": "vehicle", "text": "京A12345", "standing": "barred", "owner": "Hu", "reason": "unpaid"}
    case = {"id": "A-text", "basis": "incident", "site": "village", "expires": moment(24)}
    entry["valid_until"] = "2026-12-01"
    return [
        ("POST", "/api/sites/village/boxes/gate-1/gates/lane/open", {"reason": text}),
        ("POST", "/api/sites/village/boxes/gate-1/doors/d1/unlock", {"reason": text}),
        ("POST", "/api/sites/village/list", entry | {"owner": text}),
        ("POST", "/api/sites/village/list", entry | {"reason": text}),
        ("POST", "/api/tokens", {"label": text, "permissions": ["alerts.see"], "current": PASSWORD}),
        ("POST", "/api/cases", case | {"purpose": text}),
    ]


@pytest.mark.parametrize("text", BAD)
def test_control_characters_are_refused_with_the_field(web: Web, text: str) -> None:
    with web.logged_in() as client:
        for method, path, body in requests(text):
            answer = client.request(method, path, json=body)
            assert 400 <= answer.status_code < 500, (path, body)
            problem = answer.text
            assert any(name in problem for name, value in body.items() if value == text), (path, problem)
