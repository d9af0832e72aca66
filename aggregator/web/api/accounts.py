"""The HTTP API of accounts: one's own, and for administrators those of others."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from aggregator.auth.account_service import AccountService
from aggregator.auth.accounts.grant_requests import GrantRequests
from aggregator.auth.accounts.role_conflicts import conflicts
from aggregator.auth.reauthentication import Proof
from aggregator.domain.accounts.account import Account, ApiToken, GrantRequest
from aggregator.domain.accounts.authorization import PERMISSIONS, Role, parse
from aggregator.web.api.dependencies import IdPath, UserPath, Who, errors
from aggregator.web.api_models import accounts as models
from common.errors import StaffError
from common.secret import Secret
from protocol.identifiers import to_rfc3339

_OWN, _TOKENS, _ALL = "own account", "API tokens", "accounts"


def add(app: FastAPI, accounts: AccountService, grants: GrantRequests) -> None:
    """Add the routes."""
    _add_own(app, accounts)
    _add_tokens(app, accounts)
    _add_others(app, accounts)
    _add_roles(app, accounts, grants)
    _add_requests(app, grants)


def _account(account: Account) -> models.AccountResponse:
    return models.AccountResponse(
        user=account.name,
        roles=[str(grant) for grant in account.grants],
        second_factor=account.second_factor,
        linked=account.linked,
        warnings=_warnings(conflicts(account.grants)),
        created=to_rfc3339(account.created_ns),
    )


def _warnings(pairs: list[tuple[Role, Role]]) -> list[str]:
    return [f"{one} and {other} should not be one person" for one, other in pairs]


def _request(it: GrantRequest) -> models.GrantRequestResponse:
    return models.GrantRequestResponse(
        id=it.id, user=it.user, grant=str(it.grant), asked_by=it.asked_by, asked=to_rfc3339(it.asked_ns),
        expires=to_rfc3339(it.expires_ns),
    )  # fmt: skip


def _token(token: ApiToken) -> models.TokenResponse:
    return models.TokenResponse(
        id=token.id,
        label=token.label,
        permissions=list(token.permissions),
        made=to_rfc3339(token.made_ns),
        expires=to_rfc3339(token.expires_ns),
    )


def _add_own(app: FastAPI, accounts: AccountService) -> None:
    @app.get("/api/me", tags=[_OWN])
    def show_me(caller: Who) -> models.MeResponse:
        """Who is logged in, and what they may do."""
        permissions = [name for name in PERMISSIONS if caller.may(name)]
        return models.MeResponse(
            user=caller.name, roles=[str(grant) for grant in caller.grants], permissions=permissions
        )

    @app.put("/api/me/password", tags=[_OWN])
    async def change_password(caller: Who, wanted: models.PasswordRequest) -> models.PasswordChangedResponse:
        """Change one's own password; all sessions end."""
        proof = Proof(Secret(wanted.current), wanted.code)
        await run_in_threadpool(accounts.change_password, caller, proof, Secret(wanted.password))
        return models.PasswordChangedResponse(changed=True)

    @app.post("/api/me/second-factor", tags=[_OWN])
    async def begin_second_factor(caller: Who) -> models.NewFactorResponse:
        """Make a secret for a second factor; it counts once it is confirmed."""
        secret, link = await run_in_threadpool(accounts.show_factor, caller)
        return models.NewFactorResponse(secret=secret, link=link)

    @app.put("/api/me/second-factor", tags=[_OWN])
    async def confirm_second_factor(caller: Who, wanted: models.SecondFactorRequest) -> models.FactorConfirmedResponse:
        """Confirm a second factor with a code of the new device."""
        proof = Proof(Secret(wanted.current), wanted.current_code)
        await run_in_threadpool(accounts.confirm_factor, caller, wanted.code, proof)
        return models.FactorConfirmedResponse(second_factor=True)

    @app.post("/api/me/recovery-codes", status_code=201, tags=[_OWN])
    async def create_recovery_codes(caller: Who, wanted: models.ProofRequest) -> models.RecoveryCodesResponse:
        """Make ten recovery codes, which are shown once; those that were made before end."""
        proof = Proof(Secret(wanted.current), wanted.code)
        return models.RecoveryCodesResponse(codes=await run_in_threadpool(accounts.make_recovery_codes, caller, proof))


def _add_tokens(app: FastAPI, accounts: AccountService) -> None:
    @app.get("/api/tokens", tags=[_TOKENS])
    def list_tokens(caller: Who) -> models.TokensResponse:
        """One's own API tokens, without their texts."""
        return models.TokensResponse(tokens=[_token(token) for token in accounts.tokens(caller)])

    @app.post("/api/tokens", status_code=201, tags=[_TOKENS])
    async def create_token(caller: Who, wanted: models.TokenRequest) -> models.NewTokenResponse:
        """Make an API token; its text is shown once."""
        proof = Proof(Secret(wanted.current), wanted.code)
        made, text = await run_in_threadpool(
            accounts.make_token, caller, wanted.label, wanted.permissions, wanted.days, proof
        )
        return models.NewTokenResponse(**_token(made).model_dump(), token=text)

    @app.delete("/api/tokens/{token}", tags=[_TOKENS])
    async def end_token(token: IdPath, caller: Who) -> models.TokenEndedResponse:
        """End one of one's own API tokens."""
        await run_in_threadpool(accounts.end_token, caller, token)
        return models.TokenEndedResponse(ended=token)


def _add_others(app: FastAPI, accounts: AccountService) -> None:
    @app.get("/api/staff", tags=[_ALL])
    def list_accounts(caller: Who) -> models.AccountsResponse:
        """Users within the administrator's reach."""
        return models.AccountsResponse(accounts=[_account(account) for account in accounts.accounts(caller)])

    @app.post("/api/staff", status_code=201, tags=[_ALL], response_model_exclude_none=True, responses=errors(409))
    async def add_account(caller: Who, wanted: models.NewUserRequest) -> models.NewUserResponse:
        """Add a user; the password is shown once."""
        if wanted.provider:
            await run_in_threadpool(accounts.add_by_provider, caller, wanted.user)
            return models.NewUserResponse(user=wanted.user, password=None)
        password = await run_in_threadpool(accounts.add, caller, wanted.user)
        return models.NewUserResponse(user=wanted.user, password=password)

    @app.post("/api/staff/{user}/password", tags=[_ALL])
    async def reset_password(user: UserPath, caller: Who, wanted: models.ResetRequest) -> models.NewUserResponse:
        """Give a user a new password, shown once; their sessions and tokens end."""
        if wanted.confirm != user:
            raise StaffError(f"confirm: write the user's name, '{user[:64]}'", field="confirm")
        password = await run_in_threadpool(accounts.reset_password, caller, user)
        return models.NewUserResponse(user=user, password=password)

    @app.delete("/api/staff/{user}", tags=[_ALL])
    async def remove_account(user: UserPath, caller: Who) -> models.UserRemovedResponse:
        """Remove a user; their sessions and tokens end at once."""
        await run_in_threadpool(accounts.remove, caller, user)
        return models.UserRemovedResponse(removed=user)

    @app.delete("/api/staff/{user}/second-factor", tags=[_ALL])
    async def remove_second_factor(user: UserPath, caller: Who) -> models.UserFactorResponse:
        """Turn off the second factor of a user who lost their device."""
        await run_in_threadpool(accounts.forget_factor, caller, user)
        return models.UserFactorResponse(user=user, second_factor=False)


def _add_roles(app: FastAPI, accounts: AccountService, grants: GrantRequests) -> None:
    @app.post("/api/staff/{user}/grants", status_code=201, tags=[_ALL])
    async def grant_role(user: UserPath, caller: Who, wanted: models.RoleRequest) -> models.RoleResponse:
        """Give a user a role; investigator and approver wait for another administrator."""
        role = parse(wanted.grant)
        done = await run_in_threadpool(grants.grant, caller, user, role)
        request = None if done.request is None else _request(done.request)
        return models.RoleResponse(user=user, grant=str(role), request=request, warnings=_warnings(done.warnings))

    @app.post("/api/staff/{user}/grants/revoke", tags=[_ALL])
    async def revoke_role(user: UserPath, caller: Who, wanted: models.RoleRequest) -> models.RoleRevokedResponse:
        """Take a role from a user; it counts from their next request."""
        role = parse(wanted.grant)
        await run_in_threadpool(accounts.revoke, caller, user, role)
        return models.RoleRevokedResponse(user=user, revoked=str(role))


def _add_requests(app: FastAPI, grants: GrantRequests) -> None:
    @app.get("/api/staff-requests", tags=[_ALL])
    def list_grant_requests(caller: Who) -> models.GrantRequestsResponse:
        """Roles that wait for a second administrator."""
        return models.GrantRequestsResponse(requests=[_request(it) for it in grants.waiting(caller)])

    @app.post("/api/staff-requests/{request_id}/approve", tags=[_ALL])
    async def approve_grant(request_id: IdPath, caller: Who) -> models.GrantRequestResponse:
        """Approve a role that another administrator has requested."""
        return _request(await run_in_threadpool(grants.approve, caller, request_id))

    @app.post("/api/staff-requests/{request_id}/refuse", tags=[_ALL])
    async def refuse_grant(request_id: IdPath, caller: Who) -> models.GrantRequestResponse:
        """Refuse a requested role, or withdraw one's own request."""
        return _request(await run_in_threadpool(grants.refuse, caller, request_id))
