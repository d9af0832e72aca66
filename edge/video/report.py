"""What a camera reports: findings of rules and decisions of gates, with the frame that shows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.findings import Finding
from pipelines.types import Box, Picture
from protocol.event_types import Data


@dataclass(frozen=True)
class Passing:
    """What a gate decided about a vehicle.

    Attributes:
        data: The event's data.
        box: The vehicle or its plate, pixels.
        time_ns: When it was seen.
    """

    data: Data
    box: Box
    time_ns: int


@dataclass(frozen=True)
class Report:
    """Findings of one inspection.

    Attributes:
        camera: The camera's id.
        findings: What the rules found, or a gate decided.
        picture: The frame, H x W x 3 uint8 BGR, not redacted: it must not leave the box.
        persons: Boxes of the persons in it, pixels.
        plates: Boxes of known plates, pixels; masked whether or not the redactor detects them.
    """

    camera: str
    findings: Sequence[Finding | Passing]
    picture: Picture
    persons: tuple[Box, ...]
    plates: tuple[Box, ...] = ()


ReportSink = Callable[[Report], None]
"""Takes a report. Must be quick and never raise."""


def to_each(*sinks: ReportSink) -> ReportSink:
    """A sink that passes each report to several, in this order."""

    def pass_on(report: Report) -> None:
        for sink in sinks:
            sink(report)

    return pass_on
