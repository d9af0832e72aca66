"""kill -9 of box, broker and aggregator in turn, in the middle of the stream: no event is lost, none is doubled."""

from __future__ import annotations

import os
import signal
import time

import pytest
from village_kit import Village, wait_until


def committed(village: Village) -> list[int]:
    return [sequence for _, sequence, _ in village.events()]


def more_events(village: Village, than: int) -> None:
    wait_until(lambda: len(committed(village)) > than, 60, f"more than {than} events")


@pytest.mark.timeout(300)
def test_kill_9_of_each_in_turn_loses_and_doubles_nothing(village: Village) -> None:
    village.start_aggregator()
    village.start_box()
    more_events(village, 3)

    village.box.kill()
    village.start_box()
    more_events(village, len(committed(village)) + 2)

    os.kill(village.broker_pid(), signal.SIGKILL)
    time.sleep(2.0)
    more_events(village, len(committed(village)) + 2)

    village.aggregator.kill()
    time.sleep(2.0)
    village.start_aggregator()
    more_events(village, len(committed(village)) + 2)

    assert village.box.stop() == 0
    last, _ = village.outbox()
    wait_until(lambda: committed(village) == list(range(1, last + 1)), 40, "every number once, none missing")
    events = village.events()
    assert len({epoch for epoch, _, _ in events}) == 1
    kinds = [kind for _, _, kind in events]
    assert kinds.count("box.started") == 2
    assert kinds.count("box.stopping") == 1
