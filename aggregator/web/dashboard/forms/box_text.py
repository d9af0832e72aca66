"""What a box says, in the user's language: by the code that goes with it. The box's own text is English.

English pages show that text, which often says more than the code; so do others where a box sends a text alone.
"""

from __future__ import annotations

from aggregator.web.dashboard.i18n.texts import Texts
from protocol.problems import ERASURE_CAUSES, GAP_CAUSES, door_reason

ENGLISH = "en"


def box_text(text: str, code: str, words: Texts) -> str:
    """A problem that a box reports."""
    return text if words.language == ENGLISH else words.get(f"box.{code}", text)


def gap_text(cause: str, words: Texts) -> str:
    """The cause of a gap in the footage."""
    return words.get(f"gap.{GAP_CAUSES.get(cause, '')}", cause)


def erasure_text(cause: str, words: Texts) -> str:
    """Why a box erased footage; a person's reason stays as it is."""
    return words.get(f"erasure.{ERASURE_CAUSES.get(cause, '')}", cause)


def door_text(kind: str, reason: str, words: Texts) -> str:
    """The reason in an event of a door; what an adapter says of a loss is one sentence, except in English."""
    code = door_reason(reason)
    if code and (words.language != ENGLISH or code != "refused"):
        return words.get(f"door.reason.{code}", reason)
    return box_text(reason, "door.lost" if kind == "door.offline" else "", words)
