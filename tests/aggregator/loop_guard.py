"""Finds calls that block the event loop of the running aggregator."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from aggregator.storage.engines.database import Database


class LoopGuard:
    """Notes reads of the store, waits for futures and sleeps on the thread of a running event loop.

    Attributes:
        found: Where they were made: the last three calls of the product's own code.
    """

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._own = threading.get_ident()

    def note(self) -> None:
        """Note this call if the thread runs an event loop. The tests' own thread runs the browser's, which may wait."""
        if threading.get_ident() == self._own:
            return
        with contextlib.suppress(RuntimeError):
            asyncio.get_running_loop()
            frames = [it for it in traceback.extract_stack() if it.filename != __file__]
            ours = [it for it in frames if "/aggregator/" in it.filename][-3:]
            if ours and not any("/tests/" in it.filename for it in frames):  # a test may call on a loop of its own
                self.found.add(" > ".join(f"{Path(it.filename).name}:{it.lineno} {it.name}" for it in ours))

    def watch(self, function: Callable[..., Any], when: Callable[..., bool] = lambda *_: True) -> Callable[..., Any]:
        """The same function, its calls watched."""

        @functools.wraps(function)
        def watched(*args: Any, **named: Any) -> Any:
            if when(*args):
                self.note()
            return function(*args, **named)

        return watched


@contextlib.contextmanager
def guarded_loop() -> Iterator[LoopGuard]:
    """Watch until the end of the context."""
    guard = LoopGuard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Database, "run", guard.watch(Database.run))
        patch.setattr(Future, "result", guard.watch(Future.result, lambda future, *_: not future.done()))
        patch.setattr(time, "sleep", guard.watch(time.sleep))
        yield guard
