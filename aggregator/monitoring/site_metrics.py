"""The overview of sites and areas as Prometheus metrics. Labels: site, area, severity, and words of a fixed list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from aggregator.domain.alerts.types import ACKNOWLEDGEMENTS, SEVERITIES, Acknowledgement, Severity
from aggregator.domain.quality.overview import PERIODS, Group, GroupFigures
from common.clock import SECOND_NS

OpenOfGroups = Mapping[Group, Mapping[Severity, Mapping[Acknowledgement, int]]]


class SiteMetrics(Collector):
    """Metrics of groups; an empty `area` is the whole site.

    Args:
        groups: Group → its figures; the group of everything is left out, because sites add up to it.
        open_alerts: Group → open alerts, where there are any.
        left_out: Sites that the overview leaves out.
    """

    def __init__(self, groups: Mapping[Group, GroupFigures], open_alerts: OpenOfGroups, left_out: int = 0) -> None:
        self._groups = {group: it for group, it in groups.items() if group[0]}
        self._open, self._left_out = open_alerts, left_out

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """All metrics."""
        yield from (self._open_alerts(), self._opened_alerts(), *self._answered(), *self._devices())
        yield GaugeMetricFamily("paifang_sites_left_out", "Sites that the metrics leave out.", value=self._left_out)

    def text(self) -> bytes:
        """The exposition format."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry)

    def _open_alerts(self) -> GaugeMetricFamily:
        found = _family("paifang_open_alerts", "Open alerts that are not hidden.", "severity", "state")
        for group in self._groups:
            known = self._open.get(group, {})
            for severity in SEVERITIES:
                states = known.get(severity, {})
                for state in ACKNOWLEDGEMENTS:
                    found.add_metric([*group, severity, state], states.get(state, 0))
        return found

    def _opened_alerts(self) -> GaugeMetricFamily:
        found = _family("paifang_opened_alerts", "Alerts opened in the last period.", "severity", "period")
        for group, it in self._groups.items():
            for period in PERIODS:
                for severity in SEVERITIES:
                    found.add_metric([*group, severity, period], it.opened[period].severities.get(severity, 0))
        return found

    def _answered(self) -> Iterator[GaugeMetricFamily]:
        number = _family("paifang_answered_alerts", "Alerts of the last week that a person has answered.", "severity")
        seconds = _family("paifang_response_seconds", "From opening to the first answer.", "severity", "quantile")
        for group, it in self._groups.items():
            for severity, times in it.answers.items():
                number.add_metric([*group, severity], times.count)
                for quantile, took_ns in (("0.5", times.median_ns), ("0.95", times.p95_ns)):
                    seconds.add_metric([*group, severity, quantile], took_ns / SECOND_NS)
        yield from (number, seconds)

    def _devices(self) -> Iterator[GaugeMetricFamily]:
        total = _family("paifang_devices", "Devices that boxes have reported.", "kind")
        working = _family("paifang_devices_working", "Devices that work now.", "kind")
        share = _family("paifang_device_availability_ratio", "Share of the last day in which they worked.", "kind")
        for group, it in self._groups.items():
            for kind, devices in it.devices.items():
                total.add_metric([*group, kind], devices.total)
                working.add_metric([*group, kind], devices.working)
                share.add_metric([*group, kind], devices.share)
        yield from (total, working, share)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["site", "area", *labels])
