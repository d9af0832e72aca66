"""Procedures, hand-overs and notes of shifts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from aggregator.domain.alerts.types import Acknowledgement, Severity
from aggregator.domain.shift.handover import (
    MOST_NOTE,
    AlertLine,
    BrokenDevice,
    Content,
    Handover,
    QuietLine,
    ShiftNote,
)
from aggregator.domain.shift.procedure import MOST_STEPS, MOST_TEXT, MOST_VERSIONS, Checklist, Procedure
from aggregator.domain.shift.step import Step
from aggregator.web.api_models.base import (
    PRINTABLE,
    Id,
    RequestModel,
    ResponseModel,
    ShortText,
    Time,
    WordText,
    example,
    optional_time,
)
from protocol.identifiers import to_rfc3339

_SENTENCE = Annotated[str, StringConstraints(max_length=MOST_TEXT, pattern=PRINTABLE)]
_TIME = "2026-11-23T08:00:00.000000000Z"
_STEP = {"en": "Send the guard to the door.", "zh_CN": "通知保安立即到门口查看。", "required": True}
_PROCEDURE = {
    "kind": "door.forced", "site": "village", "version": 3, "steps": [_STEP], "made_by": "chen", "made": _TIME,
}  # fmt: skip
_LINE = {
    "id": "01890000-0000-7000-8000-000000000000", "site": "village", "box": "gate-1", "camera": "cam-1",
    "name": "Main gate", "kind": "zone.entered", "subject": "yard", "object": "person", "severity": "medium",
    "acknowledgement": "acknowledged", "assignee": "", "count": 2, "first": _TIME, "last": _TIME, "note": "",
    "suppression": "", "suppressed_by": "", "until": None,
}  # fmt: skip
_DEVICE = {
    "device": "camera", "site": "village", "box": "gate-1", "id": "cam-2", "name": "Hall", "state": "lost",
    "since": _TIME,
}  # fmt: skip
_NOTE = {
    "id": "01890000-0000-7000-8000-000000000001", "scope": "village", "by": "li", "time": _TIME, "text": "门禁已修。",
}  # fmt: skip
_QUIET = {
    "what": "silence", "sites": ["village"], "covers": {"place": ["Main gate"]}, "owner": "zhang",
    "reason": "building work at the gate", "from": _TIME, "until": _TIME, "weekly": False,
}  # fmt: skip
_CONTENT = {
    "scope": "village", "since": None, "at": _TIME, "counts": {"medium": 1}, "alerts": [_LINE], "hidden_count": 0,
    "hidden": [], "quiet": [_QUIET], "devices": [_DEVICE], "notes": [_NOTE],
}  # fmt: skip
_SIGNED = {
    "id": "01890000-0000-7000-8000-000000000002", "scope": "village", "state": "taken", "left_by": "li", "left": _TIME,
    "taken_by": "wu", "taken": _TIME,
    "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
}  # fmt: skip
ScopeText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=129, pattern=PRINTABLE),
    Field(description="`*`, a site, or `site/area`."),
]


class StepModel(RequestModel):
    """A step of a procedure: a sentence in one language or both."""

    model_config = example(_STEP)

    en: _SENTENCE = ""
    zh_CN: _SENTENCE = ""  # noqa: N815 — the language's code
    required: bool = Field(default=False, description="Closing an alert without it asks for a reason.")

    def step(self) -> Step:
        """As the domain has it."""
        return Step(en=self.en, zh_CN=self.zh_CN, required=self.required)

    @classmethod
    def of(cls, step: Step) -> StepModel:
        """From the domain's."""
        return cls(en=step.en, zh_CN=step.zh_CN, required=step.required)


class ProcedureRequest(RequestModel):
    """A new version of a procedure."""

    model_config = example(kind="door.forced", site="village", steps=[_STEP], after=2)

    kind: WordText
    site: ShortText = ""
    steps: list[StepModel] = Field(max_length=MOST_STEPS)
    after: int = Field(description="The version that you have seen; 0: there was none.", ge=0, lt=MOST_VERSIONS)


class ProcedureResponse(ResponseModel):
    """A version of a procedure."""

    model_config = example(_PROCEDURE)

    kind: str
    site: str = Field(description="Empty: for all sites without one of their own.")
    version: int = Field(description="0: the one that comes with the program.")
    steps: list[StepModel]
    made_by: str
    made: Time | None = Field(description="From when on it is valid.")

    @classmethod
    def of(cls, it: Procedure) -> ProcedureResponse:
        """From the domain's."""
        made = to_rfc3339(it.made_ns) if it.version else None
        steps = [StepModel.of(step) for step in it.steps]
        return cls(kind=it.kind, site=it.site, version=it.version, steps=steps, made_by=it.made_by, made=made)


class ProceduresResponse(ResponseModel):
    """Procedures."""

    model_config = example(procedures=[_PROCEDURE])

    procedures: list[ProcedureResponse]


class ChecklistStep(ResponseModel):
    """A step of an alert's procedure; `number` counts from 1."""

    model_config = example(number=1, en="Look.", zh_CN="查看画面。", required=True, done_by="li", done=_TIME)

    number: int
    en: str
    zh_CN: str  # noqa: N815 — the language's code
    required: bool
    done_by: str = Field(description="Who ticked it off; empty: nobody.")
    done: Time | None


class ChecklistResponse(ResponseModel):
    """An alert's procedure, in the version that was valid when it was opened."""

    model_config = example(
        kind="door.forced", site="", version=0,
        steps=[{"number": 1, "en": "Look.", "zh_CN": "查看画面。", "required": True, "done_by": "li", "done": _TIME}],
        open_required=[],
    )  # fmt: skip

    kind: str
    site: str
    version: int
    steps: list[ChecklistStep]
    open_required: list[int] = Field(description="Numbers of required steps that are not ticked off.")

    @classmethod
    def of(cls, it: Checklist) -> ChecklistResponse:
        """From the domain's."""
        ticked = it.ticked
        steps = [
            ChecklistStep(
                number=number, en=step.en, zh_CN=step.zh_CN, required=step.required,
                done_by=ticked[number].by if number in ticked else "",
                done=to_rfc3339(ticked[number].time_ns) if number in ticked else None,
            )
            for number, step in enumerate(it.procedure.steps, 1)
        ]  # fmt: skip
        there = it.procedure
        return cls(
            kind=there.kind, site=there.site, version=there.version, steps=steps, open_required=list(it.open_required)
        )


class TickRequest(RequestModel):
    """Whether a step is done."""

    model_config = example(done=True)

    done: bool


class HandoverLine(ResponseModel):
    """An open alert at the hand-over."""

    model_config = example(_LINE)

    id: Id
    site: str
    box: str
    camera: str
    name: str = Field(description="What people call the place; may be empty.")
    kind: str
    subject: str
    object: str
    severity: Severity
    acknowledgement: Acknowledgement
    assignee: str
    count: int
    first: Time
    last: Time
    note: str
    suppression: str = Field(description="Empty, or why it is hidden.")
    suppressed_by: str
    until: Time | None

    @classmethod
    def of(cls, it: AlertLine) -> HandoverLine:
        """From the domain's."""
        return cls.model_validate({
            "id": it.id, "site": it.site, "box": it.box, "camera": it.place, "name": it.name,
            "kind": it.kind, "subject": it.subject, "object": it.object,
            "severity": it.severity, "acknowledgement": it.acknowledgement,
            "assignee": it.assignee, "count": it.count, "first": to_rfc3339(it.first_ns),
            "last": to_rfc3339(it.last_ns), "note": it.note, "suppression": it.suppression, "suppressed_by": it.by,
            "until": optional_time(it.until_ns),
        })  # fmt: skip


class BrokenDeviceResponse(ResponseModel):
    """A device that does not work."""

    model_config = example(_DEVICE)

    device: Literal["camera", "door", "box"]
    site: str
    box: str
    id: str = Field(description="Empty for the box itself.")
    name: str
    state: str
    since: Time | None = Field(description="Null: not known.")

    @classmethod
    def of(cls, it: BrokenDevice) -> BrokenDeviceResponse:
        """From the domain's."""
        since = optional_time(it.since_ns)
        return cls(device=it.device, site=it.site, box=it.box, id=it.place, name=it.name, state=it.state, since=since)


class NoteRequest(RequestModel):
    """A note of the shift."""

    model_config = example(scope="village", text="门禁已修。")

    scope: ScopeText
    text: Annotated[str, StringConstraints(max_length=2 * MOST_NOTE)] = Field(description="1 to 1,000 characters.")


class NoteResponse(ResponseModel):
    """A note of the shift."""

    model_config = example(_NOTE)

    id: Id
    scope: str
    by: str
    time: Time
    text: str

    @classmethod
    def of(cls, it: ShiftNote) -> NoteResponse:
        """From the domain's."""
        return cls(id=it.id, scope=it.scope, by=it.by, time=to_rfc3339(it.time_ns), text=it.text)


class QuietLineResponse(ResponseModel):
    """A silence, a maintenance window or a shelved source that has not ended."""

    model_config = example(_QUIET)

    what: Literal["silence", "maintenance", "shelf"]
    sites: list[str]
    covers: dict[str, list[str]] = Field(
        description="Field (`area`, `place`, `kind`, `subject`, `object`, `severity`) and its values; none covers all."
    )
    owner: str
    reason: str
    begin: Time = Field(serialization_alias="from")
    until: Time
    weekly: bool = Field(description="It occurs each week.")

    @classmethod
    def of(cls, it: QuietLine) -> QuietLineResponse:
        """From the domain's."""
        return cls(
            what=it.what, sites=list(it.sites), covers={name: list(values) for name, values in it.covers.items()},
            owner=it.owner, reason=it.reason, begin=to_rfc3339(it.from_ns), until=to_rfc3339(it.until_ns),
            weekly=it.weekly,
        )  # fmt: skip


class ContentResponse(ResponseModel):
    """What is handed over."""

    model_config = example(_CONTENT)

    scope: str
    since: Time | None = Field(description="The hand-over before; null: there is none.")
    at: Time
    counts: dict[str, int] = Field(description="Open alerts that are shown, of each severity.")
    alerts: list[HandoverLine] = Field(description="The first 500: by severity, unacknowledged first.")
    hidden_count: int = Field(description="Alerts that are shelved, silenced, under maintenance or inhibited.")
    hidden: list[HandoverLine]
    quiet: list[QuietLineResponse] = Field(description="What has not ended, the next end first; at most 200.")
    devices: list[BrokenDeviceResponse]
    notes: list[NoteResponse]

    @classmethod
    def of(cls, it: Content) -> ContentResponse:
        """From the domain's."""
        return cls(
            scope=it.scope, since=optional_time(it.since_ns), at=to_rfc3339(it.at_ns),
            counts=it.counts, alerts=[HandoverLine.of(line) for line in it.alerts], hidden_count=it.hidden_count,
            hidden=[HandoverLine.of(line) for line in it.hidden],
            quiet=[QuietLineResponse.of(line) for line in it.quiet],
            devices=[BrokenDeviceResponse.of(device) for device in it.devices],
            notes=[NoteResponse.of(note) for note in it.notes],
        )  # fmt: skip


class HandoverRequest(RequestModel):
    """Hand the shift over."""

    model_config = example(scope="village")

    scope: ScopeText


class TakeRequest(RequestModel):
    """Take the shift over."""

    model_config = example(digest=_SIGNED["digest"])

    digest: Annotated[str, StringConstraints(min_length=64, max_length=64, pattern=r"^[0-9a-f]+$")] = Field(
        description="Of the content that you have read."
    )


class HandoverSummary(ResponseModel):
    """A document without its content."""

    model_config = example(_SIGNED)

    id: Id
    scope: str
    state: Literal["waiting", "taken", "replaced"]
    left_by: str
    left: Time
    taken_by: str = Field(description="Empty: nobody yet.")
    taken: Time | None
    digest: str = Field(description="SHA-256 of the content: what both have signed.")

    @classmethod
    def of(cls, it: Handover) -> HandoverSummary:
        """From the domain's."""
        return cls(**_summary(it))


class HandoverResponse(HandoverSummary):
    """A document; `frozen` is the text that the digest is of."""

    model_config = example({**_SIGNED, "content": _CONTENT, "frozen": '{"alerts":[]}'})

    content: ContentResponse
    frozen: str

    @classmethod
    def of(cls, it: Handover) -> HandoverResponse:
        """From the domain's.

        Raises:
            HandoverError: The stored content is not the one that was signed.
        """
        return cls(**_summary(it), content=ContentResponse.of(it.read()), frozen=it.content)


def _summary(it: Handover) -> dict[str, Any]:
    return {
        "id": it.id, "scope": it.scope, "state": it.state, "left_by": it.left_by, "left": to_rfc3339(it.left_ns),
        "taken_by": it.taken_by, "taken": optional_time(it.taken_ns),
        "digest": it.digest,
    }  # fmt: skip


class HandoversResponse(ResponseModel):
    """A page of documents, newest first."""

    model_config = example(handovers=[_SIGNED], before=None, scopes=["village"])

    handovers: list[HandoverSummary]
    before: str | None = Field(description="The parameter `before` of the next page; null: there is nothing more.")
    scopes: list[str] = Field(description="What the caller may hand over, the widest first.")
