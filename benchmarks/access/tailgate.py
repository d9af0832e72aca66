"""`tailgate`: evenings at a door, made up so that it is beyond doubt who tailgated; all of them are judged.

An evening is a few openings far enough apart. In each, some people are granted and some cross; every crossing lies
clearly inside its opening, every grant clearly before its crossing (or clearly too late, or expired long ago), so
there is one answer. Everything arrives with its own delay, up to what the settings promise, and the rule is asked all
the time. The seed is new each time and is printed.
"""

from __future__ import annotations

import random
import secrets
from typing import Any

from common.clock import SECOND_NS
from pipelines.rules.tailgate import Closed, Crossing, Grant, Move, Opened, PassageSettings, Tailgate

CASES = {True: 20_000, False: 200_000}
"""Quick or not → openings."""
START_NS = 1_795_000_000 * SECOND_NS
SETTINGS = PassageSettings(line="doorway")
STEP_S = 0.5


def run(quick: bool, seed: int | None = None) -> dict[str, Any]:
    """Judge all cases; the seed is among the commands."""
    seed = secrets.randbelow(2**32) if seed is None else seed
    chance = random.Random(seed)
    cases = missed = false_alarms = tailgated = 0
    while cases < CASES[quick]:
        moves, truth = _evening(chance)
        told = _judged(moves, chance)
        cases += len(truth)
        tailgated += sum(truth.values())
        missed += sum(bad and opened_ns not in told for opened_ns, bad in truth.items())
        false_alarms += sum(opened_ns not in truth or not truth[opened_ns] for opened_ns in told)
    return {
        "commands": [f"python -m benchmarks tailgate{' --quick' if quick else ''}  (seed {seed})"],
        "figures": {"cases": cases, "tailgated": tailgated, "missed": missed, "false_alarms": false_alarms},
        "peers": {},
    }


def _evening(chance: random.Random) -> tuple[list[Move], dict[int, bool]]:
    """Moves, and for each opening (by its time) whether somebody tailgated."""
    moves: list[Move] = []
    truth: dict[int, bool] = {}
    now_s, track = 20.0, 0
    for _ in range(chance.randint(1, 4)):
        now_s += 40.0
        opened_s, people = now_s + chance.random(), chance.randint(0, 4)
        free = chance.random() < 0.1
        crossings = [opened_s + 2.0 + 3.0 * i + chance.random() for i in range(people)]
        closed_s = opened_s + 4.0 + 3.0 * people + chance.random()
        granted = chance.randint(0, people + 1)
        for i in range(granted):
            before = i < people and chance.random() < 0.5
            moves.append(Grant(_ns(crossings[i] - 0.8 if before else opened_s - 3.0 * chance.random())))
        if chance.random() < 0.2:  # somebody badges only after everybody is through: that covers nobody
            moves.append(Grant(_ns(closed_s + 3.0 + chance.random())))
        if chance.random() < 0.2:  # an unused grant of long before
            moves.append(Grant(_ns(opened_s - 16.0 - chance.random())))
        moves += [Opened(_ns(opened_s), free), Closed(_ns(closed_s))]
        moves += [Crossing(_ns(at_s), track + i) for i, at_s in enumerate(crossings)]
        moves += [Crossing(_ns(closed_s + 5.0 + i), 10_000 + track + i) for i in range(chance.randint(0, 2))]
        truth[_ns(opened_s)] = not free and people > granted
        track, now_s = track + people, closed_s
    return moves, truth


def _judged(moves: list[Move], chance: random.Random) -> set[int]:
    """Openings that the rule told about, while everything arrives late in its own way."""
    rule, told = Tailgate("lobby", SETTINGS), set[int]()
    openings = sorted(move.time_ns for move in moves if isinstance(move, Opened))
    late_s = SETTINGS.late_s - 0.01
    arrivals = sorted(((move.time_ns + _ns(late_s * chance.random()) - START_NS, i) for i, move in enumerate(moves)))
    end_ns = arrivals[-1][0] + _ns(10.0) - START_NS

    def judge(now_ns: int) -> None:
        for _, time_ns in rule.judge(now_ns):
            told.add(max(opened_ns for opened_ns in openings if opened_ns <= time_ns))

    for arrived_ns, i in arrivals:
        judge(arrived_ns)
        rule.add(moves[i])
    judge(end_ns)
    return told


def _ns(seconds: float) -> int:
    return START_NS + round(seconds * SECOND_NS)
