"""Fixtures that several parts use."""

from __future__ import annotations

import gc
import itertools
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from chromium_kit import chromium_program
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, BrowserContext, expect

from models.files.store import ModelStore

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
gc.set_threshold(50_000, 20, 50)  # tests make few cycles and many objects
settings.load_profile("untimed")  # how fast an example runs is no property of what is tested
expect.set_options(timeout=20_000)  # a picture takes seconds on a machine that is busy with other tests


@pytest.fixture(scope="session")
def model_store() -> ModelStore:
    """Real models, kept between runs so that they come over the network once; PAIFANG_TEST_MODELS moves the folder."""
    folder = os.environ.get("PAIFANG_TEST_MODELS") or Path.home() / ".cache" / "paifang-tests" / "models"
    return ModelStore(Path(folder))


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """Debian's Chromium instead of Playwright's own; it must not call home."""
    return {
        "executable_path": chromium_program(),
        "args": ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
    }


@pytest.fixture(scope="session")
def kept_context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all tests of a process: its cache keeps the programs of the pages, which take half of the time."""
    with browser.new_context() as context:
        yield context


@pytest.fixture
def context(kept_context: BrowserContext) -> Iterator[BrowserContext]:
    """Without sessions, storage and routes of the test before; a test that changes the context takes its own."""
    yield kept_context
    pages = [it for it in kept_context.pages if it.url.startswith("http")]
    for origin in {"{0.scheme}://{0.netloc}".format(urlsplit(it.url)) for it in pages}:
        session = kept_context.new_cdp_session(pages[0])
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
    for page in kept_context.pages:
        page.close()
    kept_context.clear_cookies()


TESTS = Path(__file__).parent
SLOW = (
    "aggregator/web/monitoring/test_ux_21_accessible.py", "aggregator/web/test_schemathesis.py",
    "e2e/test_forgetting.py", "edge/video/test_camera.py", "e2e/test_release.py", "aggregator/web/test_dashboard.py",
    "e2e/test_footage.py", "edge/sources/test_tracks.py", "aggregator/web/test_ux_investigation.py",
    "edge/access/doors/test_doors_contract.py", "aggregator/web/monitoring/test_queue.py",
    "aggregator/jobs/test_escalation_kill.py", "edge/sources/test_rtsp_login.py",
    "aggregator/web/monitoring/test_wall.py", "aggregator/messaging/test_kill.py",
    "aggregator/notifications/test_senders.py", "e2e/test_kill_each.py", "e2e/test_database_away.py",
    "aggregator/web/monitoring/test_escalation_page.py", "edge/jobs/live/test_live_handler.py",
    "aggregator/web/test_play_web.py", "aggregator/ingest/quiet/test_quiet_escalation.py",
    "aggregator/web/test_hostile_requests.py", "edge/recorder/test_rec_sound.py",
    "aggregator/web/monitoring/test_shell.py", "aggregator/web/test_live_web.py",
    "edge/redaction/test_redact_export.py", "edge/recorder/test_rec_recorder.py", "e2e/test_demo.py",
    "aggregator/auth/test_ux_accounts.py", "edge/redaction/test_face_search.py",
    "aggregator/storage/test_statistics_store.py", "e2e/test_main_job.py",
    "aggregator/web/monitoring/test_quiet_pages.py", "aggregator/web/test_clips_web.py",
    "aggregator/web/test_ux_lists.py", "e2e/test_night_shift.py", "aggregator/jobs/test_escalation_jobs.py",
    "aggregator/domain/test_roles_table.py", "edge/access/doors/test_doors_onvif.py", "edge/recorder/test_rec_box.py",
    "aggregator/web/monitoring/test_queue_procedure.py", "aggregator/web/test_webhooks_web.py",
    "pipelines/test_clips.py", "aggregator/web/test_shift_pages.py", "aggregator/jobs/test_retention.py",
    "demo/test_rtsp_server.py", "aggregator/web/test_pages_readable.py",
    "aggregator/messaging/test_broker_recovery.py", "models/test_wrappers_contract.py",
    "aggregator/web/video_out/test_consumer_hls.py",
)  # fmt: skip
"""Files whose tests take many seconds, the longest first."""
BETWEEN = 2
"""So many other files after each of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin slow files early, so that no worker is left with one at the end, but not all of them at once.

    The others follow by their number of tests. `--no-loadscope-reorder` makes xdist keep this order.
    """
    files: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path.relative_to(TESTS).as_posix()].append(item)
    rest = iter(sorted((it for it in files if it not in SLOW), key=lambda it: -len(files[it])))
    order = [it for slow in SLOW if slow in files for it in (slow, *itertools.islice(rest, BETWEEN))]
    items[:] = [item for it in (*order, *rest) for item in files[it]]


def pytest_collection_finish() -> None:
    """What collection made stays until the end: the garbage collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
