"""Principals are kept for a moment, and a revocation clears them at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from agg_support import PASSWORD, Web, add_staff

from aggregator.auth.change_stamp import ChangeStamp
from aggregator.auth.principal_cache import KEEP_S, MOST, PrincipalCache
from aggregator.domain.accounts.authorization import Principal, parse
from aggregator.domain.read_models import Session
from common.clock import SECOND_NS, FakeClock

LI = Principal("li", (parse("monitor@village"),))
FAR_NS = 10**19


def test_a_principal_is_kept_for_a_moment() -> None:
    clock = FakeClock()
    cache = PrincipalCache(clock)
    cache.put("a", LI, FAR_NS, cache.generation())
    assert cache.get("a") == LI
    assert cache.get("b") is None
    clock.advance(KEEP_S)
    assert cache.get("a") is None


def test_a_session_that_expires_meanwhile_is_not_served() -> None:
    clock = FakeClock()
    cache = PrincipalCache(clock)
    cache.put("a", LI, clock.wall_ns() + SECOND_NS // 2, cache.generation())
    assert cache.get("a") == LI
    clock.advance(0.5)
    assert cache.get("a") is None


def test_what_was_read_before_a_revocation_is_not_kept() -> None:
    cache = PrincipalCache(FakeClock())
    before = cache.generation()
    cache.clear()
    cache.put("a", LI, FAR_NS, before)
    assert cache.get("a") is None


def test_a_command_on_this_machine_clears_the_cache(tmp_path: Path) -> None:
    ours, theirs = ChangeStamp(tmp_path), ChangeStamp(tmp_path)
    cache = PrincipalCache(FakeClock(), ours.read)
    for _ in range(3):
        cache.put("a", LI, FAR_NS, cache.generation())
        before = cache.generation()
        assert cache.get("a") == LI
        theirs.change()
        cache.put("a", LI, FAR_NS, before)  # read before the change, kept after it
        assert cache.generation() > before
        assert cache.get("a") is None


def test_the_cache_is_bounded() -> None:
    cache = PrincipalCache(FakeClock())
    for number in range(MOST + 1):
        cache.put(str(number), replace(LI, name=str(number)), FAR_NS, cache.generation())
    assert sum(cache.get(str(number)) is not None for number in range(MOST + 1)) == 1


def test_a_log_out_is_effective_at_once(web: Web) -> None:
    name = add_staff(web, "monitor@village")
    with web.client() as client:
        client.post("/login", data={"name": name, "password": PASSWORD})
        assert [client.get("/api/me").status_code for _ in range(5)] == [200] * 5
        kept = dict(client.cookies)
        client.post("/logout")
    with web.client() as again:
        again.cookies.update(kept)
        assert again.get("/api/me").status_code == 401


def test_a_role_that_is_taken_is_gone_with_the_next_request(web: Web) -> None:
    name = add_staff(web, "monitor@village")
    with web.client() as client, web.logged_in() as admin:
        client.post("/login", data={"name": name, "password": PASSWORD})
        assert client.get("/api/alerts").status_code == 200
        answer = admin.post(f"/api/staff/{name}/grants/revoke", json={"grant": "monitor@village"})
        assert answer.status_code == 200
        assert client.get("/api/alerts").status_code == 403


def test_many_requests_of_one_session_read_it_once(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    reader = web.parts.core.reader
    session = reader.session

    def counted(token_hash: str, now_ns: int) -> Session | None:
        reads.append(token_hash)
        return session(token_hash, now_ns)

    with web.logged_in() as client:
        monkeypatch.setattr(reader, "session", counted)
        monkeypatch.setattr("aggregator.auth.principal_cache.KEEP_S", 60.0)
        for _ in range(10):
            assert client.get("/api/me").status_code == 200
    assert len(reads) <= 2  # one, and one after something else has cleared the cache
