"""A site with two cameras whose live views come from a fake box, and consumers of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
from agg_support import Sender, Web, add_staff, plain_client, wait_until
from live_video import FakeVideoBox
from web.test_consumers_web import decide, request

from aggregator.domain.audit.audit_entry import AuditEntry
from protocol.receipts import BoxStatus, CameraStatus, encode

SITE, BOX = "videosite", "video-box"
LIVE = f"/api/feed/live/{SITE}/{BOX}/front"


@dataclass
class Approved:
    """A consumer, and a client with its token."""

    id: str
    name: str
    client: httpx2.Client


@contextlib.contextmanager
def video_site(web: Web, site: str = SITE) -> Iterator[FakeVideoBox]:
    """The site's box reports its cameras; the relay gets live views from the fake box meanwhile."""
    sender = Sender(web.broker_port, web.account, BOX, site=site)
    cameras = [
        CameraStatus(id="front", name="Front", state="up", width=1920, height=1080),
        CameraStatus(id="back", name="Back"),
    ]  # fmt: skip
    sender.raw(encode(BoxStatus(online=True, cameras=cameras)), sender.topics.status)
    wait_until(lambda: sum(it.site == site for it in web.parts.core.reader.cameras()) == 2)
    relay = web.parts.use_cases.live.relay
    before, box = relay.remote, FakeVideoBox(relay)
    relay.remote = box  # type: ignore[assignment]
    try:
        yield box
    finally:
        wait_until(lambda: not relay.views)
        relay.remote = before
        sender.close()


def approved(web: Web, site: str = SITE, **more: Any) -> Approved:
    """A new consumer of the site with live video."""
    with web.logged_in() as mine:
        made = request(mine, **{"places": [site], "media": ["live"], "requests_per_minute": 6000} | more)
    with web.logged_in(add_staff(web, "admin")) as other:
        assert decide(other, made, "approved").status_code == 200
        token = other.post(f"/api/consumers/{made['id']}/token").json()["token"]
    return Approved(made["id"], made["name"], plain_client(web.url, {"Authorization": f"Bearer {token}"}))


def change(web: Web, it: Approved, action: str) -> None:
    """Pause, resume or revoke a consumer."""
    with web.logged_in() as client:
        assert decide(client, {"id": it.id}, action).status_code == 200


def logged(web: Web, it: Approved) -> list[AuditEntry]:
    """The entries of the consumer's streams."""
    return [entry for entry in web.audit_entries() if entry.who == f"consumer:{it.name}"]
