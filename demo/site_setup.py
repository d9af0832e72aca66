"""What the demonstration's site has from the start: accounts of other people, and a vehicle list."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2

from common.errors import PaifangError
from common.secret import Secret
from demo import drawn_gate
from demo.demo_site import SITE

ROLES = {"supervisor": "supervisor", "approver": "approver", "administrator": "admin"}
"""User → role. One person alone gets no unredacted copy and connects no other platform: that needs a second one."""
TIMEOUT_S = 10.0


@dataclass(frozen=True)
class DemoUser:
    """An account of the demonstration."""

    name: str
    password: Secret


def add_users(settings: Path) -> list[DemoUser]:
    """Add the accounts, each with a new password, before the aggregator starts.

    Args:
        settings: The aggregator's settings file.

    Raises:
        PaifangError: The store does not open.
    """
    from aggregator import app
    from aggregator.domain.accounts.authorization import parse
    from aggregator.settings import aggregator

    loaded = aggregator.load(settings)
    users = [DemoUser(name, Secret(secrets.token_urlsafe(12))) for name in ROLES]
    for user in users:
        app.add_user(loaded, user.name, user.password, [parse(ROLES[user.name])])
    return users


def fill_list(page: str, supervisor: DemoUser, now: datetime | None = None) -> None:
    """Put the drawn vehicles on the site's list through the aggregator's API, as a supervisor would.

    Args:
        page: The dashboard's address.
        supervisor: Who does it.
        now: The wall clock.

    Raises:
        PaifangError: The aggregator does not take them; says what it answered.
    """
    until = ((now or datetime.now(UTC)) + timedelta(days=30)).date().isoformat()
    entries = [
        {"text": drawn_gate.REGISTERED, "standing": "registered", "owner": "House 12 (demonstration)"},
        {
            "text": drawn_gate.BARRED, "standing": "barred", "owner": "Site manager (demonstration)",
            "reason": "demonstration", "valid_until": until,
        },
    ]  # fmt: skip
    try:
        with httpx2.Client(base_url=page, headers={"Origin": page}, timeout=TIMEOUT_S) as client:
            client.post("/login", data={"name": supervisor.name, "password": supervisor.password.reveal()})
            known = {it["text"] for it in client.get(f"/api/sites/{SITE}/list").raise_for_status().json()["entries"]}
            for entry in entries:
                if entry["text"] not in known:
                    client.post(f"/api/sites/{SITE}/list", json=entry).raise_for_status()
    except (httpx2.HTTPError, ValueError, KeyError) as error:
        raise PaifangError(f"the demonstration's vehicle list cannot be filled: {error}") from error
