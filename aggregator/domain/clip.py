"""A clip: what it is, and each change that there can be, as a pure function of what was before.

    wanted → asked → stored
        ↓      ↓
        failed

A clip is asked for once per alert, whatever is merged into the alert later: its id is the alert's. An investigator asks
for the clip of an event that was found under a case: its id is the event's; or for that of a marked range.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from aggregator.domain.alerts.types import Alert
from aggregator.domain.audit.audit_entry import AuditEntry
from common.clock import DAY_NS, SECOND_NS
from common.errors import ContractError
from common.running.backoff import exponential_s

State = Literal["wanted", "asked", "stored", "failed"]
USE = "clip"
"""Of its upload, and the folder of its object."""
KINDS = frozenset(
    {
        "zone.entered", "zone.loitering", "zone.crowded", "zone.blocked", "line.crossed", "vehicle.barred",
        "door.forced", "door.held", "door.tailgated", "door.duress",
    }
)  # fmt: skip
"""What a camera saw or, at a door, may have seen: the box knows which camera sees the doorway. Not: a camera's own
health, boxes and disks, and a door that is offline, where there is nothing to see; a card that was refused, which is
nobody's business."""
BEFORE_NS, AFTER_NS = 10 * SECOND_NS, 20 * SECOND_NS
SETTLE_NS = 5 * SECOND_NS
"""The recorder writes in parts: the last seconds are asked for when they are on the disk."""
LONGEST_WAIT_NS = 3600 * SECOND_NS
"""However far ahead a box's clock is."""
LONGEST_NS = 60 * SECOND_NS
"""Of a marked range; boxes refuse longer clips."""
MOST_OF_A_CASE = 200
GIVE_UP_NS = DAY_NS
FIRST_PAUSE_S, LONGEST_PAUSE_S = 15, 3600


class Clip(msgspec.Struct, frozen=True, kw_only=True):
    """A clip. Times are UTC nanoseconds.

    Attributes:
        id: The alert's or the event's, or its own; the job's too.
        site: Of the camera.
        box: That has its footage.
        camera: Whose; or a door, then the box takes the camera that sees it.
        from_ns: Begin of the footage.
        to_ns: Its end.
        state: Where it stands.
        made_ns: When it was wanted.
        tries: How often the box was asked.
        next_ns: When it is asked next.
        expires_ns: When all of it is erased.
        problem: Why there is none.
        problem_code: The same of `protocol.problems`, for translations.
        bytes: Its length.
        digest: SHA-256, hexadecimal.
    """

    id: str
    site: str
    box: str
    camera: str
    from_ns: int
    to_ns: int
    state: State
    made_ns: int
    next_ns: int
    expires_ns: int
    tries: int = 0
    problem: str = ""
    problem_code: str = ""
    bytes: int = 0
    digest: str = ""

    @property
    def open(self) -> bool:
        """Whether it may still come."""
        return self.state in ("wanted", "asked")

    @property
    def object(self) -> str:
        """Its name among the objects."""
        return f"{USE}/{self.id}"


def request_for_alert(alert: Alert, now_ns: int, keep_days: int) -> Clip | None:
    """The clip of an alert that has just opened; None where there is none to be had."""
    if alert.kind not in KINDS:
        return None
    from_ns, to_ns = max(0, alert.first_ns - BEFORE_NS), alert.first_ns + AFTER_NS
    return Clip(
        id=alert.id, site=alert.site, box=alert.box, camera=alert.place, from_ns=from_ns, to_ns=to_ns, state="wanted",
        made_ns=now_ns, next_ns=min(max(now_ns, to_ns + SETTLE_NS), now_ns + LONGEST_WAIT_NS),
        expires_ns=now_ns + keep_days * DAY_NS,
    )  # fmt: skip


def request_for_event(job: str, site: str, box: str, camera: str, *, time_ns: int, now_ns: int, keep_days: int) -> Clip:
    """The clip of something that an investigator has found; `job` is its event's id."""
    from_ns, to_ns = max(0, time_ns - BEFORE_NS), time_ns + AFTER_NS
    return Clip(
        id=job, site=site, box=box, camera=camera, from_ns=from_ns, to_ns=to_ns, state="wanted", made_ns=now_ns,
        next_ns=min(max(now_ns, to_ns + SETTLE_NS), now_ns + LONGEST_WAIT_NS),
        expires_ns=now_ns + keep_days * DAY_NS,
    )  # fmt: skip


class CaseClip(msgspec.Struct, frozen=True, kw_only=True):
    """The clip of a marked range, the case that it belongs to, and who asked for it."""

    clip: Clip
    case_id: str
    asked_by: str


def request_for_range(
    clip_id: str, where: tuple[str, str, str], span: tuple[int, int], *, now_ns: int, keep_days: int
) -> Clip:
    """The clip of a marked range; `where` is site, box and camera.

    Raises:
        ContractError: The range is empty, too long, or not over; names the field.
    """
    from_ns, to_ns = span
    check_range(span, now_ns)
    if to_ns - from_ns > LONGEST_NS:
        text = f"to: a clip is at most {LONGEST_NS // SECOND_NS} s long; mark a shorter range or ask for a copy"
        raise ContractError(text, sentence="error.range.long", field="to", seconds=LONGEST_NS // SECOND_NS)
    return Clip(
        id=clip_id, site=where[0], box=where[1], camera=where[2], from_ns=from_ns, to_ns=to_ns, state="wanted",
        made_ns=now_ns, next_ns=max(now_ns, to_ns + SETTLE_NS), expires_ns=now_ns + keep_days * DAY_NS,
    )  # fmt: skip


def check_range(span: tuple[int, int], now_ns: int) -> None:
    """Hold a marked range of footage against the clock.

    Raises:
        ContractError: It is empty, or not over; names the field.
    """
    if not 0 <= span[0] < span[1]:
        raise ContractError("to: must be after 'from'", sentence="error.range.order", field="to")
    if span[1] > now_ns:
        raise ContractError("to: lies in the future", sentence="error.release.future", field="to")


def mark_requested(clip: Clip, now_ns: int, problem: str = "", code: str = "") -> Clip:
    """The box was asked; `problem` is why it did not answer. It is asked again, after growing pauses."""
    pause_ns = round(exponential_s(FIRST_PAUSE_S, LONGEST_PAUSE_S, clip.tries) * SECOND_NS)
    state: State = clip.state if problem else "asked"
    return msgspec.structs.replace(
        clip, state=state, tries=clip.tries + 1, next_ns=now_ns + pause_ns, problem=problem[:300], problem_code=code
    )


def mark_failed(clip: Clip, problem: str, code: str = "") -> Clip:
    """There will be none."""
    return msgspec.structs.replace(clip, state="failed", problem=problem[:300], problem_code=code)


def expire(clip: Clip, now_ns: int) -> Clip | None:
    """What becomes of a clip that did not come in time; None: it still may."""
    if not clip.open or now_ns < clip.made_ns + GIVE_UP_NS:
        return None
    return mark_failed(clip, f"not brought within a day: {clip.problem or 'the box is making it'}", "box.day")


def mark_stored(clip: Clip, size: int, digest: str) -> Clip:
    """It is there."""
    return msgspec.structs.replace(clip, state="stored", bytes=size, digest=digest, problem="", problem_code="")


def erasure(clip: Clip, now_ns: int) -> AuditEntry:
    """The record of its end."""
    return AuditEntry(
        time_ns=now_ns, who="system", what="erased", site=clip.site, target=clip.id, reason="ceiling",
        detail={"clip": clip.digest, "camera": f"{clip.box}/{clip.camera}"},
    )  # fmt: skip
