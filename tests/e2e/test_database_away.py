"""The database goes away for a while under an open page: PostgreSQL's connections are cut, and new ones fail."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import postgres_kit
import pytest
from centre_kit import Centre, running_centre
from playwright.sync_api import Page, expect
from postgres_kit import Server

from protocol.event_types import CameraCovered, CameraLost

MONITOR, TYPED = "wang", "The guard is on the way."
_CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL"


@contextlib.contextmanager
def away(server: Server) -> Iterator[None]:
    """Nobody reaches the server meanwhile."""
    (socket,) = (it for it in server.folder.glob(".s.PGSQL.*") if it.suffix != ".lock")
    moved = socket.with_name("moved")
    with server.connect() as admin:
        socket.rename(moved)
        try:
            admin.execute(_CUT)
            yield
        finally:
            moved.rename(socket)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_kit.running("fsync=off") as made:
        yield made


@pytest.fixture
def centre(server: Server, tmp_path: Path) -> Iterator[Centre]:
    postgres = msgspec.to_builtins(server.new_database())
    with running_centre(tmp_path, {MONITOR: "monitor"}, store="postgres", postgres=postgres) as made:
        yield made


@pytest.mark.timeout(240)
def test_the_page_says_so_nothing_typed_or_seen_is_lost_and_it_goes_on(
    centre: Centre, server: Server, page: Page
) -> None:
    centre.send(1, ("cam-1", CameraLost()))
    centre.sender.wait()
    centre.log_in(page, MONITOR)
    rows, health = page.get_by_test_id("alert-row"), page.get_by_test_id("health")
    expect(rows).to_have_count(1)
    expect(health).to_contain_text("normal")
    page.keyboard.press("n")
    field = page.get_by_test_id("note-text")
    field.fill(TYPED)
    with away(server):
        centre.send(2, ("cam-2", CameraCovered()))
        expect(health).to_contain_text("The database cannot be written", timeout=30_000)
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("dialog-problem")).to_contain_text("The database does not answer", timeout=30_000)
        expect(field).to_have_value(TYPED)
        expect(rows).to_have_count(1)
        assert centre.sender.waiting == 1, "the box keeps what is not committed"
    expect(health).to_contain_text("normal", timeout=60_000)
    expect(field).to_have_value(TYPED)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("note-dialog")).to_have_count(0)
    centre.sender.wait()
    expect(
        rows.or_(page.get_by_test_id("new-alerts")).filter(has_text="covered").or_(page.get_by_text("1 new"))
    ).to_have_count(1)
    with centre.client(MONITOR) as client:
        found = client.get("/api/alerts").json()["alerts"]
        assert {it["camera"]: it["note"] for it in found} == {"cam-1": TYPED, "cam-2": ""}
