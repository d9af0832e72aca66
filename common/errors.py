"""The one error tree of Paifang.

    PaifangError
    ├── SettingsError        a configuration that cannot be used; names file, line, key and the fix
    ├── ContractError        a message or event that breaks the contract; names the path inside it
    ├── ModelError           a manifest or a model that cannot be used
    │   ├── HashMismatch     bytes that are not the bytes the manifest promises
    │   └── ModelUnavailable no source of a manifest could be reached
    ├── SourceError          a video source
    │   ├── SourceLost       it was there and is not any more (also: it ended cleanly)
    │   ├── SourceRefused    it answered no: no such stream
    │   │   └── LoginRefused it refused user and password
    │   └── StreamBroken     it delivers bytes that cannot be decoded
    ├── RedactionError       a picture that could not be blurred, so there is no picture
    ├── OutboxError          the durable queue of the box
    ├── FootageError         recorded footage: a file, a row, a range or a hold that cannot be used
    │   ├── FootageBroken    bytes that do not authenticate, a key that is not there
    │   ├── FootageRefused   not allowed: an unredacted export, erasing within the minimum retention
    │   └── DiskTrouble      the disk of the footage is full, read-only, missing or replaced
    ├── DoorError            a door's controller
    │   ├── DoorLost         it does not answer, or what it sends cannot be read
    │   └── DoorRefused      one side refused: a wrong key or password, a replay, a wrong clock
    ├── UplinkError          the box's way to the aggregator over HTTP
    │   └── UplinkRefused    the aggregator does not want it, or not any more
    ├── JobError             a job that cannot be accepted, changed or stored
    │   └── JobQueueFull     too many jobs of a kind are open
    ├── TryAgain             a job that cannot be done now and is tried again after a pause
    ├── RelayError           a gate's relay did not take the command
    ├── ListError            a site's list: an entry that cannot be, or a store that cannot be read
    ├── RecordError          the audit log was changed, or cannot be verified
    ├── CommandError         a box did not execute a command
    ├── BrokerError          the MQTT broker
    │   └── BrokerRefused    it answered no: wrong user, password or topic
    ├── StoreError           the aggregator's database
    │   └── KeysMissing      what it keeps cannot be opened without its keys.json
    ├── CaseError            a search that its case does not allow, or a case that cannot be
    ├── ReleaseError         an unredacted copy that cannot be requested, decided, made or fetched
    ├── QuietError           a silence, maintenance window or shelf that cannot be
    ├── EscalationError      a chain, rota or calendar that cannot be; names the field
    ├── NotificationError    a target, a link or a dead letter that cannot be used; gives the reason
    ├── StaffError           an account, a role or a token that cannot be
    │   └── UserExists       a name that is in use, or looks like one that is
    ├── ProcedureError       a checklist or a tick that cannot be
    ├── HandoverError        a hand-over that cannot be made or signed now
    ├── PlanError            a plan, its picture or a symbol on it that cannot be
    ├── FeedError            a consumer, a webhook or a cursor that cannot be; names the field and the fix
    │   ├── FeedThrottled    a consumer's quota is used up; gives the time to wait
    │   ├── PushFailed       a receiver did not take live video; gives the reason
    │   ├── FeedConflict     not possible in the consumer's present state
    │   └── CursorExpired    what follows a cursor is not kept any more; gives the oldest cursor
    ├── Forbidden            that is not among your roles
    └── LoginError           a log-in that failed (never names which half was wrong)
        └── LoginThrottled   too many tries; gives the time to wait

Foreign exceptions are mapped to these once, in the module that meets them.
"""

from __future__ import annotations

from collections.abc import Sequence


class PaifangError(Exception):
    """Root of every error that Paifang raises on purpose.

    Args:
        text: The sentence for programs and logs, in English.
        sentence: Key of the same sentence in the texts of a user interface; empty: it has none.
        field: The field of a form that the error is about.
        values: Fill the braces of that sentence.
    """

    def __init__(self, *text: object, sentence: str = "", field: str = "", **values: object) -> None:
        super().__init__(*text)
        self.sentence, self.field, self.values = sentence, field, values


class SettingsError(PaifangError):
    """A configuration that cannot be used.

    Args:
        where: ``file`` or ``file:line``.
        key: Dotted path of the offending key, ``cameras[0].zones[1].polygon``; empty for the whole file.
        problem: What is wrong, and what to write instead.
        more: Further errors of the same file; each has a line of its own in the text.
    """

    def __init__(self, where: str, key: str, problem: str, more: Sequence[SettingsError] = ()) -> None:
        self.where = where
        self.key = key
        self.problem = problem
        self.more = tuple(more)
        first = ": ".join(part for part in (where, key, problem) if part)
        super().__init__("\n".join([first, *map(str, self.more)]))


class ContractError(PaifangError):
    """A message or event that breaks the contract; the text names the path inside the message."""


class ModelError(PaifangError):
    """A manifest or a model that cannot be used."""


class HashMismatch(ModelError):
    """Bytes that are not the bytes the manifest promises."""


class ModelUnavailable(ModelError):
    """No source of a manifest could be reached; the text lists each source with its reason."""


class SourceError(PaifangError):
    """A video source."""


class SourceLost(SourceError):
    """The source was there and is not any more; a stream that ends cleanly is lost too."""


class SourceRefused(SourceError):
    """The source answered no: wrong user or password, no such stream."""


class LoginRefused(SourceRefused):
    """The source refused user and password: to try again at once locks the user out."""


class StreamBroken(SourceError):
    """The source delivers bytes that cannot be decoded."""


class RedactionError(PaifangError):
    """A picture that could not be blurred. There is no picture then, never a clear one."""


class OutboxError(PaifangError):
    """The durable queue of the box."""


class FootageError(PaifangError):
    """Recorded footage: a file, a row, a range or a hold that cannot be used."""


class FootageBroken(FootageError):
    """Bytes that do not authenticate, or a key that is not there."""


class FootageRefused(FootageError):
    """Not allowed: an unredacted export, erasing within the minimum retention."""


class DiskTrouble(FootageError):
    """The disk of the footage is full, read-only, missing, or replaced.

    Args:
        cause: `full`, `changed` or `failed`.
        problem: What happened and what to do.
    """

    def __init__(self, cause: str, problem: str) -> None:
        self.cause = cause
        super().__init__(problem)


class DoorError(PaifangError):
    """A door's controller."""


class DoorLost(DoorError):
    """The controller does not answer, or what it sends cannot be read."""


class DoorRefused(DoorError):
    """One side refused: a wrong key or password, a replayed message, a wrong clock."""


class UplinkError(PaifangError):
    """The box's way to the aggregator over HTTP: it does not answer, or cannot take something now."""


class UplinkRefused(UplinkError):
    """The aggregator does not want it, or not any more."""


class JobError(PaifangError):
    """A job that cannot be accepted, changed or stored; gives the reason."""


class JobQueueFull(JobError):
    """Too many jobs of a kind are open."""


class TryAgain(PaifangError):
    """A job that cannot be done now and is tried again after a pause; gives the reason."""


class RelayError(PaifangError):
    """A gate's relay did not take the command."""


class ListError(PaifangError):
    """A site's list: an entry that cannot be, or what is kept cannot be read."""


class RecordError(PaifangError):
    """The audit log was changed, or cannot be verified; names the place."""


class CommandError(PaifangError):
    """A box did not execute a command, or did not get it; gives the reason."""


class BrokerError(PaifangError):
    """The MQTT broker."""


class BrokerRefused(BrokerError):
    """The broker answered no: wrong user, password or topic."""


class StoreError(PaifangError):
    """The aggregator's database."""


class KeysMissing(StoreError):
    """What the database keeps is sealed, and its `keys.json` is missing or another one."""


class CaseError(PaifangError):
    """A search that its case does not allow, or a case that is not there; names the limit."""


class ReleaseError(PaifangError):
    """An unredacted copy that cannot be requested, decided, made or fetched now; gives the reason."""


class ProcedureError(PaifangError):
    """A checklist, a step or a tick that cannot be; the text names the field."""


class PlanError(PaifangError):
    """A plan, its picture, a symbol on it or a site's position that cannot be; the text names the field."""


class HandoverError(PaifangError):
    """A hand-over or a note that cannot be made or signed now."""


class QuietError(PaifangError):
    """A silence, a maintenance window or a shelf that cannot be; names the field and the fix."""


class EscalationError(PaifangError):
    """A chain, rota or calendar that cannot be, or was changed by somebody else meanwhile; names the field."""


class NotificationError(PaifangError):
    """A target, a link or a dead letter that cannot be used; gives the reason and repeats no address."""


class FeedError(PaifangError):
    """A consumer, a webhook or a cursor that cannot be; names the field and the fix."""


class FeedConflict(FeedError):
    """Not possible in the present state of the consumer or webhook."""


class PushFailed(FeedError):
    """A receiver of live video did not take it, or not any more; repeats nothing of its address."""


class FeedThrottled(FeedError):
    """A quota of a consumer is used up.

    Args:
        wait_s: When it is worth trying again, seconds from now.
        what: Which quota.
    """

    def __init__(self, wait_s: float, what: str) -> None:
        self.wait_s = wait_s
        super().__init__(f"{what}; try again in {wait_s:.0f} s")


class CursorExpired(FeedError):
    """What follows a cursor is not kept any more.

    Args:
        oldest: The oldest cursor that can be read from.
    """

    def __init__(self, oldest: str) -> None:
        self.oldest = oldest
        super().__init__(f"after: what follows this cursor is not kept any more; the oldest cursor is {oldest}")


class StaffError(PaifangError):
    """An invalid account, role, second factor or token; gives the reason."""


class UserExists(StaffError):
    """There is a user of that name, or of one that cannot be told from it."""


class Forbidden(PaifangError):
    """Whoever asks may not do this here; names the permission that is missing."""


class LoginError(PaifangError):
    """A log-in that failed; never names which half was wrong."""


class LoginThrottled(LoginError):
    """Too many tries.

    Args:
        wait_s: When it is worth trying again, seconds from now.
    """

    def __init__(self, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(f"too many tries; wait {wait_s:.0f} s", sentence="throttled", seconds=f"{wait_s:.0f}")
