"""The alerts' HTTP API in small, answered to a browser's requests: for tests of the dashboard's scripts alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route

from aggregator.domain.alerts.types import SEVERITIES
from aggregator.domain.shift.procedure import Checklist, Procedure, closing_problem
from aggregator.domain.shift.step import Step
from aggregator.web.api_models.alerts import BulkRequest

FEED_JS = """
window.EventSource = class {
  static CLOSED = 2;
  constructor() { this.readyState = 1; this.heard = {}; window.feed = this; setTimeout(() => this.onopen?.({}), 0); }
  addEventListener(name, run) { this.heard[name] = run; }
  close() { this.readyState = 2; }
};
"""
"""A feed that the test pushes through: `feed.onmessage({data})`."""
BULK = get_args(BulkRequest.model_fields["action"].annotation)
KINDS = ("zone.entered", "door.held", "camera.lost", "door.forced", "zone.crowded", "vehicle.barred")
NOW = datetime(2026, 11, 27, 8, 43, tzinfo=UTC)


def made(number: int, severity: str = "medium", **fields: Any) -> dict[str, Any]:
    """An alert of the API; `number` makes its id and how old it is."""
    first, local = (
        (NOW - timedelta(seconds=30 * number)).isoformat().replace("+00:00", "Z"),
        "2026-11-27T16:43:00+08:00",
    )
    return {
        "id": f"01890000-0000-7000-8000-{number:012}", "site": "village", "site_name": "Stone Bridge Village",
        "box": "gate-1", "camera": f"cam-{number % 7}",
        "camera_name": f"Camera {number % 7}", "area": "", "kind": KINDS[number % len(KINDS)], "subject": "yard",
        "object": "person", "severity": severity, "condition": "active", "acknowledgement": "unacknowledged",
        "assignee": "", "acknowledged_by": "", "status": "open", "outcome": None, "note": "", "count": 1 + number % 3,
        "since_acknowledged": 0, "first": first, "last": first, "opened": first, "local_time": local,
        "time_zone": "Asia/Shanghai", "picture": None, "has_clip": False, "suppression": None, "flags": [],
        "version": 1,
        **fields,
    }  # fmt: skip


@dataclass
class FakeApi:
    """Answers what the queue asks.

    Attributes:
        alerts: By id.
        posted: (path, body) of every action, in order.
        steps: Of every alert's procedure, as the API has them.
        ticked: (alert, step, done), in order.
        clip: What `GET /api/alerts/{id}` says of the clip.
        flood: What `GET /api/flood` says; None: there is none.
        failing: A status that the next actions are answered with, or the reason of a refusal (422; in a bulk action, of
            each alert); 0: none.
        down: Nothing answers.
    """

    alerts: dict[str, dict[str, Any]] = field(default_factory=dict)
    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    ticked: list[tuple[str, int, bool]] = field(default_factory=list, init=False)
    clip: dict[str, Any] | None = field(default=None, init=False)
    flood: dict[str, Any] | None = field(default=None, init=False)
    failing: int | str = 0
    history: list[dict[str, Any]] = field(default_factory=list, init=False)
    down: bool = False

    def put(self, *alerts: dict[str, Any]) -> None:
        """Add alerts."""
        self.alerts |= {it["id"]: it for it in alerts}

    def counts(self) -> dict[str, int]:
        """Open alerts by severity."""
        open_ = [it["severity"] for it in self.alerts.values() if it["status"] == "open"]
        return {it: open_.count(it) for it in SEVERITIES} | {"total": len(open_)}

    def push(self, page: Page, *alerts: dict[str, Any]) -> None:
        """Change alerts and say so on the feed."""
        self.put(*alerts)
        page.evaluate("it => feed.onmessage({data: it})", json.dumps({"alerts": alerts, "counts": self.counts()}))

    def install(self, page: Page) -> None:
        """Answer this page's requests from now on."""
        page.add_init_script(FEED_JS)
        page.route(re.compile(r"/api/(alerts|flood)"), self._answer)

    def _answer(self, route: Route) -> None:
        if self.down:
            route.abort()
            return
        parts = urlsplit(route.request.url)
        self.asked.append(f"{parts.path}?{parts.query}")
        if parts.path == "/api/flood":
            calm = {"active": False, "since": None, "recent": 0, "operators": 1, "starts_above": 10, "ends_below": 5}
            _json(route, calm | (self.flood or {}))
        elif "/procedure" in parts.path:
            self._procedure(route, parts.path)
        elif route.request.method == "POST":
            self._act(route, parts.path, json.loads(route.request.post_data or "{}"))
        elif parts.path == "/api/alerts":
            self._list(route, parse_qs(parts.query))
        else:
            alert = self.alerts.get(parts.path.rsplit("/", 1)[1])
            _json(
                route,
                {"alert": alert, "clip": self.clip, "events": self.events, "history": self.history}
                if alert
                else {"error": "no such alert"},
                200 if alert else 404,
            )

    def _procedure(self, route: Route, path: str) -> None:
        alert_id, _, step = path.removeprefix("/api/alerts/").partition("/procedure")
        steps = [{**it} for it in self.steps]
        if route.request.method == "PUT":
            if isinstance(self.failing, int) and self.failing:
                _json(route, {"error": "refused by the test"}, self.failing)
                return
            self.ticked.append((alert_id, int(step[1:]), json.loads(route.request.post_data or "{}")["done"]))
        for number, done in {number: done for alert, number, done in self.ticked if alert == alert_id}.items():
            if done:
                steps[number - 1] |= {"done_by": "li", "done": "2026-11-27T08:44:00Z"}
        open_required = [it["number"] for it in steps if it["required"] and not it["done"]]
        _json(route, {"kind": "", "site": "", "version": 0, "steps": steps, "open_required": open_required})

    def _list(self, route: Route, asked: dict[str, list[str]]) -> None:
        query = {name: values[0] for name, values in asked.items()}

        def rank(it: dict[str, Any]) -> tuple[bool, int, str]:
            return it["acknowledgement"] != "unacknowledged", -SEVERITIES.index(it["severity"]), it["first"]

        status = query.get("status", "open")
        found = [
            it
            for it in self.alerts.values()
            if (status == "all" or it["status"] == status)
            and all(it[name] in asked[name] for name in ("severity", "kind", "site", "area") if name in query)
            and (it["suppression"] is None or query.get("suppressed") in ("include", "only"))
        ]
        found.sort(key=rank)
        start, limit = int(query.get("cursor", "0")), int(query.get("limit", "50"))
        after = str(start + limit) if start + limit < len(found) else None
        counts = self.counts() | {it: 0 for it in SEVERITIES if it not in asked.get("severity", SEVERITIES)}
        _json(route, {"alerts": found[start : start + limit], "next": after, "counts": counts})

    def _act(self, route: Route, path: str, body: dict[str, Any]) -> None:
        self.posted.append((path, body))
        refusal = self.failing if isinstance(self.failing, str) else ""
        if isinstance(self.failing, int) and self.failing:
            _json(route, {"error": "refused by the test"}, self.failing)
            return
        if path == "/api/alerts/bulk" and body["action"] not in BULK:
            _json(route, {"error": "action: not one of them"}, 422)
            return
        if path == "/api/alerts/bulk":
            results = [
                {"id": it, "result": "refused", "error": refusal, "alert": None}
                if refusal
                else {"id": it, "result": "done", "error": "", "alert": self._changed(it, body["action"], body)}
                for it in body["ids"]
            ]
            _json(route, {"results": results})
            return
        if refusal:
            _json(route, {"error": refusal}, 422)
            return
        _, _, _, alert_id, action = path.split("/")
        alert = self.alerts[alert_id]
        done = {number for one, number, ticked in self.ticked if one == alert_id and ticked}
        missing = [it["number"] for it in self.steps if it["required"] and it["number"] not in done]
        if action == "close" and missing and not body.get("note") and body["outcome"] in ("real", "false_alarm"):
            _json(route, {"error": closing_problem(_checklist(missing), "")}, 422)
            return
        if body.get("version", alert["version"]) != alert["version"]:
            _json(route, {"error": "changed meanwhile", "alert": alert}, 409)
            return
        if action == "merge":
            _json(route, self._merged(alert_id, body["alerts"]))
        elif action == "split":
            _json(route, self._split(alert_id, body["events"]))
        else:
            _json(route, self._changed(alert_id, action, body))

    def _merged(self, alert_id: str, others: list[str]) -> dict[str, Any]:
        for it in others:
            old = self.alerts[it]
            self.alerts[it] = {**old, "status": "closed", "merged_into": alert_id, "version": old["version"] + 1}
        old = self.alerts[alert_id]
        count = old["count"] + sum(self.alerts[it]["count"] for it in others)
        self.alerts[alert_id] = {**old, "count": count, "version": old["version"] + 1}
        return self.alerts[alert_id]

    def _split(self, alert_id: str, events: list[str]) -> dict[str, Any]:
        old = self.alerts[alert_id]
        created = {**old, "id": alert_id[:-6] + "999999", "count": len(events), "condition": "ended", "version": 1}
        self.put({**old, "count": old["count"] - len(events), "version": old["version"] + 1}, created)
        return {"alert": self.alerts[alert_id], "created": created}

    def _changed(self, alert_id: str, action: str, body: dict[str, Any]) -> dict[str, Any]:
        changes: dict[str, dict[str, Any]] = {
            "acknowledge": {"acknowledgement": "acknowledged"},
            "assign": {"acknowledgement": "assigned", "assignee": body.get("to", "")},
            "close": {"status": "closed", "outcome": body.get("outcome")},
            "reopen": {"status": "open"},
            "escalate": {"acknowledgement": "unacknowledged"},
            "note": {"note": body.get("note", "")},
            "shelve": {"suppression": {"kind": "shelved", "by": "li", "until": "2026-11-27T09:43:00Z"}},
        }
        old = self.alerts[alert_id]
        self.alerts[alert_id] = {**old, **changes[action], "version": old["version"] + 1}
        return self.alerts[alert_id]


def _checklist(missing: list[int]) -> Checklist:
    """One whose required steps `missing` are open."""
    steps = tuple(Step(en="Look.", required=it in missing) for it in range(1, max(missing) + 1))
    return Checklist(Procedure(kind="door.forced", site="", version=0, steps=steps), ())


def _json(route: Route, content: Any, status: int = 200) -> None:
    route.fulfill(status=status, content_type="application/json", body=json.dumps(content))


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Until `condition` holds, while the page's requests are answered."""
    for _ in range(1_000):
        if condition():
            return
        page.wait_for_timeout(10)
    raise AssertionError("did not happen in time")
