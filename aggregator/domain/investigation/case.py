"""Cases: each search needs a case with a purpose and a legal basis.

A case is for one site, and may be for some of its places and some time only. It ends by itself. Opening and closing
one, and every search, has an entry in the audit log; the store writes case and entry in one transaction.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

import msgspec

from aggregator.domain.audit.audit_entry import AuditEntry
from aggregator.domain.investigation.search_query import MOST_PLACES, Nanoseconds, SearchQuery, Spot, site_of
from common.clock import DAY_NS
from common.errors import CaseError, ContractError
from common.field_errors import with_text
from protocol.event_types import Name
from protocol.identifiers import PRINTABLE, to_rfc3339

Basis = Literal[
    "incident", "police_request", "court_order", "insurance_claim", "subject_request", "safety_review",
]  # fmt: skip
BASES: tuple[Basis, ...] = get_args(Basis)
"""The legal basis of a case."""
MOST_CASE_DAYS = 180
_REFERENCE = r"^[\w][\w .:#/\-]*$(?!\n)"
Reference = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=_REFERENCE)]


def is_reference(text: str) -> bool:
    """Whether a case may have this id.

    >>> is_reference("INC-2026/118"), is_reference("-1"), is_reference("a" * 65)
    (True, False, False)
    """
    return len(text) <= 64 and re.match(_REFERENCE, text) is not None


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A case as it was opened.

    Attributes:
        id: The reference that people know it by, such as a file number.
        purpose: In words: what is to be found out.
        basis: The legal basis.
        site: The one site that it is about.
        places: Places of that site, as `site/place`; empty: all.
        from_ns: Nothing before may be searched; none: no such limit. UTC nanoseconds, as all times here.
        until_ns: Nothing from then on may be searched; none: no such limit.
        expires_ns: When the case ends by itself.
        opened_by: Who opened it.
        opened_ns: When.
        closed_by: Who closed it; empty while it is open.
        closed_ns: When.
    """

    id: Reference
    purpose: Annotated[str, msgspec.Meta(min_length=10, max_length=500, pattern=PRINTABLE)]
    basis: Basis
    site: Name
    expires_ns: Nanoseconds
    opened_by: str
    opened_ns: Nanoseconds
    places: Annotated[tuple[Spot, ...], msgspec.Meta(max_length=MOST_PLACES)] = ()
    from_ns: Nanoseconds | None = None
    until_ns: Nanoseconds | None = None
    closed_by: str = ""
    closed_ns: Nanoseconds | None = None

    def __post_init__(self) -> None:
        if not self.purpose.strip():
            raise ValueError("purpose must say what is to be found out")
        for place in self.places:
            if site_of(place) != self.site:
                raise ValueError(f"place '{place}' is not of the site '{self.site}'")
        if self.from_ns is not None and self.until_ns is not None and self.until_ns <= self.from_ns:
            raise ValueError("until_ns must be later than from_ns")
        if not self.opened_ns < self.expires_ns <= self.opened_ns + MOST_CASE_DAYS * DAY_NS:
            raise ValueError(f"expires_ns must be later than now, by {MOST_CASE_DAYS} days at most")

    def open_at(self, now_ns: int) -> bool:
        """Whether it can be worked on."""
        return self.closed_ns is None and now_ns < self.expires_ns


def new(fields: dict[str, object], who: str, now_ns: int) -> tuple[Case, AuditEntry]:
    """A case to open and its audit entry, for `CaseWriter.open_case`.

    Args:
        fields: Of `Case`, as a form gives them; who and when are not asked for.
        who: Who opens it.
        now_ns: The time.

    Raises:
        ContractError: Names the field, and what is wrong.
    """
    given = {name: value for name, value in fields.items() if name in _FIELDS}
    if unknown := set(fields) - set(given):
        raise ContractError(f"case: '{min(unknown)}' is not a field; choose from {', '.join(_FIELDS)}")
    try:
        case = msgspec.convert({**given, "opened_by": who, "opened_ns": now_ns}, Case, strict=True)
    except msgspec.ValidationError as error:
        raise with_text(error, ContractError, f"case: {error}") from error
    detail = {"basis": case.basis, "expires_ns": str(case.expires_ns)}
    detail |= {"places": ",".join(case.places)} if case.places else {}
    detail |= {name: str(value) for name in ("from_ns", "until_ns") if (value := getattr(case, name)) is not None}
    entry = AuditEntry(
        time_ns=now_ns, who=who, what="case.opened", site=case.site, case=case.id, reason=case.purpose, detail=detail
    )
    return case, entry


_FIELDS = ("id", "purpose", "basis", "site", "expires_ns", "places", "from_ns", "until_ns")


def closing(case: Case, who: str, now_ns: int) -> AuditEntry:
    """The audit entry to close a case with, for `CaseWriter.close_case`."""
    return AuditEntry(time_ns=now_ns, who=who, what="case.closed", site=case.site, case=case.id)


def permit(case: Case, search: SearchQuery, who: str, now_ns: int) -> AuditEntry:
    """The audit entry of a search, to be written before anything is shown.

    Raises:
        CaseError: The query exceeds the case; the message names the limit and how to keep it.
    """
    if case.closed_ns is not None:
        raise CaseError(
            f"case {case.id} was closed by {case.closed_by}; open a new one", sentence="error.case.closed", case=case.id
        )
    if now_ns >= case.expires_ns:
        raise CaseError(
            f"case {case.id} has expired on {to_rfc3339(case.expires_ns)}; open a new one",
            sentence="error.case.closed",
            case=case.id,
        )
    _place(case, search)
    if case.from_ns is not None and search.from_ns < case.from_ns:
        raise CaseError(
            f"case {case.id} begins at {to_rfc3339(case.from_ns)}; search from then on",
            sentence="error.case.begins",
            field="from",
            case=case.id,
        )
    if case.until_ns is not None and search.until_ns > case.until_ns:
        raise CaseError(
            f"case {case.id} ends at {to_rfc3339(case.until_ns)}; search until then",
            sentence="error.case.ends",
            field="until",
            case=case.id,
        )
    return AuditEntry(time_ns=now_ns, who=who, what="search", site=case.site, case=case.id, detail=search.words())


def _place(case: Case, search: SearchQuery) -> None:
    asked = {*search.sites, *map(site_of, search.places)}
    if asked != {case.site}:
        raise CaseError(
            f"case {case.id} is about the site '{case.site}' only; name that site, or places of it",
            sentence="error.case.site",
            case=case.id,
        )
    if case.places and (search.sites or not set(search.places) <= set(case.places)):
        raise CaseError(
            f"case {case.id} is about {', '.join(case.places)} only; name these, or some of them",
            sentence="error.case.places",
            case=case.id,
        )
