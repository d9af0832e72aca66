"""The HTTP API of accounts: one's own, and for administrators those of others."""

from __future__ import annotations

import math
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from aggregator.auth.account_service import AccountService
from aggregator.auth.reauthentication import Proof
from aggregator.domain.account import Account, ApiToken
from aggregator.domain.authorization import PERMISSIONS, Permission, parse
from aggregator.web.api.dependencies import Body, Who, fields_from
from common.errors import LoginThrottled, StaffError
from common.secret import Secret
from protocol.identifiers import to_rfc3339

Json = dict[str, Any]


class _User(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: str
    provider: bool = False


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    grant: str


class _Code(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    current: str = ""
    current_code: str = ""


class _Password(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current: str
    password: str
    code: str = ""


class _Token(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: str
    permissions: list[Permission]
    days: int = 90
    current: str = ""
    code: str = ""


def add(app: FastAPI, accounts: AccountService) -> None:
    """Add the routes."""
    _add_own(app, accounts)
    _add_tokens(app, accounts)
    _add_others(app, accounts)

    @app.exception_handler(StaffError)
    async def refused(_request: Request, error: StaffError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(LoginThrottled)
    async def throttled(_request: Request, error: LoginThrottled) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 429, {"Retry-After": str(math.ceil(error.wait_s))})

    @app.exception_handler(msgspec.ValidationError)
    async def malformed(_request: Request, error: msgspec.ValidationError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(msgspec.DecodeError)
    async def no_json(_request: Request, error: msgspec.DecodeError) -> JSONResponse:
        return JSONResponse({"error": f"not JSON: {error}"}, 400)


def account_json(account: Account) -> Json:
    """An account as the API shows it."""
    return {
        "user": account.name,
        "roles": [str(grant) for grant in account.grants],
        "second_factor": account.second_factor,
        "linked": account.linked,
        "created": to_rfc3339(account.created_ns),
    }


def _token_json(token: ApiToken) -> Json:
    return {
        "id": token.id,
        "label": token.label,
        "permissions": list(token.permissions),
        "made": to_rfc3339(token.made_ns),
        "expires": to_rfc3339(token.expires_ns),
    }


def _add_own(app: FastAPI, accounts: AccountService) -> None:
    @app.get("/api/me")
    def me(caller: Who) -> Json:
        permissions = [name for name in PERMISSIONS if caller.may(name)]
        return {"user": caller.name, "roles": [str(grant) for grant in caller.grants], "permissions": permissions}

    @app.put("/api/me/password")
    async def set_password(caller: Who, data: Body) -> Json:
        wanted = fields_from(data, _Password)
        proof = Proof(Secret(wanted.current), wanted.code)
        await run_in_threadpool(accounts.change_password, caller, proof, Secret(wanted.password))
        return {"changed": True}

    @app.post("/api/me/second-factor")
    async def show(caller: Who) -> Json:
        secret, link = await run_in_threadpool(accounts.show_factor, caller)
        return {"secret": secret, "link": link}

    @app.put("/api/me/second-factor")
    async def confirm(caller: Who, data: Body) -> Json:
        wanted = fields_from(data, _Code)
        proof = Proof(Secret(wanted.current), wanted.current_code)
        await run_in_threadpool(accounts.confirm_factor, caller, wanted.code, proof)
        return {"second_factor": True}


def _add_tokens(app: FastAPI, accounts: AccountService) -> None:
    @app.get("/api/tokens")
    def tokens(caller: Who) -> Json:
        return {"tokens": [_token_json(token) for token in accounts.tokens(caller)]}

    @app.post("/api/tokens", status_code=201)
    async def make(caller: Who, data: Body) -> Json:
        wanted = fields_from(data, _Token)
        proof = Proof(Secret(wanted.current), wanted.code)
        made, text = await run_in_threadpool(
            accounts.make_token, caller, wanted.label, wanted.permissions, wanted.days, proof
        )
        return _token_json(made) | {"token": text}

    @app.delete("/api/tokens/{token}")
    async def end(token: str, caller: Who) -> Json:
        await run_in_threadpool(accounts.end_token, caller, token)
        return {"ended": token}


def _add_others(app: FastAPI, accounts: AccountService) -> None:
    @app.get("/api/staff")
    def all_accounts(caller: Who) -> Json:
        return {"accounts": [account_json(account) for account in accounts.accounts(caller)]}

    @app.post("/api/staff", status_code=201)
    async def add_user(caller: Who, data: Body) -> Json:
        wanted = fields_from(data, _User)
        if wanted.provider:
            await run_in_threadpool(accounts.add_by_provider, caller, wanted.user)
            return {"user": wanted.user}
        return {"user": wanted.user, "password": await run_in_threadpool(accounts.add, caller, wanted.user)}

    @app.delete("/api/staff/{user}")
    async def remove(user: str, caller: Who) -> Json:
        await run_in_threadpool(accounts.remove, caller, user)
        return {"removed": user}

    @app.post("/api/staff/{user}/grants", status_code=201)
    async def grant(user: str, caller: Who, data: Body) -> Json:
        wanted = parse(fields_from(data, _Grant).grant)
        await run_in_threadpool(accounts.grant, caller, user, wanted)
        return {"user": user, "grant": str(wanted)}

    @app.post("/api/staff/{user}/grants/revoke")
    async def revoke(user: str, caller: Who, data: Body) -> Json:
        wanted = parse(fields_from(data, _Grant).grant)
        await run_in_threadpool(accounts.revoke, caller, user, wanted)
        return {"user": user, "revoked": str(wanted)}

    @app.delete("/api/staff/{user}/second-factor")
    async def forget_factor(user: str, caller: Who) -> Json:
        await run_in_threadpool(accounts.forget_factor, caller, user)
        return {"user": user, "second_factor": False}
