"""What the loops that look now and then have in common: one turn that fails must not end the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from common import logging_setup
from common.errors import PaifangError

_log = logging_setup.get("turns")


async def run_guarded(turn: Callable[[], Awaitable[None]], what: str) -> None:
    """Take one turn; what fails is logged, and tried again at the next."""
    try:
        await turn()
    except PaifangError as error:
        _log.warning(f"{what} wait", problem=str(error))
    except Exception:
        _log.exception(f"{what} wait")
