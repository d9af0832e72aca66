"""The vote over a passage: every frame counts, character by character; readings of one plate are not independent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from pipelines.plates.reading import OTHERWISE, CandidateScores, RankedTexts, judged
from protocol.plate_grammar import Grammar, is_plate

MOST_BALLOTS = 16
"""Frames that are kept; the least sure ones go first."""
MOST_CANDIDATES = 24
UNSEEN = math.log(2e-3)
"""What a frame gives to a character that none of its readings had in that place."""
LEAST_WORTH = 1e-3
KEPT_SHARE = 0.5
"""Evidence grows with this power of the number of frames: blur and dirt are the same in all of them."""

Logs = Mapping[str, tuple[float, ...]]
Marginals = dict[tuple[int, int, str], tuple[float, ...]]
"""(length, place, character) → share under each reader."""


class Vote:
    """Collects ballots of one vehicle. Hides them; `forget` drops them.

    Args:
        grammars: What a plate may say.
    """

    def __init__(self, grammars: Sequence[Grammar]) -> None:
        self._grammars = grammars
        self._ballots: list[tuple[float, float, Logs, Marginals]] = []
        self.readings = 0

    def __repr__(self) -> str:
        return f"Vote({self.readings} readings)"

    def add(self, ballot: CandidateScores, confidence: float) -> None:
        """One frame's readings."""
        logs = ballot.reveal()
        if not logs:
            return
        self.readings += 1
        self._ballots.append((confidence, _weight(logs), logs, _marginals(logs)))
        if len(self._ballots) > MOST_BALLOTS:
            self._ballots.remove(min(self._ballots, key=lambda each: each[0]))

    def forget(self) -> None:
        """Drop everything that was read."""
        self._ballots.clear()
        self.readings = 0

    def verdict(self) -> RankedTexts:
        """The text that all frames together speak for, and how sure they are of it."""
        if not self._ballots:
            return RankedTexts()
        weight = sum(each for _, each, _, _ in self._ballots)
        grown = max(1.0, weight) ** KEPT_SHARE
        totals = {text: self._total(text, grown / weight) for text in self._candidates()}
        return judged(totals, OTHERWISE * grown)

    def _candidates(self) -> Iterable[str]:
        """The best texts of every frame, and the one that the characters make up together."""
        best: dict[str, float] = {}
        for _, _, logs, _ in self._ballots:
            for text, each in logs.items():
                best[text] = max(best.get(text, -math.inf), sum(each))
        leading = sorted(best, key=lambda text: (-best[text], text))[:MOST_CANDIDATES]
        synthesised = self._synthesised(len(leading[0]))
        return dict.fromkeys([*leading, *([synthesised] if is_plate(synthesised, self._grammars) else [])])

    def _synthesised(self, length: int) -> str:
        """At each place of a text of this length the character that most speaks for."""
        tally: list[dict[str, float]] = [{} for _ in range(length)]
        for _, weight, _, marginals in self._ballots:
            for (of, place, char), shares in marginals.items():
                if of == length:
                    tally[place][char] = tally[place].get(char, 0.0) + weight * sum(shares)
        return "".join(max(place, key=lambda char: (place[char], char)) for place in tally if place)

    def _total(self, text: str, weight: float) -> tuple[float, ...]:
        readers = len(next(iter(self._ballots[0][2].values())))
        sums = [0.0] * readers
        for _, ballot_weight, logs, marginals in self._ballots:
            each = logs.get(text) or _spelled_out(text, marginals, readers)
            for reader in range(readers):
                sums[reader] += weight * ballot_weight * each[reader]
        return tuple(sums)


def _weight(logs: Logs) -> float:
    """The weight of a reading: near 0 without a plate, 1 with a certain one."""
    readers = len(next(iter(logs.values())))
    best = max(sum(each) for each in logs.values())
    return max(LEAST_WORTH, 1 / (1 + math.exp(min(50.0, OTHERWISE * readers - best))))


def _marginals(logs: Logs) -> Marginals:
    """Shares of every character at every place, among the readings of one frame."""
    readers = len(next(iter(logs.values())))
    tops = [max(each[reader] for each in logs.values()) for reader in range(readers)]
    norms = [sum(math.exp(each[r] - tops[r]) for each in logs.values()) for r in range(readers)]
    found: dict[tuple[int, int, str], list[float]] = {}
    for text, each in logs.items():
        shares = [math.exp(each[r] - tops[r]) / norms[r] for r in range(readers)]
        for place, char in enumerate(text):
            entry = found.setdefault((len(text), place, char), [0.0] * readers)
            for reader in range(readers):
                entry[reader] += shares[reader]
    return {key: tuple(shares) for key, shares in found.items()}


def _spelled_out(text: str, marginals: Marginals, readers: int) -> tuple[float, ...]:
    """What a frame gives to a text that it did not read: the sum over its characters."""
    sums = [0.0] * readers
    for place, char in enumerate(text):
        shares = marginals.get((len(text), place, char))
        for reader in range(readers):
            sums[reader] += UNSEEN if shares is None else max(UNSEEN, math.log(max(shares[reader], 1e-12)))
    return tuple(sums)
