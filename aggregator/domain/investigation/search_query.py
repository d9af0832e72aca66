"""What may be asked, and how it is answered.

There is no field for a person, a track, a credential or a vehicle's pseudonym, and there never will be one: no query
strings one of them over cameras or days. `tests/aggregator/domain/test_search_query.py` holds the list of fields.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

import msgspec

from common.clock import DAY_NS
from common.decoding import decode_json
from common.errors import ContractError
from common.field_errors import with_text
from protocol.event_types import KINDS, Name, ObjectClass
from protocol.identifiers import from_rfc3339, is_uuid7

MOST_DAYS, MOST_PLACES, MOST_SITES, MOST_ZONES, MOST_HITS = 31, 50, 500, 50, 200
OBJECTS: tuple[str, ...] = get_args(ObjectClass)
Nanoseconds = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Spot = Annotated[str, msgspec.Meta(max_length=129, pattern=r"^[A-Za-z0-9_.\-]+/[A-Za-z0-9_.\-]+$(?!\n)")]
Key = tuple[int, str]
"""(time_ns, id): hits are in this order, the greatest first."""


class SearchQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question. Within a field any value will do, and all fields must agree; an empty field asks for nothing.

    Attributes:
        from_ns: The earliest time, UTC nanoseconds.
        until_ns: The first time that is too late; at most 31 days after `from_ns`.
        sites: Whole sites.
        places: Cameras, gates and doors as `site/place`, beside those sites. Both empty: everywhere.
        kinds: Kinds of events.
        objects: Object classes.
        zones: Zones and lines by name.
        limit: Hits on a page.
    """

    from_ns: Nanoseconds
    until_ns: Nanoseconds
    sites: Annotated[tuple[Name, ...], msgspec.Meta(max_length=MOST_SITES)] = ()
    places: Annotated[tuple[Spot, ...], msgspec.Meta(max_length=MOST_PLACES)] = ()
    kinds: Annotated[tuple[str, ...], msgspec.Meta(max_length=len(KINDS))] = ()
    objects: Annotated[tuple[ObjectClass, ...], msgspec.Meta(max_length=len(OBJECTS))] = ()
    zones: Annotated[tuple[Name, ...], msgspec.Meta(max_length=MOST_ZONES)] = ()
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_HITS)] = 100

    def __post_init__(self) -> None:
        if self.until_ns <= self.from_ns:
            raise ValueError("until must be later than from")
        if self.until_ns - self.from_ns > MOST_DAYS * DAY_NS:
            raise ValueError(f"until is more than {MOST_DAYS} days after from; ask for less at a time")
        for kind in self.kinds:
            if kind not in KINDS:
                raise ValueError(f"kind '{kind[:40]}' is not known; kinds are such as zone.entered")

    def words(self) -> dict[str, str]:
        """The question as short texts, for the record."""
        filters = {name: ",".join(getattr(self, name)) for name in ("sites", "places", "kinds", "objects", "zones")}
        return {"from_ns": str(self.from_ns), "until_ns": str(self.until_ns)} | {k: v for k, v in filters.items() if v}


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was found: its metadata, and whether there is a (blurred) picture of it."""

    id: str
    site: str
    box: str
    place: str
    kind: str
    time_ns: int
    object: str
    zone: str
    picture: bool


class ResultPage(msgspec.Struct, frozen=True, kw_only=True):
    """Hits, newest first.

    Attributes:
        hits: Everything that matches from `until_ns`, or from the page before, down to `searched_until_ns`.
        searched_until_ns: How far back this page has searched; a page of an expensive query may end early.
        after: Where the next page begins; none: there is nothing more.
    """

    hits: list[SearchResult]
    searched_until_ns: int
    after: Key | None


PARAMETERS: Mapping[str, str] = {
    "site": "sites", "place": "places", "kind": "kinds", "object": "objects", "zone": "zones",
    "from": "from_ns", "until": "until_ns", "limit": "limit",
}  # fmt: skip
"""Name in an address → field of `Search`. The first five may be repeated."""
_ALONE: frozenset[str] = frozenset({"from", "until", "limit"})


def parse(parameters: Sequence[tuple[str, str]]) -> SearchQuery:
    """A question from an address: `site=village&kind=zone.entered&from=2026-11-01T00:00:00Z&until=…`.

    Raises:
        ContractError: Names the parameter, and what it may be.
    """
    fields: dict[str, object] = {}
    many: dict[str, list[str]] = {}
    for name, value in parameters:
        if name not in PARAMETERS:
            raise ContractError(f"search: '{name[:40]}' cannot be asked for; choose from {', '.join(PARAMETERS)}")
        if name in _ALONE:
            if PARAMETERS[name] in fields:
                raise ContractError(f"search: '{name}' stands twice; give it once")
            fields[PARAMETERS[name]] = _number(value, name) if name == "limit" else _time(value, name)
        else:
            many.setdefault(PARAMETERS[name], []).append(value)
    return make({**fields, **many})


def make(fields: Mapping[str, object]) -> SearchQuery:
    """A question from fields by name.

    Raises:
        ContractError: Names the field, and what is wrong.
    """
    try:
        return msgspec.convert(fields, SearchQuery, strict=True)
    except msgspec.ValidationError as error:
        raise with_text(error, ContractError, f"search: {error}") from error


def site_of(spot: str) -> str:
    """The site of a `site/place`."""
    return spot.partition("/")[0]


def _time(text: str, name: str) -> int:
    try:
        return from_rfc3339(text)
    except (ContractError, ValueError) as error:
        raise ContractError(f"search: '{name}' must be a time such as 2026-11-23T08:00:00Z") from error


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ContractError(f"search: '{name}' must be a whole number from 1 to {MOST_HITS}")
    return int(text)


class _Cursor(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    kind: Literal["s1"]
    query: str
    time_ns: Nanoseconds
    id: str


def encode_cursor(search: SearchQuery, after: Key) -> str:
    """The next page's beginning as one opaque word, good for this question only."""
    cursor = _Cursor("s1", _digest(search), *after)
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode_cursor(search: SearchQuery, text: str) -> Key:
    """Where the next page begins.

    Raises:
        ContractError: It is none, or one of another question.
    """
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = decode_json(raw, _Cursor)
    except (ValueError, ContractError) as error:
        raise ContractError("search: 'cursor' is not one that a page gave; begin anew without it") from error
    inside = search.from_ns <= cursor.time_ns <= search.until_ns and (not cursor.id or is_uuid7(cursor.id))
    if cursor.query != _digest(search) or not inside:
        raise ContractError("search: 'cursor' belongs to another question; begin anew without it")
    return cursor.time_ns, cursor.id


def _digest(search: SearchQuery) -> str:
    encoded = msgspec.json.encode(msgspec.structs.replace(search, limit=1))
    return hashlib.sha256(encoded).hexdigest()[:12]
