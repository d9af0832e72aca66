"""Accounts, roles, second factors and API tokens."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from aggregator.auth.passwords import MAX_PASSWORD, MIN_PASSWORD
from aggregator.domain.accounts.authorization import PERMISSIONS, Permission
from aggregator.web.api_models.base import (
    PRINTABLE,
    CodeText,
    Id,
    PasswordText,
    RequestModel,
    ResponseModel,
    Time,
    example,
)

_CURRENT = "The password of today; not for users of the identity provider."
_CODE = "A code of the second factor, where there is one."
_ROLES = ["monitor@village"]
_ACCOUNT = {
    "user": "wang", "roles": _ROLES, "second_factor": True, "linked": False,
    "created": "2026-11-23T08:00:00.000000000Z", "warnings": [],
}  # fmt: skip
_REQUEST = {
    "id": "01890000-0000-7000-8000-000000000000", "user": "wang", "grant": "investigator@village", "asked_by": "li",
    "asked": "2026-11-23T08:00:00.000000000Z", "expires": "2026-11-30T08:00:00.000000000Z",
}  # fmt: skip
_WARNINGS = "Roles that should not meet in one person."
RoleText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE),
    Field(description="`role`, `role@site` or `role@site/area`."),
]


class NewUserRequest(RequestModel):
    """Adds a user."""

    model_config = example(user="wang")

    user: str = Field(description="The name.", min_length=1, max_length=64, pattern=PRINTABLE)
    provider: bool = Field(False, description="They log in through the identity provider and have no password here.")


class ResetRequest(RequestModel):
    """Gives a user a new password; their sessions and tokens end."""

    model_config = example(confirm="wang")

    confirm: str = Field(description="The user's name again.", max_length=64, pattern=PRINTABLE)


class ProofRequest(RequestModel):
    """Shows that it is the user themselves."""

    model_config = example(current="correct horse battery", code="123456")

    current: PasswordText = Field("", description=_CURRENT)
    code: CodeText = Field("", description=_CODE)


class RecoveryCodesResponse(ResponseModel):
    """Ten recovery codes; each replaces a code of the second factor once."""

    model_config = example(codes=["ABCD-EFGH-IJKL-MNOP"])

    codes: list[str]


class GrantRequestResponse(ResponseModel):
    """A role that one administrator has requested and another one must approve."""

    model_config = example(_REQUEST)

    id: Id
    user: str
    grant: str
    asked_by: str
    asked: Time
    expires: Time


class GrantRequestsResponse(ResponseModel):
    """Roles that wait for a second administrator."""

    model_config = example(requests=[_REQUEST])

    requests: list[GrantRequestResponse]


class RoleRequest(RequestModel):
    """A role to give or to take."""

    model_config = example(grant="monitor@village/yards")

    grant: RoleText


class SecondFactorRequest(RequestModel):
    """Confirms a second factor with a code of the new device."""

    model_config = example(code="123456", current="correct horse battery")

    code: CodeText = Field(description="A code of the new device.")
    current: PasswordText = Field("", description=_CURRENT)
    current_code: CodeText = Field("", description="A code of the device so far, where there is one.")


class PasswordRequest(RequestModel):
    """Changes one's own password; all sessions end."""

    model_config = example({"current": "correct horse battery", "password": "another long password"})

    current: PasswordText = Field(description=_CURRENT)
    password: PasswordText = Field(description=f"The new one, {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    code: CodeText = Field("", description=_CODE)


class TokenRequest(RequestModel):
    """Makes an API token."""

    model_config = example(label="wall display", permissions=["alerts.see"], days=90, current="correct horse battery")

    label: str = Field(description="What it is for.", max_length=100, pattern=PRINTABLE)
    permissions: list[Permission] = Field(
        description="What it may do: one or more of your own permissions.", max_length=len(PERMISSIONS)
    )
    days: int = Field(90, description="How long it is valid; at most 30 for users of the identity provider.", le=366)
    current: PasswordText = Field("", description=_CURRENT)
    code: CodeText = Field("", description=_CODE)


class MeResponse(ResponseModel):
    """Who is logged in, and what they may do."""

    model_config = example(user="wang", roles=_ROLES, permissions=["alerts.see", "alerts.work"])

    user: str
    roles: list[str]
    permissions: list[Permission] = Field(description="What they may do somewhere.")


class AccountResponse(ResponseModel):
    """A user."""

    model_config = example(_ACCOUNT)

    user: str
    roles: list[str]
    second_factor: bool
    linked: bool = Field(description="Tied to a person of the identity provider.")
    created: Time
    warnings: list[str] = Field(description=_WARNINGS)


class AccountsResponse(ResponseModel):
    """Users within the administrator's reach."""

    model_config = example(accounts=[_ACCOUNT])

    accounts: list[AccountResponse]


class NewUserResponse(ResponseModel):
    """A user who was added."""

    model_config = example({"user": "wang", "password": "shown once"})

    user: str
    password: str | None = Field(None, description="Shown once; absent for users of the identity provider.")


class RoleResponse(ResponseModel):
    """A role that was given or requested."""

    model_config = example(user="wang", grant="monitor@village", request=None, warnings=[])

    user: str
    grant: str
    request: GrantRequestResponse | None = Field(description="Waits for a second administrator; null: it counts now.")
    warnings: list[str] = Field(description=_WARNINGS)


class RoleRevokedResponse(ResponseModel):
    """A role that was taken."""

    model_config = example(user="wang", revoked="monitor@village")

    user: str
    revoked: str


class UserRemovedResponse(ResponseModel):
    """A user who was removed."""

    model_config = example(removed="wang")

    removed: str


class UserFactorResponse(ResponseModel):
    """A user whose second factor was turned off."""

    model_config = example(user="wang", second_factor=False)

    user: str
    second_factor: bool


class PasswordChangedResponse(ResponseModel):
    """The password was changed."""

    model_config = example(changed=True)

    changed: bool


class NewFactorResponse(ResponseModel):
    """A secret for a second factor; it counts once it is confirmed."""

    model_config = example(
        {"secret": "JBSWY3DPEHPK3PXP", "link": "otpauth://totp/Paifang:wang?secret=JBSWY3DPEHPK3PXP"}
    )

    secret: str = Field(description="Base 32.")
    link: str = Field(description="The `otpauth:` address of a QR code.")


class FactorConfirmedResponse(ResponseModel):
    """The second factor counts from now on."""

    model_config = example(second_factor=True)

    second_factor: bool


_TOKEN = {
    "id": "01890000-0000-7000-8000-000000000000", "label": "wall display", "permissions": ["alerts.see"],
    "made": "2026-11-23T08:00:00.000000000Z", "expires": "2027-02-21T08:00:00.000000000Z",
}  # fmt: skip


class TokenResponse(ResponseModel):
    """An API token, without its text."""

    model_config = example(_TOKEN)

    id: Id
    label: str
    permissions: list[Permission]
    made: Time
    expires: Time


class NewTokenResponse(TokenResponse):
    """A new API token."""

    model_config = example(_TOKEN | {"token": "shown once"})

    token: str = Field(description="What the program sends after `Authorization: Bearer`; shown once.")


class TokensResponse(ResponseModel):
    """One's own API tokens."""

    model_config = example(tokens=[_TOKEN])

    tokens: list[TokenResponse]


class TokenEndedResponse(ResponseModel):
    """A token that is no longer valid."""

    model_config = example(ended="01890000-0000-7000-8000-000000000000")

    ended: str
