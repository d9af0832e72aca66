"""The request for an unredacted copy, checked on the box too, whatever the aggregator has checked."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import FootageRefused
from protocol.commands import Command
from protocol.identifiers import NAME, is_uuid7
from protocol.signing.chunked_aead import LONGEST_NS, Secrets
from protocol.signing.upload_tokens import unseal


@dataclass(frozen=True)
class ReleaseRequest:
    """A release that two people agreed to.

    Attributes:
        job: Its id.
        camera: Of which camera.
        from_ns: Its begin, UTC nanoseconds.
        to_ns: Its end; at most an hour later.
        asked_by: Who asked.
        approved_by: The approver: another person.
        case: Under which case.
        reason: Why, in the asker's words.
        secrets: Its upload's ticket and its file's key.
    """

    job: str
    camera: str
    from_ns: int
    to_ns: int
    asked_by: str
    approved_by: str
    case: str
    reason: str
    secrets: Secrets


def order_of(command: Command, site_key: bytes) -> ReleaseRequest:
    """The order in a command whose signature was checked.

    Args:
        command: As it came.
        site_key: Opens what is sealed for the site.

    Raises:
        FootageRefused: It is not allowed; says which point.
        ContractError: Its ticket is not sealed for this site and job.
    """
    for name, value in (("by", command.by), ("approved_by", command.approved_by)):
        if not NAME.fullmatch(value):
            raise FootageRefused(f"no unredacted copy: '{name}' names nobody")
    if command.by.casefold() == command.approved_by.casefold():
        raise FootageRefused("no clear copy: who asked and who approved must be two people")
    if not is_uuid7(command.job):
        raise FootageRefused("no clear copy: 'job' is no release's id")
    if not command.case.strip():
        raise FootageRefused("no clear copy: 'case' is empty")
    if not 0 < command.to_ns - command.from_ns <= LONGEST_NS:
        raise FootageRefused("no clear copy: its end must be after its start, by an hour at most")
    secrets = Secrets.parse(unseal(site_key, command.job, command.ticket))
    return ReleaseRequest(
        command.job, command.target, command.from_ns, command.to_ns, command.by, command.approved_by,
        command.case, command.reason, secrets,
    )  # fmt: skip
