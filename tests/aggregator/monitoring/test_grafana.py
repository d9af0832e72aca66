"""The Grafana dashboard asks for metrics and labels that the running aggregator has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from agg_support import Sender, Web, entered, event, wait_until
from prometheus_client import Gauge
from prometheus_client.parser import text_string_to_metric_families

from aggregator.monitoring.metrics import Metrics
from aggregator.monitoring.site_metrics import SiteMetrics
from common.clock import SystemClock
from protocol.event_types import DoorForced
from protocol.receipts import BoxStatus, CameraStatus, encode

FOLDER = Path(__file__).parents[3] / "configs" / "grafana"
SITE = "grafana-site"
SELECTOR = re.compile(r"\b(paifang_\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)(=~|!=|!~|=)"([^"]*)"')
GROUPING = re.compile(r"\b(?:by|without)\s*\(([^)]*)\)")
Series = dict[str, list[dict[str, str]]]
"""Name of a metric → the labels of its samples."""


DECLARED = {it._name: it._labelnames for it in vars(Metrics()).values() if isinstance(it, Gauge)}


def dashboard() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / "dashboards" / "paifang.json").read_text("utf-8"))
    return read


def queries() -> Iterator[str]:
    read = dashboard()
    for panel in read["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (it["query"]["query"] for it in read["templating"]["list"] if it["type"] == "query")


def problems(query: str, series: Series) -> list[str]:
    """What a query names that is not there."""
    found, labels = [], set[str]()
    for name, matchers in SELECTOR.findall(query):
        if name not in series:
            found.append(f"no metric {name}")
            continue
        fitting = series[name]
        labels |= set(fitting[0])
        for label, how, value in MATCHER.findall(matchers):
            if label not in fitting[0]:
                found.append(f"no label {label} of {name}")
            elif how == "=" and "$" not in value:
                fitting = [it for it in fitting if it[label] == value]
        if not fitting:
            found.append(f"no series {name}{{{matchers}}}")
    for group in GROUPING.findall(query):
        found += [f"no label {it.strip()} to group by" for it in group.split(",") if it.strip() not in labels]
    return found


@pytest.fixture(scope="module")
def series(web: Web) -> Series:
    """The metrics page of an aggregator with an answered alert and a device."""
    sender = Sender(web.broker_port, web.account, box="grafana-box", site=SITE)
    try:
        status = BoxStatus(online=True, epoch="ab12", cameras=[CameraStatus(id="cam-1", state="up")])
        sender.raw(encode(status), sender.topics.status)
        for number, data in enumerate((entered(), DoorForced(door="d")), 1):
            at_ns = SystemClock().wall_ns()
            sender.send(event(number, data, box="grafana-box", site=SITE, number=740_000 + number, time_ns=at_ns))
        sender.wait()
    finally:
        sender.close()
    with web.logged_in() as client:
        (first, *_) = client.get(f"/api/alerts?site={SITE}").json()["alerts"]
        assert client.post(f"/api/alerts/{first['id']}/acknowledge", json={}).status_code == 200

        def read() -> Series:
            found: Series = {}
            for family in text_string_to_metric_families(client.get("/metrics").text):
                if not family.samples:  # there are no webhooks: the labels are those that the gauge declares
                    found[family.name] = [dict.fromkeys(DECLARED[family.name], "")]
                for sample in family.samples:
                    found.setdefault(sample.name, []).append(sample.labels)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(web.parts.use_cases.overview._recent, "_fresh_ns", 0)
            wait_until(lambda: any(it["site"] == SITE for it in read().get("paifang_answered_alerts", [])))
            return read()


def test_every_metric_and_label_of_the_dashboard_is_on_the_metrics_page(series: Series) -> None:
    asked = list(queries())
    assert len(asked) > 12
    assert {query: problems(query, series) for query in asked if problems(query, series)} == {}


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("sum(paifang_opened)", ["no metric paifang_opened"]),
        ('paifang_devices{door="a"}', ["no label door of paifang_devices"]),
        ('paifang_opened_alerts{period="year"}', ['no series paifang_opened_alerts{period="year"}']),
        ("sum by (site, box) (paifang_devices)", ["no label box to group by"]),
    ],
)
def test_a_wrong_query_is_found(series: Series, query: str, problem: list[str]) -> None:
    assert problems(query, series) == problem


def test_labels_of_sites_are_bounded(series: Series) -> None:
    known = {it.name for it in SiteMetrics({}, {}).collect()}
    names = [name for name in known & set(series) if any(it.get("site") == SITE for it in series[name])]
    assert len(names) == 7
    allowed = {"site", "area", "severity", "state", "period", "quantile", "kind"}
    assert {label for name in names for it in series[name] for label in it} <= allowed
    words = [
        value for name in names for it in series[name] for label, value in it.items() if label not in ("site", "area")
    ]
    assert len(set(words)) <= 4 + 3 + 3 + 2 + 3


def test_panels_have_ids_of_their_own_and_the_chosen_data_source() -> None:
    panels = dashboard()["panels"]
    assert len({it["id"] for it in panels}) == len(panels)
    assert {it["datasource"]["uid"] for it in panels} == {"${datasource}"}


def test_grafana_is_given_the_dashboard_by_a_provisioning_file() -> None:
    provider = yaml.safe_load((FOLDER / "provisioning/dashboards/paifang.yaml").read_text())
    source = yaml.safe_load((FOLDER / "provisioning/datasources/prometheus.yaml").read_text())
    scraped = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    assert [it["type"] for it in provider["providers"]] == ["file"]
    assert provider["providers"][0]["options"]["path"].startswith("/")
    assert [it["type"] for it in source["datasources"]] == ["prometheus"]
    assert scraped["scrape_configs"][0]["static_configs"][0]["targets"]
