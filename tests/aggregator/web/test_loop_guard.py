"""The guard of the event loop finds what it is for."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

from loop_guard import LoopGuard


def test_a_call_on_the_event_loop_of_another_thread_is_found_and_one_in_a_worker_is_not() -> None:
    guard = LoopGuard()
    names: dict[str, Any] = {"call": guard.watch(threading.get_ident), "asyncio": asyncio}
    text = "async def page():\n  call()\n  await asyncio.to_thread(call)\n"
    exec(compile(text, "/somewhere/aggregator/page.py", "exec"), names)
    thread = threading.Thread(target=asyncio.run, args=(names["page"](),))
    thread.start()
    thread.join()
    assert guard.found == {"page.py:2 page"}


def test_a_future_that_is_done_blocks_nothing() -> None:
    guard = LoopGuard()
    calls: list[bool] = []
    done: Future[int] = Future()
    done.set_result(1)
    watched = guard.watch(lambda _: calls.append(True), lambda future: not future.done())
    watched(done)
    assert (guard.found, calls) == (set(), [True])
