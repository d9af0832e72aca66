"""The hand-over of a shift: a document with frozen content that two people sign. Pure: time and ids are arguments.

The person who leaves signs when the document is made; the one who takes over signs the same content, by its hash, in a
session of their own. A signature is an account's decision in its own session, kept in the audit log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from common.errors import HandoverError
from protocol.identifiers import is_printable

State = Literal["waiting", "taken", "replaced"]
"""`waiting` for the signature of the one who takes over; `replaced`: the leaving shift made a newer one before it."""
MOST_ALERTS, MOST_NOTES, MOST_DEVICES, MOST_QUIET = 500, 200, 1_000, 200
"""Rows that a document holds; it has the number of all beside them."""
MOST_NOTE = 1_000
"""Characters of a note."""
SEVERITIES = ("critical", "high", "medium", "low")
"""The order of the document."""


class AlertLine(msgspec.Struct, frozen=True, kw_only=True):
    """An open alert as it stood at the hand-over. Times are UTC nanoseconds.

    Attributes:
        name: What people call the place; empty where it has no name.
        suppression: Empty, `shelved`, `silenced`, `maintenance` or `inhibited`; `by` and `until_ns` belong to it.
    """

    id: str
    site: str
    box: str
    place: str
    kind: str
    subject: str
    object: str
    severity: str
    acknowledgement: str
    assignee: str
    count: int
    first_ns: int
    last_ns: int
    name: str = ""
    acknowledged_by: str = ""
    note: str = ""
    suppression: str = ""
    by: str = ""
    until_ns: int | None = None


class BrokenDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that does not work.

    Attributes:
        device: What it is.
        place: Its id; empty for the box itself.
        state: In the box's word, such as `lost`, `offline`, `covered`.
        since_ns: Since when; None: not known.
    """

    device: Literal["camera", "door", "box"]
    site: str
    box: str
    place: str
    name: str
    state: str
    since_ns: int | None


class ShiftNote(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wrote down during the shift.

    Attributes:
        scope: `*`, a site, or `site/area`.
    """

    id: str
    scope: str
    by: str
    time_ns: int
    text: str


class QuietLine(msgspec.Struct, frozen=True, kw_only=True):
    """A silence, a maintenance window or a shelved source that has not ended.

    Attributes:
        what: Which of them.
        sites: Where.
        covers: Field of the matcher (`area`, `place`, `kind`, `subject`, `object`, `severity`) → its values; a place
            by the name that people call it. A field without values covers all.
        weekly: A maintenance window occurs each week.
    """

    what: Literal["silence", "maintenance", "shelf"]
    sites: tuple[str, ...]
    covers: dict[str, tuple[str, ...]]
    owner: str
    reason: str
    from_ns: int
    until_ns: int
    weekly: bool = False


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed over.

    Attributes:
        since_ns: The hand-over before this one; None: it is the first.
        counts: Open alerts of each severity that are shown, whatever the document's limit.
        hidden: Alerts that are shelved, silenced, under maintenance or inhibited.
        quiet: What silences, maintenance windows and shelves have not ended; documents of older versions have none.
    """

    scope: str
    since_ns: int | None
    at_ns: int
    counts: dict[str, int]
    alerts: tuple[AlertLine, ...]
    hidden_count: int
    hidden: tuple[AlertLine, ...]
    devices: tuple[BrokenDevice, ...]
    notes: tuple[ShiftNote, ...]
    quiet: tuple[QuietLine, ...] = ()
    format: int = 1


class Handover(msgspec.Struct, frozen=True, kw_only=True):
    """A hand-over document.

    Attributes:
        content: The frozen content, JSON.
        digest: Hexadecimal SHA-256 of `content` in UTF-8: what both have signed.
    """

    id: str
    scope: str
    left_by: str
    left_ns: int
    content: str
    digest: str
    state: State = "waiting"
    taken_by: str = ""
    taken_ns: int | None = None

    def read(self) -> Content:
        """The content.

        Raises:
            HandoverError: It is not what was signed.
        """
        if digest_of(self.content) != self.digest:
            raise HandoverError(f"hand-over {self.id}: the stored content is not the one that was signed")
        return msgspec.json.decode(self.content.encode(), type=Content)


def digest_of(content: str) -> str:
    """What people sign."""
    return hashlib.sha256(content.encode()).hexdigest()


def in_order(alerts: Iterable[AlertLine]) -> tuple[AlertLine, ...]:
    """By severity, then the unacknowledged ones first, then the oldest."""
    return tuple(
        sorted(
            alerts,
            key=lambda it: (
                SEVERITIES.index(it.severity), it.acknowledgement != "unacknowledged", it.first_ns, it.id,
            ),
        )
    )  # fmt: skip


def freeze(content: Content, handover_id: str, by: str) -> Handover:
    """The document, signed by the person who leaves."""
    text = msgspec.json.encode(content, order="sorted").decode()
    return Handover(
        id=handover_id, scope=content.scope, left_by=by, left_ns=content.at_ns, content=text, digest=digest_of(text)
    )


def take(handover: Handover, by: str, digest: str, now_ns: int) -> Handover:
    """The document, signed by the person who takes over.

    Args:
        handover: As stored.
        by: Their account.
        digest: Of the content that they have read.
        now_ns: The wall clock.

    Raises:
        HandoverError: It is theirs, it is signed or replaced already, or they have read another content.
    """
    handover.read()
    if handover.state == "taken":
        raise HandoverError(f"it is signed already, by {handover.taken_by}")
    if handover.state == "replaced":
        raise HandoverError("a newer hand-over has replaced it; read and sign that one")
    if by == handover.left_by:
        raise HandoverError("the person who takes over must be another one than the person who leaves")
    if digest != handover.digest:
        raise HandoverError("digest: is not that of this content; read it again")
    return msgspec.structs.replace(handover, state="taken", taken_by=by, taken_ns=now_ns)


def checked_note(text: str) -> str:
    """A note that may be stored.

    Raises:
        HandoverError: It is empty, too long, or has control characters.
    """
    stripped = text.strip()
    if not stripped or len(stripped) > MOST_NOTE or not all(is_printable(line) for line in stripped.splitlines()):
        raise HandoverError(f"text: must be 1 to {MOST_NOTE} characters, no control characters")
    return stripped


def cut(rows: Sequence[AlertLine], most: int = MOST_ALERTS) -> tuple[AlertLine, ...]:
    """The rows that a document holds."""
    return in_order(rows)[:most]
