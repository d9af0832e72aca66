"""Charts of the reports, as options of ECharts. Colours are the page's, so that both themes have theirs.

The charts are drawn as SVG without animation and are hidden from screen readers: a table beside each says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aggregator.domain.quality.figures import ACCEPTABLE_A_DAY, MOST_A_DAY
from aggregator.services.shift.statistics_service import Report
from aggregator.web.dashboard.i18n.texts import Texts

Options = dict[str, Any]
SEVERITIES = ("critical", "high", "medium", "low")
_TEXT = {"color": "var(--soft)", "fontSize": 12}
_LINE = {"lineStyle": {"color": "var(--line)"}}


def days_chart(report: Report, words: Texts) -> Options:
    """Alerts of each day, with what is acceptable and what is the most for the operators."""
    days = report.figures.days
    limits = [
        {"yAxis": limit * report.asked.operators, "name": words[name]}
        for limit, name in ((ACCEPTABLE_A_DAY, "reports.acceptable"), (MOST_A_DAY, "reports.most"))
        if max(days.values(), default=0) * 2 > limit * report.asked.operators
    ]
    marks = {
        "silent": True, "symbol": "none", "data": limits, "lineStyle": {"color": "var(--bad)", "type": "dashed"},
        "label": {"formatter": "{b}", "color": "var(--bad)", "position": "insideEndTop"},
    }  # fmt: skip
    series = _bars(list(days.values()), ["var(--focus)"] * len(days)) | {"markLine": marks}
    return _upright([f"{day:%m-%d}" for day in days], series)


def severities_chart(report: Report, words: Texts) -> Options:
    """Alerts of each severity."""
    found = report.counted.severities
    values = [found.get(it, 0) for it in SEVERITIES]
    return _upright(
        [words[f"severity.{it}"] for it in SEVERITIES], _bars(values, [f"var(--{it})" for it in SEVERITIES])
    )


def sources_chart(report: Report, names: Sequence[str]) -> Options:
    """The most frequent sources, the first at the top."""
    values = [count for _, count in report.counted.sources]
    category = {
        "type": "category", "data": [_short(it) for it in names], "inverse": True, "axisLabel": _TEXT,
        "axisLine": _LINE, "axisTick": {"show": False},
    }  # fmt: skip
    return _base(_bars(values, ["var(--focus)"] * len(values))) | {"yAxis": category, "xAxis": _amount()}


def responses_chart(report: Report, words: Texts) -> Options:
    """Minutes until alerts of each severity are answered: median and nine of ten."""
    times = report.counted.to_acknowledge
    series = [
        _bars([round(_minutes(times, it, rank), 1) for it in SEVERITIES], [colour] * len(SEVERITIES))
        | {"name": words[f"reports.{rank}"]}
        for rank, colour in (("median", "var(--focus)"), ("p90", "var(--soft)"))
    ]
    legend = {"textStyle": _TEXT, "top": 0}
    options = _upright([words[f"severity.{it}"] for it in SEVERITIES], {})
    return options | {"series": series, "legend": legend}


def _minutes(times: Mapping[str, Any], severity: str, rank: str) -> float:
    return float(getattr(times[severity], f"{rank}_ns")) / 60e9 if severity in times else 0.0


def _short(name: str) -> str:
    return name if len(name) <= 26 else f"{name[:25]}…"


def _bars(values: Sequence[float], colours: Sequence[str]) -> Options:
    data = [{"value": value, "itemStyle": {"color": colour}} for value, colour in zip(values, colours, strict=True)]
    colour = colours[0] if colours else "var(--focus)"
    return {
        "type": "bar", "data": data, "emphasis": {"disabled": True}, "barMaxWidth": 36, "itemStyle": {"color": colour},
    }  # fmt: skip


def _upright(names: Sequence[str], series: Options) -> Options:
    category = {
        "type": "category", "data": list(names), "axisLabel": _TEXT, "axisLine": _LINE, "axisTick": {"show": False},
    }  # fmt: skip
    return _base(series) | {"xAxis": category, "yAxis": _amount()}


def _amount() -> Options:
    return {"type": "value", "minInterval": 1, "axisLabel": _TEXT, "splitLine": _LINE}


def _base(series: Options) -> Options:
    return {
        "animation": False, "grid": {"left": 8, "right": 16, "top": 28, "bottom": 8, "containLabel": True},
        "series": [series],
    }  # fmt: skip
