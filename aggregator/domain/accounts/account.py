"""What is kept about who works here, and the changes to it, as data: a store carries each out with its act."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from aggregator.domain.accounts.authorization import Permission, RoleAssignment


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user without secrets.

    Attributes:
        second_factor: They must give a code at the log-in.
        linked: They log in through the identity provider.
    """

    name: str
    grants: tuple[RoleAssignment, ...] = ()
    one_time: bool = False
    second_factor: bool = False
    linked: bool = False
    created_ns: int = 0


class ApiToken(msgspec.Struct, frozen=True, kw_only=True):
    """An API token: acts as its user with some of their permissions. Only its SHA-256 is kept."""

    id: str
    token_hash: str
    user: str
    label: str
    permissions: tuple[Permission, ...]
    made_ns: int
    expires_ns: int


class TotpSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A second factor: the secret, sealed, and the newest time step that was used (RFC 6238)."""

    user: str
    sealed: bytes
    last_step: int = 0


@dataclass(frozen=True)
class PutUser:
    """Add a user, or give one a new password, which ends their sessions; `grants` are added to what they have.

    Attributes:
        new: Only where there is none of that name.
    """

    name: str
    password_hash: str
    created_ns: int
    one_time: bool = False
    grants: tuple[RoleAssignment, ...] = ()
    new: bool = False


@dataclass(frozen=True)
class DropUser:
    """Remove a user with roles, sessions, tokens and second factor."""

    name: str


@dataclass(frozen=True)
class PutGrant:
    """Give a role."""

    user: str
    grant: RoleAssignment


@dataclass(frozen=True)
class DropGrant:
    """Take a role."""

    user: str
    grant: RoleAssignment


@dataclass(frozen=True)
class PutToken:
    """Keep a token."""

    token: ApiToken


@dataclass(frozen=True)
class DropToken:
    """End a token."""

    user: str
    id: str


@dataclass(frozen=True)
class PutFactor:
    """Keep a second factor."""

    factor: TotpSecret


@dataclass(frozen=True)
class DropFactor:
    """Do without it again."""

    user: str


@dataclass(frozen=True)
class PutLink:
    """Tie a subject of the identity provider to a user who has none yet."""

    subject: str
    user: str


class GrantRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A role that one administrator wants for a user and another one must approve."""

    id: str
    user: str
    grant: RoleAssignment
    asked_by: str
    asked_ns: int
    expires_ns: int


@dataclass(frozen=True)
class PutGrantRequest:
    """Keep a request; what expired before is dropped."""

    request: GrantRequest


@dataclass(frozen=True)
class ApproveGrant:
    """Give the role of a request that has not expired, and drop the request."""

    request: GrantRequest
    now_ns: int


@dataclass(frozen=True)
class DropGrantRequest:
    """Refuse a request."""

    id: str


@dataclass(frozen=True)
class PutRecoveryCodes:
    """Replace a user's recovery codes, given as hashes; only for a user with a second factor."""

    user: str
    hashes: tuple[str, ...]


Change = (
    PutUser | DropUser | PutGrant | DropGrant | PutToken | DropToken | PutFactor | DropFactor | PutLink
    | PutGrantRequest | ApproveGrant | DropGrantRequest | PutRecoveryCodes
)  # fmt: skip
