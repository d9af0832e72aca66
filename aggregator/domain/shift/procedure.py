"""Procedures: what to do about an alert, as a checklist for its kind and site. Pure: time is an argument.

A change is a new version; no version is ever changed. An alert keeps the version that was valid when it was opened, so
that its checklist does not change while somebody works on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from aggregator.domain.shift.default_procedures import DEFAULTS
from aggregator.domain.shift.step import Step
from common.errors import ProcedureError
from protocol.event_types import KINDS
from protocol.identifiers import NAME, one_line

MOST_STEPS, MOST_TEXT = 30, 300
"""Steps of a procedure; characters of a sentence."""
MOST_VERSIONS = 10_000
BUILT_IN = "built-in"
"""Who made the procedures that come with the program."""


class Procedure(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a checklist.

    Attributes:
        kind: Of the alerts.
        site: Empty: for all sites without one of their own.
        version: From 1 on; 0 is the one that comes with the program.
        steps: Empty: there is nothing to tick off.
        made_ns: From when on it is valid, UTC nanoseconds.
    """

    kind: str
    site: str
    version: int
    steps: tuple[Step, ...]
    made_by: str = BUILT_IN
    made_ns: int = 0


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A step that somebody has ticked off; `step` counts from 1."""

    alert: str
    step: int
    by: str
    time_ns: int


class Checklist(msgspec.Struct, frozen=True):
    """An alert's procedure, and which of its steps are ticked off."""

    procedure: Procedure
    ticks: tuple[Tick, ...] = ()

    @property
    def ticked(self) -> dict[int, Tick]:
        """Step → its tick."""
        return {tick.step: tick for tick in self.ticks}

    @property
    def open_required(self) -> tuple[int, ...]:
        """Required steps that are not ticked off; they count from 1."""
        done = self.ticked
        return tuple(n for n, step in enumerate(self.procedure.steps, 1) if step.required and n not in done)


def checked(kind: str, site: str, steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps of a new version.

    Raises:
        ProcedureError: A field is wrong; the text names it and the fix.
    """
    if kind not in KINDS and kind not in DEFAULTS:
        raise ProcedureError(f"kind: '{kind[:64]}' is no kind of event")
    if site and not NAME.fullmatch(site):
        raise ProcedureError("site: must be 1 to 64 of letters, digits, '_', '.', '-', or empty for all sites")
    if len(steps) > MOST_STEPS:
        raise ProcedureError(f"steps: {len(steps)} are too many; at most {MOST_STEPS}")
    return tuple(_checked_step(number, step) for number, step in enumerate(steps, 1))


def _checked_step(number: int, step: Step) -> Step:
    texts = {language: one_line(getattr(step, language), 0, MOST_TEXT) for language in ("en", "zh_CN")}
    for language, text in texts.items():
        if text is None:
            raise ProcedureError(
                f"steps.{number}.{language}: must be one line of at most {MOST_TEXT} characters, no control characters"
            )
    if not any(texts.values()):
        raise ProcedureError(f"steps.{number}: needs a sentence in en or zh_CN")
    return msgspec.structs.replace(step, **texts)


def built_in(kind: str) -> Procedure:
    """The procedure that comes with the program; without steps for a kind that has none."""
    return Procedure(kind=kind, site="", version=0, steps=DEFAULTS.get(kind, ()))


def valid_at(versions: Iterable[Procedure], kind: str, site: str, time_ns: int) -> Procedure:
    """The version that was valid at a time: the site's newest one, else that for all sites, else the built-in one.

    Args:
        versions: Of any kinds and sites.
        kind: Of the alert.
        site: Of the alert.
        time_ns: When the alert was opened, UTC nanoseconds.
    """
    there = [it for it in versions if it.kind == kind and it.site in ("", site) and it.made_ns <= time_ns]
    return max(there, key=lambda it: (it.site != "", it.version), default=built_in(kind))


def closing_problem(checklist: Checklist, note: str) -> str:
    """Why an alert may not be closed so; empty: it may. A reason in the note is enough."""
    missing = checklist.open_required
    if not missing or note.strip():
        return ""
    numbers = ", ".join(map(str, missing))
    return f"note: required steps are not ticked off ({numbers}); tick them off, or give the reason in the note"
