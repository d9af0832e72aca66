"""What an entry is, and which ones can be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

from common.clock import SECOND_NS
from common.errors import ListError
from protocol.identifiers import PRINTABLE, is_printable
from protocol.plate_grammar import MAINLAND, Grammar, is_plate, normalise

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
LATEST_NS = 1 << 62
"""In the year 2116: the database stores 64 bits."""
Words = Annotated[str, msgspec.Meta(max_length=200, pattern=PRINTABLE)]


class ListEntryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A requested entry. Days and times are ISO 8601; a day alone is its beginning, UTC.

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


def check(wanted: ListEntryRequest, now_ns: int, grammars: tuple[Grammar, ...] = MAINLAND) -> ListEntryRequest:
    """The entry as it will be kept: its text normalised.

    Raises:
        ListError: It cannot be; names the field and the fix, never the text.
    """
    if wanted.standing not in STANDINGS[wanted.kind]:
        raise ListError(f"standing: a {wanted.kind} is {' or '.join(STANDINGS[wanted.kind])}, not {wanted.standing}")
    text = normalise(wanted.text) if wanted.kind == "vehicle" else wanted.text.strip()
    if not text or (wanted.kind == "vehicle" and not is_plate(text, grammars)):
        raise ListError("text: no plate can say this; check province, letters (no I, no O) and length")
    for name in ("owner", "reason"):
        if not is_printable(getattr(wanted, name)):
            raise ListError(f"{name}: write it without line feeds and control characters")
    if not wanted.owner.strip():
        raise ListError("owner: is missing; give the person who is responsible for this entry")
    if wanted.standing in ("barred", "revoked") and not wanted.reason.strip():
        raise ListError(f"reason: is missing; {wanted.standing} needs one")
    _check_times(wanted, now_ns)
    return msgspec.structs.replace(wanted, text=text)


def _check_times(wanted: ListEntryRequest, now_ns: int) -> None:
    begins, ends = moment(wanted.valid_from, "valid_from"), moment(wanted.valid_until, "valid_until")
    if ends is None and wanted.standing in ("visitor", "barred"):
        raise ListError(f"valid_until: is missing; {wanted.standing} needs an end")
    if ends is not None and ends <= max(begins or 0, now_ns):
        raise ListError("valid_until: has passed, or lies before valid_from")
    first_ns = max(begins or now_ns, now_ns)
    if wanted.standing == "barred" and ends is not None and ends - first_ns > MOST_BARRED.total_seconds() * SECOND_NS:
        raise ListError("valid_until: barred at most a year ahead; renew it then if it is still needed")


def moment(text: str, field: str) -> int | None:
    """ISO 8601 → UTC nanoseconds; None for an empty text.

    Raises:
        ListError: It is none.
    """
    if not text.strip():
        return None
    try:
        when = datetime.fromisoformat(text.strip())
        time_ns = round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()) * SECOND_NS
        if not 0 <= time_ns < LATEST_NS:
            raise OverflowError(text)
        return time_ns
    except (ValueError, OverflowError, OSError) as error:
        problem = "write a day or time from 1970 to 2115, such as 2026-12-31 or 2026-12-31T18:00+08:00"
        raise ListError(f"{field}: {problem}") from error
