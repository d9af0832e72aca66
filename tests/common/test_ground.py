"""Clock, back-off, secrets and logs."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from common import errors, logging_setup
from common.clock import SECOND_NS, Clock, FakeClock, SystemClock
from common.running.backoff import Backoff
from common.secret import Secret, write_private


def test_the_fake_clock_moves_only_when_told() -> None:
    clock = FakeClock()
    before: tuple[int, int] = clock.wall_ns(), clock.monotonic_ns()
    assert (clock.wall_ns(), clock.monotonic_ns()) == before
    clock.advance(1.5)
    assert clock.wall_ns() - before[0] == clock.monotonic_ns() - before[1] == 3 * SECOND_NS // 2
    clock.step_wall(-3600)
    assert clock.wall_ns() - before[0] == 3 * SECOND_NS // 2 - 3600 * SECOND_NS
    assert clock.monotonic_ns() - before[1] == 3 * SECOND_NS // 2


def test_the_system_clock_is_the_machine_s() -> None:
    clock: Clock = SystemClock()
    before = time.time_ns()
    assert before <= clock.wall_ns() <= time.time_ns()
    first = clock.monotonic_ns()
    assert clock.monotonic_ns() >= first


@given(
    st.floats(0, 1, exclude_max=True),
    st.floats(0.01, 10),
    st.floats(10, 100),
    st.integers(1, 60),
)
def test_delays_double_between_half_and_all_and_never_pass_the_cap(
    chance: float, first_s: float, cap_s: float, tries: int
) -> None:
    backoff = Backoff(lambda: chance, first_s, cap_s)
    for number in range(tries):
        top = min(cap_s, first_s * 2.0**number)
        assert top / 2 <= backoff.next_s() <= top
    backoff.reset()
    assert backoff.next_s() <= first_s


def test_a_secret_hides_everywhere_but_in_reveal() -> None:
    secret = Secret("hunter2")
    for text in (repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", repr({"a": [secret]})):
        assert "hunter2" not in text
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2")
    assert secret != Secret("hunter3")
    assert secret != "hunter2"
    assert len({secret, Secret("hunter2")}) == 1
    assert not hasattr(secret, "__dict__")


def test_a_private_file_is_for_this_user_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "key", b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_private_file_is_replaced_whole_and_past_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"old, and readable by all")
    path.chmod(0o644)
    (tmp_path / "key.new").write_bytes(b"what a crash left behind")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [it.name for it in tmp_path.iterdir()] == ["key"]


def test_a_private_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, b"one")
    with pytest.raises(TypeError):
        write_private(path, "not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"one"


@pytest.fixture
def fresh_logs() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("fresh_logs")
def test_logs_are_json_lines_in_a_pipe_and_hide_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    logging_setup.configure("info")
    log = logging_setup.get("link").bind(token="t0ken")
    log.debug("not shown")
    log.info("hello", password="p4ss", secret=Secret("s3cret"), login=Secret("l0gin"), authorization="Basic x", a=1)
    try:
        raise errors.BrokerError("gone")
    except errors.BrokerError:
        log.exception("failed", key="k3y")
    out, err = capsys.readouterr()
    assert out == ""
    first, second = (json.loads(line) for line in err.splitlines())
    assert (first["part"], first["event"], first["level"], first["a"]) == ("link", "hello", "info", 1)
    assert "BrokerError: gone" in second["exception"]
    for hidden in ("t0ken", "p4ss", "s3cret", "l0gin", "Basic x", "k3y"):
        assert hidden not in err


def test_every_error_belongs_to_the_one_tree_and_stands_in_its_drawing() -> None:
    named = [it for it in vars(errors).values() if isinstance(it, type) and issubclass(it, Exception)]
    assert len(named) > 15
    assert all(issubclass(it, errors.PaifangError) for it in named)
    assert errors.__doc__ is not None
    drawn = {word for line in errors.__doc__.splitlines() if "──" in line or line.strip() == "PaifangError"
             for word in line.replace("│", " ").replace("├──", " ").replace("└──", " ").split()[:1]}  # fmt: skip
    assert drawn == {it.__name__ for it in named}
    assert str(errors.LoginThrottled(12.4)) == "too many tries; wait 12 s"
