"""Connections that use up what the process may open take nothing from the broker's link."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from agg_support import Sender, event, wait_until
from port_kit import free_port

from aggregator.messaging.broker_config import BrokerCredentials
from aggregator.storage import STORES
from common.secret import Secret

FILES, FLOOD = 460, 400
"""What the process may open (the reserve alone is 384), and connections of a flood; there are two."""
FLOOD_PY = """
import contextlib, socket, sys
opened = []
for _ in range(int(sys.argv[2])):
    with contextlib.suppress(OSError):
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5)
        connection.sendall(b"GET /healthz HTTP/1.1\\r\\nX-")
        opened.append(connection)
print(len(opened), flush=True)
sys.stdin.read()
"""


def started(configuration: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "paifang.cli", "aggregator", "run", str(configuration)]
    return subprocess.Popen(
        command,
        stderr=(configuration.parent / "log").open("ab"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES)),  # noqa: PLW1509 — no threads yet
    )


def flood(port: int, stack: contextlib.ExitStack) -> int:
    """More connections than may be open, each with half a request; how many were made.

    In a process of their own: the client of `Sender` uses select(2), which knows descriptors below 1,024 only.
    """
    command = [sys.executable, "-c", FLOOD_PY, str(port), str(FLOOD)]
    process = stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.mark.timeout(120)
def test_half_open_requests_leave_the_brokers_link_alone(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    configuration = tmp_path / "aggregator.yaml"
    broker = {"kind": "embedded", "port": port}
    configuration.write_text(json.dumps({"data": "data", "http": {"port": 0}, "broker": broker}))
    process = started(configuration)
    try:
        wait_until(lambda: b'"listening"' in log.read_bytes())
        found = re.search(rb'"url": ?"http://127\.0\.0\.1:(\d+)"', log.read_bytes())
        assert found
        known = json.loads((tmp_path / "data/broker.json").read_text())["box"]
        reader = STORES["sqlite"](tmp_path / "data").reader()
        sender = Sender(port, BrokerCredentials(known["username"], Secret(known["password"])))
        sender.send(event(1))
        wait_until(lambda: reader.event_count() == 1)
        with contextlib.ExitStack() as stack:
            assert flood(int(found[1]), stack) > 50
            before = int((tmp_path / "data/broker.pid").read_text())
            os.kill(before, signal.SIGKILL)  # the new server and the new link need descriptors
            wait_until(lambda: int((tmp_path / "data/broker.pid").read_text()) != before)
            flood(int(found[1]), stack)
            sender.send(*(event(it) for it in range(2, 101)))
            wait_until(lambda: reader.event_count() == 100)
            sender.close()
        assert b"Too many open files" not in log.read_bytes()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
