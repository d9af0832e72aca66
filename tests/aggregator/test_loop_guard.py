"""The guard of the event loop finds what it is for."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from loop_guard import LoopGuard


def test_a_call_on_the_event_loop_of_another_thread_is_found_and_one_in_a_worker_is_not() -> None:
    guard = LoopGuard()
    on_loop = guard.watch(threading.get_ident)

    async def product() -> None:
        code = compile("call()", "/somewhere/aggregator/page.py", "exec")
        exec(code, {"call": on_loop})
        await asyncio.to_thread(exec, code, {"call": on_loop})

    thread = threading.Thread(target=lambda: asyncio.run(product()))
    thread.start()
    thread.join()
    assert guard.found == {"page.py:1 <module>"}


def test_a_future_that_is_done_blocks_nothing() -> None:
    guard = LoopGuard()
    calls: list[bool] = []
    done: Future[int] = Future()
    done.set_result(1)
    watched = guard.watch(lambda _: calls.append(True), lambda future: not future.done())
    watched(done)
    assert (guard.found, calls) == (set(), [True])
