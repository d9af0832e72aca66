"""What an entry is, and which ones can be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec

from aggregator.domain.site_lists.local_dates import UTC_ZONE, instant
from common.clock import SECOND_NS
from common.errors import ListError
from protocol.identifiers import PRINTABLE, is_printable
from protocol.plate_grammar import MAINLAND, Grammar, example, is_plate, normalise

Kind = Literal["vehicle", "credential"]
ListStatus = Literal["registered", "visitor", "barred", "revoked"]
STANDINGS: dict[Kind, tuple[ListStatus, ...]] = {
    "vehicle": ("registered", "visitor", "barred"),
    "credential": ("revoked",),
}
MOST_BARRED = timedelta(days=366)
"""Nobody is barred for longer than a year without being thought of again."""
MOST_ENTRIES = 20_000
"""A site's; so many fit into one message to its boxes."""
Words = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]


class ListEntryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A requested entry. Days and times are ISO 8601, in the site's time zone; a day alone is the whole day.

    Attributes:
        text: The plate, or the credential as its reader gives it.
        standing: What it is to be.
        owner: Whom to ask about it: a household or company, never shown outside the list.
        reason: Why; needed where it is barred or revoked.
        valid_from: Empty for at once.
        valid_until: Empty for without end; needed where it is a visitor or barred.
    """

    text: Annotated[str, msgspec.Meta(max_length=64)]
    standing: ListStatus
    owner: Words
    reason: Words = ""
    valid_from: str = ""
    valid_until: str = ""
    kind: Kind = "vehicle"


@dataclass(frozen=True)
class ListEntry:
    """An entry of a site's list.

    Attributes:
        id: What leaves a box where the entry is barred or expired.
        text: Normalised plate, or credential.
    """

    id: str
    site: str
    kind: Kind
    standing: ListStatus
    text: str
    owner: str
    reason: str
    from_ns: int | None
    until_ns: int | None
    by: str
    made_ns: int

    def __repr__(self) -> str:
        return f"Entry({self.id}, {self.standing})"


def check(
    wanted: ListEntryRequest, now_ns: int, grammars: tuple[Grammar, ...] = MAINLAND, zone: ZoneInfo = UTC_ZONE
) -> ListEntryRequest:
    """The entry as it will be kept: its text normalised.

    Raises:
        ListError: It cannot be; names the field and the fix, never the text.
    """
    if wanted.standing not in STANDINGS[wanted.kind]:
        problem = f"standing: a {wanted.kind} is {' or '.join(STANDINGS[wanted.kind])}, not {wanted.standing}"
        raise ListError(problem, sentence="error.list.standing", field="standing")
    text = normalise(wanted.text) if wanted.kind == "vehicle" else wanted.text.strip()
    if not text or (wanted.kind == "vehicle" and not is_plate(text, grammars)):
        raise _no_plate(wanted.kind, grammars)
    for name in ("owner", "reason"):
        if not is_printable(getattr(wanted, name)):
            problem = f"{name}: write it without line feeds and control characters"
            raise ListError(problem, sentence="error.printable", field=name)
    if not wanted.owner.strip():
        problem = "owner: is missing; give the person who is responsible for this entry"
        raise ListError(problem, sentence="error.list.owner", field="owner")
    if wanted.standing in ("barred", "revoked") and not wanted.reason.strip():
        problem = f"reason: is missing; {wanted.standing} needs one"
        raise ListError(problem, sentence="error.list.reason", field="reason")
    limits(wanted, now_ns, zone)
    return msgspec.structs.replace(wanted, text=text)


def _no_plate(kind: Kind, grammars: tuple[Grammar, ...]) -> ListError:
    if kind == "credential":
        return ListError(
            "text: is missing; give the card as its reader gives it", sentence="error.list.card", field="text"
        )
    return ListError(
        f"text: no plate of this site can say this; write one such as {example(grammars)}",
        sentence="error.list.plate", field="text", example=example(grammars),
    )  # fmt: skip


def limits(wanted: ListEntryRequest, now_ns: int, zone: ZoneInfo = UTC_ZONE) -> tuple[int | None, int | None]:
    """From when until when an entry is valid, UTC nanoseconds.

    Raises:
        ListError: A time cannot be; names the field and the fix.
    """
    begins = instant(wanted.valid_from, "valid_from", zone)
    ends = instant(wanted.valid_until, "valid_until", zone, end=True)
    if ends is None and wanted.standing in ("visitor", "barred"):
        problem = f"valid_until: is missing; {wanted.standing} needs an end"
        raise ListError(problem, sentence="error.list.until", field="valid_until")
    if ends is not None and ends <= max(begins or 0, now_ns):
        problem = "valid_until: has passed, or lies before valid_from"
        raise ListError(problem, sentence="error.list.passed", field="valid_until")
    first_ns = max(begins or now_ns, now_ns)
    if wanted.standing == "barred" and ends is not None and ends - first_ns > MOST_BARRED.total_seconds() * SECOND_NS:
        problem = "valid_until: barred at most a year ahead; renew it then if it is still needed"
        raise ListError(problem, sentence="error.list.year", field="valid_until")
    return begins, ends
