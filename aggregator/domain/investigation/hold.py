"""A legal hold: what it is, and each change that there can be, as a pure function of what was before.

    asked → placed → ending → ended
      ↓        ↑───────┘
    refused

A row is written before its box is asked, and changed when the box has answered: after a crash in between it says that
the box has not confirmed it. Holds are never deleted: they say who kept what, for how long, and who ended that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from aggregator.domain.audit.audit_entry import Action, AuditEntry
from common.errors import CaseError
from protocol.identifiers import to_rfc3339

State = Literal["asked", "placed", "refused", "ending", "ended"]
STATES: tuple[State, ...] = get_args(State)
Transition = Literal["confirm", "refuse", "end"]
TRANSITIONS: Mapping[tuple[State, Transition], State] = {
    ("asked", "confirm"): "placed",
    ("asked", "refuse"): "refused",
    ("asked", "end"): "ending",
    ("placed", "end"): "ending",
    ("ending", "end"): "ending",
    ("ending", "confirm"): "ended",
    ("ending", "refuse"): "placed",
}
"""(state, transition) → state. Other transitions are refused."""
PROBLEM = 400


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold.

    Attributes:
        id: UUIDv7, of the command that places it; the box knows it by that.
        case_id: Under which case.
        site: Of the camera.
        box: That has its footage.
        camera: Whose.
        from_ns: Begin of the footage, UTC nanoseconds, as all times here.
        to_ns: Its end.
        until_ns: When the hold ends by itself.
        reason: Why, in the words of who placed it.
        placed_by: Who placed it.
        placed_ns: When.
        state: Where it stands; one that has ended by itself stays `placed`.
        problem: Why the box refused to place it.
        problem_code: The same of `protocol.problems`, for translations.
        ended_by: Who ended it before its time.
        ended_ns: When.
        end_reason: Why.
    """

    id: str
    case_id: str
    site: str
    box: str
    camera: str
    from_ns: int
    to_ns: int
    until_ns: int
    reason: str
    placed_by: str
    placed_ns: int
    state: State = "asked"
    problem: str = ""
    problem_code: str = ""
    ended_by: str = ""
    ended_ns: int = 0
    end_reason: str = ""

    def can_end(self, now_ns: int) -> bool:
        """Whether somebody can end it now."""
        return (self.state, "end") in TRANSITIONS and now_ns < self.until_ns


@dataclass(frozen=True)
class Change:
    """A change and its audit entry; None: it was in the log before.

    Attributes:
        before: What the hold must still be.
        after: What it becomes.
        entry: Its audit entry.
    """

    before: Hold
    after: Hold
    entry: AuditEntry | None = None


def placing(hold: Hold) -> AuditEntry:
    """The audit entry to place a hold with."""
    return _entry(hold, "hold", hold.placed_by, hold.placed_ns, hold.reason, command=hold.id)


def end(before: Hold, who: str, reason: str, now_ns: int, command: str) -> Change:
    """Somebody ends it before its time; their box is asked next.

    Raises:
        CaseError: It has ended, or was never placed.
    """
    if not before.can_end(now_ns):
        raise CaseError("this hold has ended, or was never placed", sentence="error.hold.over")
    after = msgspec.structs.replace(
        before, state=TRANSITIONS[before.state, "end"], ended_by=who, ended_ns=now_ns, end_reason=reason
    )
    return Change(before, after, _entry(before, "hold.ended", who, now_ns, reason, command=command))


def confirm(before: Hold) -> Change:
    """The box has done what it was asked to."""
    return Change(before, msgspec.structs.replace(before, state=TRANSITIONS[before.state, "confirm"]))


def refuse(before: Hold, who: str, problem: str, now_ns: int, code: str = "") -> Change:
    """The box has refused; a hold that was to end goes on."""
    entry = _entry(before, "hold.refused", who, now_ns, problem[:PROBLEM], problem=code)
    state = TRANSITIONS[before.state, "refuse"]
    if state == "refused":
        return Change(
            before, msgspec.structs.replace(before, state=state, problem=problem[:PROBLEM], problem_code=code), entry
        )
    after = msgspec.structs.replace(before, state=state, ended_by="", ended_ns=0, end_reason="")
    return Change(before, after, entry)


def _entry(
    hold: Hold, what: Action, who: str, now_ns: int, reason: str, *, command: str = "", problem: str = ""
) -> AuditEntry:
    detail = {"command": command} if command else {}
    detail |= {"problem": problem} if problem else {}
    detail |= {"hold": hold.id, "from": to_rfc3339(hold.from_ns), "to": to_rfc3339(hold.to_ns)}
    return AuditEntry(
        time_ns=now_ns, who=who, what=what, site=hold.site, target=f"{hold.box}/{hold.camera}", case=hold.case_id,
        reason=reason, detail=detail | {"until": to_rfc3339(hold.until_ns)},
    )  # fmt: skip
