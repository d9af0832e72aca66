"""Structured logs: JSON lines to standard error in a pipe, plain lines on a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

_SECRET_KEYS = frozenset({"password", "token", "secret", "key", "authorization"})


def _hide_secrets(_logger: Any, _method: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for key in _SECRET_KEYS & entry.keys():
        entry[key] = "***"
    return entry


def configure(level: str = "info") -> None:
    """Set the process's logging up once, at the start of a command.

    Args:
        level: `debug`, `info`, `warning` or `error`.
    """
    numeric = getattr(logging, level.upper())
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide_secrets,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # today's stderr: it may be exchanged
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=sys.stderr, level=max(numeric, logging.WARNING), format="%(name)s %(message)s")


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that carries `part=name` in every line."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return logger
