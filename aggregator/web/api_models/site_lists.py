"""Lists of vehicles and credentials, and commands to gates and doors."""

from __future__ import annotations

from pydantic import Field

from aggregator.domain.site_lists.list_entry import Kind, ListStatus
from aggregator.web.api_models.base import PRINTABLE, Id, RequestModel, ResponseModel, Time, example

_TIME = "ISO 8601 in the site's time zone, a day or a time; a day alone is the whole day."
_ENTRY = {
    "id": "01890000-0000-7000-8000-000000000000", "kind": "vehicle", "text": "京A12345", "standing": "visitor",
    "owner": "house 12", "reason": "", "valid_from": None, "valid_until": "2026-12-31T10:00:00.000000000Z",
    "by": "wang", "made": "2026-11-23T08:00:00.000000000Z",
}  # fmt: skip

_PASSAGE = {
    "id": "01890000-0000-7000-8000-000000000000", "kind": "vehicle.registered",
    "time": "2026-11-23T08:00:00.000000000Z", "picture": "/api/pictures/01890000-0000-7000-8000-000000000000",
}  # fmt: skip


class EntryRequest(RequestModel):
    """Adds an entry to a site's list. One with the same text that says something else gives way only with `replace`."""

    model_config = example(text="京A12345", standing="visitor", owner="house 12", valid_until="2026-12-31T18:00+08:00")

    text: str = Field(description="The plate, or the credential as its reader gives it.", max_length=64)
    standing: ListStatus
    owner: str = Field(description="Whom to ask about it: a household or company.", max_length=200, pattern=PRINTABLE)
    reason: str = Field(
        "", description="Why; needed for barred and revoked entries.", max_length=200, pattern=PRINTABLE
    )
    valid_from: str = Field("", description=f"{_TIME} Empty: at once.", max_length=64, pattern=PRINTABLE)
    valid_until: str = Field(
        "", description=f"{_TIME} Needed for visitors and barred ones.", max_length=64, pattern=PRINTABLE
    )
    kind: Kind = "vehicle"
    replace: bool = Field(
        False, description="Replace an entry with the same text, whatever it says; `reason` is then needed."
    )


class EntryResponse(ResponseModel):
    """An entry of a site's list."""

    model_config = example(_ENTRY)

    id: Id
    kind: Kind
    text: str = Field(description="Normalised plate, or credential.")
    standing: ListStatus
    owner: str
    reason: str
    valid_from: Time | None
    valid_until: Time | None
    by: str = Field(description="Who added it.")
    made: Time


class EntriesResponse(ResponseModel):
    """All entries of a site's list."""

    model_config = example(entries=[_ENTRY])

    entries: list[EntryResponse]


class ListConflictResponse(ResponseModel):
    """An entry with the same text is there and says something else; nothing was changed."""

    model_config = example(error="this plate is BARRED until 2026-12-31T10:00:00Z; nothing was changed", present=_ENTRY)

    error: str
    present: EntryResponse | None = Field(description="What is there; null without the permission `list.see`.")


class ReasonResponse(ResponseModel):
    """The list entry behind a gate's decision, without its plate."""

    model_config = example(
        entry="01890000-0000-7000-8000-000000000000", standing="barred", owner="house 12", reason="court order 12",
        valid_from=None, valid_until="2026-12-31T10:00:00.000000000Z", by="wang",
    )  # fmt: skip

    entry: Id
    standing: ListStatus
    owner: str
    reason: str
    valid_from: Time | None
    valid_until: Time | None
    by: str = Field(description="Who added it.")


class PlateResponse(ResponseModel):
    """The plate of the entry behind a gate's decision; the access is in the audit log."""

    model_config = example(text="京A12345")

    text: str


class EntryRemovedResponse(ResponseModel):
    """An entry that was removed."""

    model_config = example(removed="01890000-0000-7000-8000-000000000000")

    removed: str


class RowProblem(ResponseModel):
    """A row of a file that was not added."""

    model_config = example(line=3, problem="owner: is missing; give the person who is responsible for this entry")

    line: int = Field(description="Counts from 1, the header's line included.", ge=1)
    problem: str


class RowConflict(ResponseModel):
    """A row whose text is there with another standing, owner or limit."""

    model_config = example(line=4, standing="registered", present=_ENTRY)

    line: int = Field(description="Counts from 1, the header's line included.", ge=1)
    standing: ListStatus = Field(description="What the row says.")
    present: EntryResponse | None = Field(description="What is there; null without the permission `list.see`.")


class FileLoadedResponse(ResponseModel):
    """What became of a file's rows, or with `preview` would become of them."""

    model_config = example(added=120, problems=[{"line": 3, "problem": "owner: is missing"}], conflicts=[])

    added: int = Field(ge=0)
    problems: list[RowProblem]
    conflicts: list[RowConflict] = Field(description="Not added, unless `replace` was set.")


class CommandRequest(RequestModel):
    """Opens a gate or unlocks a door."""

    model_config = example(reason="parcel service")

    reason: str = Field("", description="Why; goes into the audit log.", max_length=400, pattern=PRINTABLE)


class CommandDoneResponse(ResponseModel):
    """The box has carried the command out."""

    model_config = example(done=True)

    done: bool


class PassageResponse(ResponseModel):
    """An event at a gate or a door; its kind is the decision. The list entry behind it has a route of its own."""

    model_config = example(_PASSAGE)

    id: Id
    kind: str
    time: Time
    picture: str | None = Field(description="Address of its redacted picture, for those with `alerts.pictures` there.")


class PassagesResponse(ResponseModel):
    """The newest events at a gate or a door, newest first."""

    model_config = example(passages=[_PASSAGE])

    passages: list[PassageResponse]
