"""Which entries of a list an addition would replace, and whether that needs a person's decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aggregator.domain.site_lists.list_entry import ListEntry
from common.errors import ListError
from protocol.identifiers import to_rfc3339

STRICT = ("barred", "revoked")
"""Any change to one of these needs a decision: a shorter time lets somebody in as well."""


@dataclass(frozen=True)
class Conflict:
    """An entry that is there, and one with the same text that is to take its place."""

    present: ListEntry
    wanted: ListEntry


class ListConflict(ListError):
    """Entries with the same text are there with another standing, owner or limit; nothing was changed.

    Args:
        found: What is there, and what was to take its place.
    """

    def __init__(self, found: Sequence[Conflict]) -> None:
        self.found = tuple(found)
        present = self.found[0].present
        until = f" until {to_rfc3339(present.until_ns)}" if present.until_ns is not None else ""
        what = "this plate" if present.kind == "vehicle" else "this credential"
        super().__init__(
            f"{what} is {present.standing.upper()}{until} ({len(self.found)} such); nothing was changed. "
            "To replace it send replace: true and a reason",
            sentence="error.list.conflict", field="text", count=len(self.found),
        )  # fmt: skip


def conflict(present: ListEntry, wanted: ListEntry, now_ns: int) -> Conflict | None:
    """The conflict between an entry that is there and one with the same text; None: it may be replaced unasked.

    An entry that has expired decides nothing any more, and an unchanged one loses nothing. A longer or shorter time of
    the same registered or visiting vehicle with the same owner is a renewal.
    """
    if present.until_ns is not None and present.until_ns <= now_ns:
        return None
    same = (present.standing, present.owner) == (wanted.standing, wanted.owner)
    if same and present.standing in STRICT:
        same = (present.reason, present.from_ns, present.until_ns) == (wanted.reason, wanted.from_ns, wanted.until_ns)
    return None if same else Conflict(present, wanted)
