"""A release: what it is, and each change that there can be, as a pure function of what was before.

    requested → approved → ready → fetched
        ↓ ↓        ↓         ↓
    refused expired failed  expired

A function gives the release after and the act that records it; the store writes both in one transaction, and only where
the release is still what it was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

import msgspec

from aggregator.domain.audit.audit_entry import Action, AuditEntry
from aggregator.domain.investigation.search_query import Nanoseconds
from common.clock import DAY_NS, SECOND_NS
from common.errors import ContractError, ReleaseError
from common.field_errors import with_text
from protocol.commands import Reason
from protocol.event_types import Name
from protocol.identifiers import one_line, to_rfc3339
from protocol.signing.chunked_aead import LONGEST_NS

State = Literal["requested", "approved", "ready", "fetched", "refused", "failed", "expired"]
STATES: tuple[State, ...] = get_args(State)
Transition = Literal["approve", "refuse", "bring", "fail", "fetch", "lapse"]
TRANSITIONS: Mapping[tuple[State, Transition], State] = {
    ("requested", "approve"): "approved",
    ("requested", "refuse"): "refused",
    ("requested", "lapse"): "expired",
    ("approved", "bring"): "ready",
    ("approved", "fail"): "failed",
    ("ready", "fetch"): "fetched",
    ("ready", "lapse"): "expired",
    ("fetched", "fetch"): "fetched",
    ("fetched", "lapse"): "fetched",
}
"""(state, transition) → state. Other transitions are refused."""
UNDECIDED_NS, MAKING_NS, READY_NS = 7 * DAY_NS, DAY_NS, 2 * DAY_NS
"""How long a request waits for a decision, an approved one for its box, and a copy for its requester."""
FETCHES, FETCHING_NS = 3, 900 * SECOND_NS
"""So often, and for so long after the first time: a download may break off."""
SYSTEM = "system"


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release.

    Attributes:
        id: UUIDv7; it stands in the picture.
        case_id: Under which case.
        site: Of the camera.
        box: That has its footage.
        camera: Whose.
        from_ns: Begin of the footage, UTC nanoseconds, as all times here.
        to_ns: Its end.
        reason: Why, in the requester's words.
        asked_by: Who asked.
        asked_ns: When.
        state: Where it stands.
        decided_by: Who approved or refused.
        decided_ns: When.
        decision: Why, in their words.
        sealed: The copy's key, sealed with the aggregator's keys; empty before and after.
        object: The copy's name among the objects, as long as it is there.
        size: Its length, bytes.
        digest: SHA-256 of the sealed copy.
        expires_ns: When the copy is destroyed at the latest.
        fetches: How often it was fetched.
        problem: Why it failed.
        problem_code: The same of `protocol.problems`, for translations.
        step: Rises with each change.
    """

    id: str
    case_id: str
    site: Name
    box: Name
    camera: Name
    from_ns: Nanoseconds
    to_ns: Nanoseconds
    reason: Reason
    asked_by: Annotated[str, msgspec.Meta(min_length=1)]
    asked_ns: Nanoseconds
    state: State = "requested"
    decided_by: str = ""
    decided_ns: Nanoseconds = 0
    decision: str = ""
    sealed: bytes = b""
    object: str = ""
    size: int = 0
    digest: str = ""
    expires_ns: Nanoseconds = 0
    fetches: int = 0
    problem: str = ""
    problem_code: str = ""
    step: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.to_ns - self.from_ns <= LONGEST_NS:
            raise ValueError("to must be later than from, by an hour at most")

    def __repr__(self) -> str:
        return f"Release({self.id}, {self.state})"


class Change(msgspec.Struct, frozen=True):
    """What the store writes, if the release is still `before`."""

    before: Release
    after: Release
    act: AuditEntry | None


def ask(fields: dict[str, object], who: str, now_ns: int) -> tuple[Release, AuditEntry]:
    """A new request, and its act.

    Args:
        fields: id, case_id, site, box, camera, from_ns, to_ns, reason.
        who: Who asks.
        now_ns: The time.

    Raises:
        ContractError: Names the field, and what is wrong.
    """
    reason = fields.get("reason")
    given = fields | ({"reason": reason.strip()} if isinstance(reason, str) else {})
    try:
        made = msgspec.convert({**given, "asked_by": who, "asked_ns": now_ns}, Release)
    except msgspec.ValidationError as error:
        text = f"release: {error}; ask for an hour at most, and write 3 to 200 printable characters as the reason"
        raise with_text(error, ContractError, text) from error
    if made.to_ns > now_ns:
        raise ContractError(
            "release: to lies in the future; ask when the footage is there",
            sentence="error.release.future",
            field="to_ns",
        )
    return made, _act(made, "release.requested", who, now_ns, reason=made.reason)


def approve(before: Release, who: str, reason: str, sealed: bytes, now_ns: int) -> Change:
    """Somebody else agrees.

    Raises:
        ReleaseError: It is their own, it was decided already, or they do not say why.
    """
    after = _decided(before, "approve", who, reason, now_ns)
    return _change(
        before, msgspec.structs.replace(after, sealed=sealed), "release.approved", who, now_ns, reason=after.decision
    )


def refuse(before: Release, who: str, reason: str, now_ns: int) -> Change:
    """Somebody else does not agree.

    Raises:
        ReleaseError: It is their own, it was decided already, or they do not say why.
    """
    after = _decided(before, "refuse", who, reason, now_ns)
    return _change(before, after, "release.refused", who, now_ns, reason=after.decision)


def bring(before: Release, name: str, size: int, digest: str, now_ns: int) -> Change:
    """The copy is here.

    Raises:
        ReleaseError: Nobody waits for it.
    """
    after = msgspec.structs.replace(
        _moved(before, "bring"), object=name, size=size, digest=digest, expires_ns=now_ns + READY_NS
    )
    return _change(before, after, "release.made", SYSTEM, now_ns, detail={"sha256": digest, "bytes": str(size)})


def fail(before: Release, problem: str, now_ns: int, code: str = "") -> Change:
    """There will be no copy; the key goes.

    Raises:
        ReleaseError: Nobody waits for it.
    """
    after = msgspec.structs.replace(_moved(before, "fail"), problem=problem[:500], problem_code=code, sealed=b"")
    detail = {"problem": code} if code else None
    return _change(before, after, "release.failed", SYSTEM, now_ns, reason=problem[:500], detail=detail)


def fetch(before: Release, who: str, now_ns: int) -> Change:
    """Its requester takes it.

    Raises:
        ReleaseError: It is not theirs, not there, or was fetched often enough.
    """
    if who != before.asked_by:
        raise ReleaseError("only who asked for it can fetch it", sentence="error.release.fetch")
    if before.state in ("ready", "fetched") and over(before, now_ns):
        raise ReleaseError(
            "this copy was fetched, or its time is over; it is destroyed. Ask again if you need to",
            sentence="error.release.over",
        )
    after = _moved(before, "fetch")
    if before.state == "ready":
        after = msgspec.structs.replace(after, expires_ns=min(before.expires_ns, now_ns + FETCHING_NS))
    after = msgspec.structs.replace(after, fetches=before.fetches + 1)
    return _change(
        before, after, "release.fetched", who, now_ns, reason=before.reason, detail={"time": str(after.fetches)}
    )


def over(release: Release, now_ns: int) -> bool:
    """Whether a copy must not be fetched any more."""
    return not release.sealed or now_ns >= release.expires_ns or release.fetches >= FETCHES


def lapse(before: Release, now_ns: int) -> Change | None:
    """What its age calls for; None: nothing. A copy's key goes first, its object after that."""
    if before.state == "requested" and now_ns >= before.asked_ns + UNDECIDED_NS:
        why = "no decision within 7 days"
        after = msgspec.structs.replace(_moved(before, "lapse"), problem=why, problem_code="release.undecided")
        return _change(before, after, "release.refused", SYSTEM, now_ns, reason=why)
    if before.state in ("ready", "fetched") and before.sealed and over(before, now_ns):
        after = msgspec.structs.replace(_moved(before, "lapse"), sealed=b"")
        why = "fetched" if before.fetches else "not fetched in time"
        return _change(before, after, "erased", SYSTEM, now_ns, reason=why, detail={"sha256": before.digest})
    return None


def swept(before: Release) -> Change:
    """Its object is gone as well; that was recorded with its key."""
    return Change(before, msgspec.structs.replace(before, object="", step=before.step + 1), None)


def _decided(before: Release, deed: Transition, who: str, reason: str, now_ns: int) -> Release:
    if who.casefold() == before.asked_by.casefold():
        raise ReleaseError(
            "a person cannot decide about their own request: a second person must", sentence="error.release.own"
        )
    return msgspec.structs.replace(
        _moved(before, deed), decided_by=who, decided_ns=now_ns, decision=check_reason(reason)
    )


def check_reason(reason: str) -> str:
    """Check the reason of a decision.

    Raises:
        ReleaseError: It has fewer than 3 or more than 200 characters, or control characters.
    """
    text = one_line(reason, 3, 200)
    if text is None:
        raise ReleaseError(
            "reason: write 3 to 200 printable characters", sentence="error.release.reason", field="reason"
        )
    return text


_NOW: Mapping[State, str] = {
    "requested": "waits for a decision", "approved": "was approved, and its box is asked for the copy",
    "ready": "is ready", "fetched": "was fetched", "refused": "was refused", "failed": "failed", "expired": "expired",
}  # fmt: skip


def _moved(before: Release, deed: Transition) -> Release:
    state = TRANSITIONS.get((before.state, deed))
    if state is None:
        by = f" by {before.decided_by}" if before.state in ("approved", "refused") else ""
        raise ReleaseError(f"this release {_NOW[before.state]}{by}", sentence="error.release.state")
    return msgspec.structs.replace(before, state=state, step=before.step + 1)


def _change(
    before: Release, after: Release, what: Action, who: str, now_ns: int, *,
    reason: str = "", detail: dict[str, str] | None = None,
) -> Change:  # fmt: skip
    return Change(before, after, _act(after, what, who, now_ns, reason=reason, detail=detail))


def _act(
    release: Release, what: Action, who: str, now_ns: int, *, reason: str, detail: dict[str, str] | None = None
) -> AuditEntry:
    about = {
        "camera": f"{release.box}/{release.camera}",
        "from": to_rfc3339(release.from_ns),
        "to": to_rfc3339(release.to_ns),
    }
    return AuditEntry(
        time_ns=now_ns, who=who, what=what, site=release.site, target=release.id, case=release.case_id, reason=reason,
        detail=about | (detail or {}),
    )  # fmt: skip
