"""Lists of vehicles and credentials, and commands to gates and doors."""

from __future__ import annotations

from pydantic import Field

from aggregator.domain.list_entry import Kind, ListStatus
from aggregator.web.api_models.base import PRINTABLE, Id, RequestModel, ResponseModel, Time, example

_TIME = "ISO 8601, a day or a time; a day alone is its beginning, UTC."
_ENTRY = {
    "id": "01890000-0000-7000-8000-000000000000", "kind": "vehicle", "text": "京A12345", "standing": "visitor",
    "owner": "house 12", "reason": "", "valid_from": None, "valid_until": "2026-12-31T10:00:00.000000000Z",
    "by": "wang", "made": "2026-11-23T08:00:00.000000000Z",
}  # fmt: skip


class EntryRequest(RequestModel):
    """Adds an entry to a site's list; one with the same text gives way."""

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


class EntryRemovedResponse(ResponseModel):
    """An entry that was removed."""

    model_config = example(removed="01890000-0000-7000-8000-000000000000")

    removed: str


class RowProblem(ResponseModel):
    """A row of a file that was not added."""

    model_config = example(line=3, problem="owner: is missing; give the person who is responsible for this entry")

    line: int = Field(description="Counts from 1, the header's line included.", ge=1)
    problem: str


class FileLoadedResponse(ResponseModel):
    """What became of a file's rows."""

    model_config = example(added=120, problems=[{"line": 3, "problem": "owner: is missing"}])

    added: int = Field(ge=0)
    problems: list[RowProblem]


class CommandRequest(RequestModel):
    """Opens a gate or unlocks a door."""

    model_config = example(reason="parcel service")

    reason: str = Field("", description="Why; goes into the audit log.", max_length=400, pattern=PRINTABLE)


class CommandDoneResponse(ResponseModel):
    """The box has carried the command out."""

    model_config = example(done=True)

    done: bool
