"""Somebody who uses the aggregator of a village over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx2
from village_kit import Village

from aggregator import app
from aggregator.domain.accounts.authorization import parse
from aggregator.settings import aggregator
from common.secret import Secret

PASSWORD = "a password for two people"


@contextlib.contextmanager
def person(village: Village, name: str, *roles: str) -> Iterator[httpx2.Client]:
    """A client of somebody with these roles, logged in."""
    told = aggregator.load(village.folder / "aggregator.yaml")
    app.add_user(told, name, Secret(PASSWORD), [parse(role) for role in roles])
    with httpx2.Client(base_url=village.url, headers={"Origin": village.url}, timeout=60.0) as client:
        assert client.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
        yield client
