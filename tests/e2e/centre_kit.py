"""A centre of its own for end-to-end tests: the aggregator's process, its people, a box that sends over MQTT, and where
notifications go.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml
from agg_support import PASSWORD, Sender, event, plain_client, wait_until
from playwright.sync_api import Page
from port_kit import free_port
from receivers import Mailbox, Webhook, mailbox, webhook
from village_kit import Program

from aggregator import app
from aggregator.domain.accounts.authorization import parse
from aggregator.messaging.broker_config import accounts
from aggregator.settings import aggregator as aggregator_settings
from aggregator.settings.aggregator import EmbeddedBroker
from common.secret import Secret
from demo.process_supervisor import answers
from protocol.event_types import Data

SITE = "village"


@dataclass
class Centre:
    """The aggregator's process, and what it needs around it."""

    url: str
    program: Program
    sender: Sender
    webhook: Webhook
    mailbox: Mailbox

    @contextlib.contextmanager
    def client(self, name: str) -> Iterator[httpx2.Client]:
        """Somebody who is logged in, without a browser."""
        with plain_client(self.url, {"Origin": self.url}) as client:
            assert client.post("/login", data={"name": name, "password": PASSWORD}).status_code == 303
            yield client

    def log_in(self, page: Page, name: str) -> None:
        """Somebody opens the dashboard."""
        page.goto(self.url)
        page.get_by_test_id("login-name").fill(name)
        page.get_by_test_id("login-password").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)

    def send(self, first: int, *seen: tuple[str, Data]) -> None:
        """Events of now, as (place, what), from a number on."""
        now_ns = time.time_ns()
        self.sender.send(*(event(it, data, place=at, time_ns=now_ns) for it, (at, data) in enumerate(seen, first)))


@contextlib.contextmanager
def running_centre(folder: Path, people: Mapping[str, str], **settings: Any) -> Iterator[Centre]:
    """Start it, and stop it afterwards.

    Args:
        folder: A new one.
        people: Name → role at the site.
        settings: More sections of the settings file.
    """
    http, broker = free_port(), free_port()
    basic = {
        "data": "data",
        "http": {"port": http, "public_url": f"http://127.0.0.1:{http}"},
        "broker": {"kind": "embedded", "port": broker},
        "sites": {SITE: {"name": "Stone Bridge Village", "timezone": "Asia/Shanghai"}},
        "notifications": {"networks": ["127.0.0.0/8"]},
    }
    path = folder / "aggregator.yaml"
    path.write_text(yaml.safe_dump(basic | settings))
    read = aggregator_settings.load(path)
    assert isinstance(read.broker, EmbeddedBroker)
    for name, role in people.items():
        app.add_user(read, name, Secret(PASSWORD), [parse(f"{role}@{SITE}")])
    program = Program(["aggregator", "run", str(path)], folder / "aggregator.log")
    with webhook() as hook, mailbox() as mails:
        program.start()
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{http}/healthz"), 60)
            sender = Sender(broker, accounts(folder / "data", read.broker, app.new_token)["box"])
            yield Centre(f"http://127.0.0.1:{http}", program, sender, hook, mails)
            sender.close()
        finally:
            assert program.stop() == 0
