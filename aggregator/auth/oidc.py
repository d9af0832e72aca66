"""Log-in through an identity provider: OpenID Connect Core 1.0, code flow with PKCE (RFC 7636), state and nonce.

The provider authenticates users. Accounts and permissions are ours: an account is tied to
the provider's `sub` at its first log-in, and only one that was made for the provider can be.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import OAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from aggregator.settings.aggregator import Oidc
from common import logging_setup
from common.clock import SECOND_NS, Clock
from common.errors import LoginError
from common.secret import Secret

_log = logging_setup.get("oidc")
TIMEOUT_S = 10.0
WAIT_S = 600
MOST_WAITING = 1_000
SIGNATURES = ["RS256", "PS256", "ES256", "EdDSA"]
LEEWAY_S = 60
FAILED = "logging in through the provider did not work"


@dataclass(frozen=True)
class Subject:
    """Whom the provider vouches for.

    Attributes:
        id: Issuer and `sub`: never given to another user.
        name: What the provider calls them now.
    """

    id: str
    name: str


@dataclass(frozen=True)
class _Waiting:
    nonce: str
    verifier: str
    since_ns: int
    target: str


class OidcClient:
    """Speaks with the provider. Everything but `__init__` takes as long as the network: not for the event loop.

    Args:
        settings: Where it is and who we are there.
        secret: The client's secret.
        clock: Wall time for tokens, monotonic time for how long a log-in may take.
        token: Makes an unguessable string of at least 256 bits.
        transport: The network; None: the real one.
    """

    def __init__(
        self,
        settings: Oidc,
        secret: Secret,
        *,
        clock: Clock,
        token: Callable[[], str],
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._settings, self._secret = settings, secret
        self._clock, self._token, self._transport = clock, token, transport
        self._waiting: dict[str, _Waiting] = {}
        self._about: dict[str, Any] | None = None

    def begin(self, target: str = "") -> tuple[str, str]:
        """The address to send the browser to, and the state that it must return with.

        Args:
            target: Where the log-in leads back to. It stays here, and goes neither to the provider nor to a cookie.

        Raises:
            LoginError: The provider does not answer.
        """
        while len(self._waiting) >= MOST_WAITING:
            self._waiting.pop(next(iter(self._waiting)))
        nonce, verifier = self._token(), self._token()
        with self._mapped(), self._client() as client:
            url, state = client.create_authorization_url(
                self._endpoint(client, "authorization_endpoint"), nonce=nonce, code_verifier=verifier
            )
        self._waiting[state] = _Waiting(nonce, verifier, self._clock.monotonic_ns(), target)
        return str(url), str(state)

    def target(self, state: str) -> str:
        """Where a log-in that has begun leads back to; empty for none, and after `finish`."""
        waiting = self._waiting.get(state)
        return "" if waiting is None else waiting.target

    def finish(self, state: str, code: str) -> Subject:
        """Who has come back.

        Args:
            state: From the address, equal to the browser's cookie.
            code: From the address.

        Raises:
            LoginError: Too late, not one of ours, or the provider's answer does not hold.
        """
        waiting = self._waiting.pop(state, None)
        if waiting is None or self._clock.monotonic_ns() - waiting.since_ns > WAIT_S * SECOND_NS:
            raise LoginError(FAILED)
        with self._mapped(), self._client() as client:
            endpoint = self._endpoint(client, "token_endpoint")
            token = client.fetch_token(endpoint, code=code, code_verifier=waiting.verifier)
            answer = client.request("GET", self._endpoint(client, "jwks_uri"), withhold_token=True)
            keys = KeySet.import_key_set(answer.raise_for_status().json())
            claims = jwt.decode(token["id_token"], keys, algorithms=SIGNATURES).claims
            self._check(claims, waiting.nonce)
            return Subject(f"{claims['iss']}#{claims['sub']}", str(claims[self._settings.claim]))

    def _check(self, claims: dict[str, Any], nonce: str) -> None:
        now_s = self._clock.wall_ns() // SECOND_NS
        registry = jwt.JWTClaimsRegistry(
            now=now_s,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": self._settings.client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            sub={"essential": True},
        )
        registry.validate(claims)
        if claims.get("azp", self._settings.client_id) != self._settings.client_id:
            raise LoginError(FAILED)

    def _client(self) -> OAuth2Client:
        settings = self._settings
        return OAuth2Client(
            settings.client_id,
            self._secret.reveal(),
            redirect_uri=f"{settings.address.rstrip('/')}/login/oidc/back",
            scope="openid profile",
            code_challenge_method="S256",
            timeout=TIMEOUT_S,
            transport=self._transport,
        )

    def _endpoint(self, client: OAuth2Client, name: str) -> str:
        if self._about is None:
            address = f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration"
            about = client.request("GET", address, withhold_token=True).raise_for_status().json()
            if about["issuer"] != self._settings.issuer:
                raise LoginError(FAILED)
            self._about = about
        return str(self._about[name])

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (httpx2.HTTPError, AuthlibBaseError, JoseError, KeyError, ValueError, TypeError) as error:
            _log.warning("identity provider", problem=f"{type(error).__name__}: {error}")
            raise LoginError(FAILED) from error
