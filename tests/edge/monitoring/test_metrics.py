"""The box's metrics read their components when they are requested."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from edge.access.doors.factory import Doors
from edge.access.gates.factory import Gates
from edge.monitoring import metric_sources
from edge.monitoring.metrics import CallbackCounter, Metrics


class Component:
    """Every attribute is a number of its own; those that are named are components, lists or fixed."""

    def __init__(self, numbers: Any, **fixed: Any) -> None:
        self._numbers = numbers
        self.__dict__.update(fixed)

    def __getattr__(self, name: str) -> Any:
        value = self.__dict__[name] = next(self._numbers)
        return value


def values(metrics: Metrics) -> dict[str, float]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {sample.name: sample.value for family in families for sample in family.samples}


def bound() -> Metrics:
    numbers = itertools.count(1)
    metrics = Metrics()

    def part(**fixed: Any) -> Any:
        return Component(numbers, **fixed)

    def some() -> list[None]:
        return [None] * next(numbers)

    camera = part(id="gate", up=True, counters=part(), analyzer=part(tracking=part()))
    metric_sources.read_camera(metrics.cameras, camera)
    metric_sources.read_inference(metrics.inference, part(), part())
    reporter = part(unsaved=some())
    metric_sources.read_pictures(metrics.pictures, part(), reporter)
    metric_sources.read_delivery(metrics.delivery, reporter, part(), part(progress=part()), part(connected=True))
    writer = part(counts=part(), stopped=some())
    metric_sources.read_footage(metrics.footage, part(writer=writer, recorder=part(queue=part())))
    Doors.bind_metrics(part(counts=part()), metrics.doors)
    Gates.bind_metrics(part(plate_readers={"a": part()}, relays={"a": part()}), metrics.gates)
    return metrics


def test_every_metric_has_a_source_of_its_own() -> None:
    found = values(bound())
    alike = {"paifang_edge_camera_up", "paifang_edge_broker_connected"}
    assert {found.pop(name) for name in alike} == {1.0}
    assert 0 not in found.values()
    assert len(set(found.values())) == len(found) > 40


def test_a_metric_follows_its_component() -> None:
    metrics, pool = Metrics(), SimpleNamespace(jobs=1, failures=0, last_s=0.5)
    metric_sources.read_inference(metrics.inference, pool, SimpleNamespace(dropped=0))  # type: ignore[arg-type]
    assert values(metrics)["paifang_edge_inference_jobs_total"] == 1
    pool.jobs = 7
    assert values(metrics)["paifang_edge_inference_jobs_total"] == 7


def test_a_box_without_a_component_reports_zero() -> None:
    found = values(Metrics())
    assert found["paifang_edge_footage_packets_total"] == found["paifang_edge_gate_seconds"] == 0
    assert not [name for name in found if name.endswith("_created")]


def test_a_counter_with_a_function_keeps_its_labels() -> None:
    registry = CollectorRegistry()
    counter = CallbackCounter("tests", "Tests.", ["camera"], registry=registry)
    counter.labels(camera="a").set_function(lambda: 3)
    counter.labels(camera="b").set_function(lambda: 4)
    assert registry.get_sample_value("tests_total", {"camera": "a"}) == 3
    assert registry.get_sample_value("tests_total", {"camera": "b"}) == 4
    with pytest.raises(ValueError, match="Duplicated"):
        CallbackCounter("tests", "Tests.", registry=registry)
