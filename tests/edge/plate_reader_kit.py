"""A gate's lane with said finders and readers, and a hand that does what it is asked."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from plates_kit import SaidFinder, SaidReader

from common.clock import SystemClock
from edge.access.gates.decision import GatePolicy
from edge.access.gates.plate_reader_worker import PlateReaderWorker, PlateReading, VehicleList
from edge.access.gates.region_of_interest import Region
from edge.access.gates.relay_controller import RelayController
from edge.video.report import Passing, Report
from pipelines.plates.ensemble_reader import EnsembleReader
from pipelines.plates.passage_tracker import PassageTracker
from pipelines.plates.plate_pipeline import PlatePipeline
from pipelines.types import Box
from protocol.plate_grammar import MAINLAND

TEXT = "京A12345"
PICTURE = np.full((720, 1280, 3), 90, np.uint8)
TERMS = GatePolicy(0.9)


class Hand:
    """An opener that does at once what it is asked, or cannot."""

    def __init__(self, works: bool = True) -> None:
        self.gate, self.works, self.asked = "lane", works, 0

    def open(self, done: Any, by_hand: bool = False) -> None:
        self.asked += 1
        done(self.works)


def lane(
    site: Any, hand: Hand, terms: GatePolicy = TERMS, finder: Any = None, text: str = TEXT
) -> tuple[PlateReaderWorker, list[Report]]:
    reports: list[Report] = []
    look = PlatePipeline(finder or SaidFinder(), EnsembleReader([SaidReader(TEXT), SaidReader(TEXT)], MAINLAND))
    passages = PassageTracker(MAINLAND, b"k" * 32)
    made = PlateReaderWorker(
        camera="c", reading=PlateReading(look, passages, Region(())),
        vehicle_list=VehicleList(site, lambda _: "0" * 32), policy=terms,
        relay_controller=cast(RelayController, hand), report=reports.append, clock=SystemClock(),
    )  # fmt: skip
    return made, reports


def drive(made: PlateReaderWorker, seconds: float = 6.0) -> None:
    """A plate passes from left to right and is gone."""
    finder = made.reading.pipeline.finder
    for i in range(round(seconds * 5)):
        if isinstance(finder, SaidFinder):
            finder.boxes = [Box(100 + 40 * i, 300, 240 + 40 * i, 345)] if i < 12 else []
        made.process_frame(PICTURE, i * 200_000_000)


def data(reports: list[Report]) -> list[Any]:
    return [each.data for report in reports for each in report.findings if isinstance(each, Passing)]
