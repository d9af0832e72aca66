"""Browsers in small, in a process of their own: each holds the page's feed and asks what the page asks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Awaitable, Callable

import httpx2

from benchmarks.centre.dashboard_kit import PASSWORD, USERS

HEALTH_S, LIST_S, DETAIL_S = 5.0, 30.0, 10.0
"""The page asks for the health every 5 s; an operator reads the list again, and looks at an alert, about so often."""


class Client:
    """One browser."""

    def __init__(self, url: str, user: str) -> None:
        limits = httpx2.Limits(max_connections=6)
        self.user, self.alerts, self.resets, self.requests, self.failed = user, 0, 0, 0, 0
        self._http = httpx2.AsyncClient(
            base_url=url, headers={"Origin": url}, timeout=60.0, verify=False, limits=limits
        )
        self._newest = ""

    async def enter(self) -> None:
        """Log in, and load the page."""
        await self._log_in()
        await self._get("/")
        await self._get("/api/places")
        await self._list()

    async def stay(self, seconds: float) -> None:
        """Do what an open page does."""
        work = (
            self._feed(),
            self._often(HEALTH_S, self._health),
            self._often(LIST_S, self._list),
            self._often(DETAIL_S, self._detail),
        )
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*work)
        await self._http.aclose()

    async def _log_in(self) -> None:
        """As soon as the server takes it: 50 log-ins at once from one address are slowed down."""
        while True:
            answer = await self._http.post("/login", data={"name": self.user, "password": PASSWORD})
            if answer.status_code == 303:
                return
            if answer.status_code not in (429, 503):
                raise RuntimeError(f"log-in of {self.user}: HTTP {answer.status_code}")
            await asyncio.sleep(min(2.0, float(answer.headers.get("retry-after", "1"))))

    async def _often(self, every_s: float, run: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(every_s)
            await run()

    async def _feed(self) -> None:
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                async with self._http.stream("GET", "/api/alerts/changes") as answer:
                    async for line in answer.aiter_lines():
                        self._heard(line)
            self.resets += 1
            await asyncio.sleep(3.0)

    def _heard(self, line: str) -> None:
        if line == "event: reset":
            self.resets += 1
        elif line.startswith("data:"):
            alerts = json.loads(line.removeprefix("data:")).get("alerts", [])
            self.alerts += sum(it["version"] == 1 for it in alerts)
            self._newest = alerts[-1]["id"] if alerts else self._newest

    async def _health(self) -> None:
        await self._get("/healthz")

    async def _list(self) -> None:
        await self._get("/api/alerts?order=urgency&limit=100")

    async def _detail(self) -> None:
        if self._newest:
            await self._get(f"/api/alerts/{self._newest}")

    async def _get(self, path: str) -> None:
        self.requests += 1
        try:
            self.failed += (await self._http.get(path)).status_code >= 400
        except httpx2.HTTPError:
            self.failed += 1


async def work(url: str, count: int, seconds: float) -> dict[str, float]:
    """So many browsers for so long, counted from when all are in; what they have seen. Says `ready` then."""
    clients = [Client(url, USERS[it % len(USERS)]) for it in range(count)]
    await asyncio.gather(*(it.enter() for it in clients))
    print("ready", flush=True)
    started = time.monotonic()
    results = await asyncio.gather(*(it.stay(seconds) for it in clients), return_exceptions=True)
    for problem in {repr(it) for it in results if it is not None}:
        print(problem, file=sys.stderr)
    return {
        "seconds": time.monotonic() - started,
        "clients": sum(it is None for it in results),
        "requests": sum(it.requests for it in clients),
        "failed": sum(it.failed for it in clients),
        "resets": sum(it.resets for it in clients),
        "least_alerts": min(it.alerts for it in clients),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(work(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
