"""kill -9 at any instant: every step of every alert is taken once, and its message reaches the receiver."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import yaml
from agg_support import wait_until
from escalation_kit import ENTRY, alert, target
from receivers import Webhook, webhook

from aggregator.domain.accounts.account import PutUser
from aggregator.domain.accounts.authorization import RoleAssignment, Scope
from aggregator.domain.read_models import Batch
from aggregator.domain.store_port import Reader
from aggregator.services.monitoring.delivery import SEALED
from aggregator.storage import STORES
from aggregator.storage.keyring import KeyRing
from common.clock import SystemClock

ALERTS, LEVELS, KILLS = 12, 3, 4
SCRIPT = """
import sys, threading
from pathlib import Path
from aggregator import app
from aggregator.settings import aggregator as settings
app.run(settings.load(Path(sys.argv[1])), threading.Event(), roles={"jobs"})
"""
EVERYWHERE = Scope(everywhere=True)
PEOPLE = [f"user-{number}" for number in range(LEVELS)]


def configuration(folder: Path) -> Path:
    levels = [{"notify": [f"user:{it}"], "name": it, "minutes": {"critical": 0.05}} for it in PEOPLE]
    path = folder / "aggregator.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "data": str(folder / "data"),
                "sites": {"village": {"timezone": "Asia/Shanghai"}},
                "notifications": {"networks": ["127.0.0.0/8"]},
                "escalation": {"village": {"chains": {"all": {"areas": ["*"], "levels": levels}}}},
            }
        )
    )
    return path


def fill(folder: Path, hook: Webhook) -> Reader:
    """Alerts, users and their targets; the reader of the store."""
    data = folder / "data"
    data.mkdir()
    keys, now_ns = KeyRing(data, random.randbytes), SystemClock().wall_ns()
    store = STORES["sqlite"](data)
    writer = store.writer()
    for number, name in enumerate(PEOPLE, 1):
        writer.change_account(PutUser(name, "h", now_ns, grants=(RoleAssignment("monitor"),)), ENTRY)
        sealed = keys.hidden(SEALED, hook.url(name))
        writer.put_target(target(number, user=name, sealed=sealed), 10, ENTRY)
    alerts = {str(it): alert(it, place=f"cam-{it}", opened_ns=now_ns) for it in range(1, ALERTS + 1)}
    writer.apply(Batch(alerts=alerts))
    writer.close()
    return store.reader()


def started(path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def steps(reader: Reader) -> int:
    return sum(len(reader.taken_steps(alert(it).id)) for it in range(1, ALERTS + 1))


def moved_on(reader: Reader, hook: Webhook) -> None:
    """Until one more step was taken or one more message came, or all were."""
    before = (steps(reader), len(hook.bodies))
    wait_until(lambda: (steps(reader), len(hook.bodies)) != before or before[0] == ALERTS * LEVELS, 120)


def expected(hook: Webhook) -> Counter[tuple[int, str]]:
    """(alert, level) → how often its message came."""
    return Counter(
        (number, level)
        for text in [it["title"] + it["message"] for it in hook.bodies]
        for number in range(1, ALERTS + 1)
        for level in PEOPLE
        if f"cam-{number}," in text and f"level: {level}" in text
    )


@pytest.mark.timeout(600)
def test_every_step_is_taken_once_whenever_the_process_is_killed(tmp_path: Path) -> None:
    chance = random.Random(1)
    with webhook() as hook:
        reader, path = fill(tmp_path, hook), configuration(tmp_path)
        process, kills = started(path), 0
        try:
            while kills < KILLS:
                # at an instant while it works: when it has come so far, and a little later
                moved_on(reader, hook)
                time.sleep(chance.random() * 0.5)
                process.kill()
                process.wait()
                kills += 1
                process = started(path)
            wait_until(lambda: steps(reader) == ALERTS * LEVELS and len(expected(hook)) == ALERTS * LEVELS, 150)
        finally:
            process.kill()
            process.wait()
    for number in range(1, ALERTS + 1):
        taken = reader.taken_steps(alert(number).id)
        assert [it.step for it in taken] == list(range(LEVELS)), "each step once, in order"
        assert len({it.timer for it in taken}) == 1
        users = [msgspec.json.decode(it.detail)["users"] for it in taken]
        assert users == [[name] for name in PEOPLE]
        actions = Counter(it.action for it in reader.history(alert(number).id, 100))
        assert actions["escalated"] == LEVELS
    sent = reader.notifications(["sent", "waiting"], EVERYWHERE, None, 1_000)
    assert len(sent) == len({it.effect for it in sent}) == ALERTS * LEVELS
    assert set(expected(hook)) == {(number, level) for number in range(1, ALERTS + 1) for level in PEOPLE}
