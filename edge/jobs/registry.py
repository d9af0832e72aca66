"""The box's jobs, put together from its settings: releases, clips and live views; `edge/app.py` uses it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from common.clock import Clock
from edge.jobs.clips.factory import clip_handler
from edge.jobs.command_jobs import CommandJobs, JobHandler
from edge.jobs.job_store import SqliteJobStore
from edge.jobs.live.factory import live_handler
from edge.jobs.releases.factory import release_handler
from edge.messaging.upload_client import UploadClient
from edge.recorder.factory import RecorderService
from edge.redaction.live_redactor import LiveRedactor
from edge.redaction.two_pass_redactor import ExportRedactor
from edge.settings.node import BoxSettings


def build_jobs(
    settings: BoxSettings,
    base: Path,
    footage: RecorderService | None,
    uplink: UploadClient | None,
    *,
    clock: Clock,
    films: Callable[[], ExportRedactor],
    views: Callable[[float, int], LiveRedactor],
) -> CommandJobs:
    """The jobs that the settings allow; without an uplink or a trust file there are none.

    Args:
        settings: The box's.
        base: Folder that they are relative to.
        footage: What is recorded.
        uplink: Uploads to the aggregator.
        clock: Wall and monotonic.
        films: Opens what redacts videos.
        views: Opens what redacts a view of so many frames a second, with such a lead.

    Raises:
        FootageError: The signing key cannot be used.
        SettingsError: The trust file cannot be used.
    """
    built: dict[str, JobHandler | None] = {
        "release": release_handler(settings, base, footage, uplink, clock),
        "clip": clip_handler(settings, base, footage, uplink, films),
        "live": live_handler(settings, base, footage, uplink, clock=clock, redactor=views),
    }
    handlers = {kind: handler for kind, handler in built.items() if handler is not None}
    return CommandJobs(handlers, SqliteJobStore(base / settings.data / "jobs.sqlite3"), clock, random.random)
