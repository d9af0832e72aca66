"""What was read, in wrappings that hide it: a plate's text never shows in a repr, a log or a traceback."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from common.secret import Secret
from pipelines.types import Box


class CandidateScores:
    """Readings that compete in one frame, with what each reader gives them. Hides all of it.

    Args:
        logs: Text → natural logarithm of its likelihood under each reader, in the readers' order.
    """

    __slots__ = ("_logs",)

    def __init__(self, logs: Mapping[str, tuple[float, ...]]) -> None:
        self._logs = dict(logs)

    def __repr__(self) -> str:
        return f"Ballot({len(self._logs)} hidden)"

    __str__ = __repr__

    def reveal(self) -> Mapping[str, tuple[float, ...]]:
        """The readings themselves; for the vote only."""
        return self._logs


@dataclass(frozen=True)
class Reading:
    """One reading of one plate.

    Attributes:
        text: The likeliest text, normalised; hidden.
        confidence: How sure the less sure of the readers is of it, 0 to 1.
        ballot: What competed, for the vote over a passage; hidden.
    """

    text: Secret
    confidence: float
    ballot: CandidateScores


@dataclass(frozen=True)
class Sighting:
    """A plate, or what resembles one, in one picture.

    Attributes:
        box: Where, pixels of the picture.
        score: The finder's.
        reading: None where nothing legible stands on it.
        appeared: What is around it was not there a moment ago.
    """

    box: Box
    score: float
    reading: Reading | None = None
    appeared: bool = False


OTHERWISE = -6.0
"""Log likelihood that a reader gives to "this is no plate of these grammars", whatever it saw: a sign or a badge that
is bent into a plate costs each reader more than this."""


@dataclass(frozen=True)
class RankedTexts:
    """Texts with their shares, best first; hidden.

    Attributes:
        confidence: Of the best.
    """

    confidence: float = 0.0
    text: Secret = field(default=Secret(""), repr=False)


def judged(logs: Mapping[str, tuple[float, ...]], otherwise: float = OTHERWISE) -> RankedTexts:
    """The best text and how sure the less sure reader is of it.

    The texts compete on the sum over the readers; the confidence is the lowest of the readers' own shares and the
    joint one, so two readers that disagree are never confident.

    Args:
        logs: As in `Ballot`.
        otherwise: Log likelihood, per reader, of being no plate at all.
    """
    if not logs:
        return RankedTexts()
    joint = {text: sum(each) for text, each in logs.items()}
    best = max(joint, key=lambda text: (joint[text], text))
    readers = len(logs[best])
    own = [_share(logs[best][reader], (each[reader] for each in logs.values()), otherwise) for reader in range(readers)]
    return RankedTexts(min([*own, _share(joint[best], joint.values(), otherwise * readers)]), Secret(best))


def _share(own: float, rivals: Iterable[float], otherwise: float) -> float:
    values = [otherwise, *rivals]
    top = max(values)
    return math.exp(own - top) / sum(math.exp(value - top) for value in values)
