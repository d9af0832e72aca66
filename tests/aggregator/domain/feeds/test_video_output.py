"""What the attempts of a video output lead to."""

from __future__ import annotations

import pytest
from agg_support import START_NS

from aggregator.domain.feeds.video_output import LONGEST_S, STEADY_NS, LiveOutput, begun, ended, switched
from common.clock import SECOND_NS

MADE = LiveOutput(
    id="o", consumer="c", site="village", box="gate-1", camera="yard", scheme="rtmps", host="h", address=b"",
    made_by="li", made_ns=START_NS,
)  # fmt: skip


@pytest.mark.parametrize(("tries", "pause_s"), [(0, 5), (1, 10), (4, 80), (20, LONGEST_S)])
def test_pauses_grow_and_chance_shortens_them_by_half_at_most(tries: int, pause_s: float) -> None:
    before = begun(switched(MADE, "active"), START_NS)
    it = before
    for _ in range(tries + 1):
        it = ended(it, "no", START_NS, 0.0)
    assert (it.tries, it.sending_ns, it.problem) == (tries + 1, 0, "no")
    assert it.next_ns - START_NS == pause_s * SECOND_NS
    if tries == 0:
        assert ended(before, "no", START_NS, 1.0).next_ns - START_NS == pause_s * SECOND_NS / 2


def test_what_was_steady_begins_again_with_the_first_pause() -> None:
    failing = ended(ended(MADE, "no", START_NS, 0.0), "no", START_NS, 0.0)
    sending = begun(failing, START_NS)
    assert (sending.problem, sending.tries) == ("", 2)
    assert ended(sending, "no", START_NS + STEADY_NS, 0.0).tries == 1
    assert ended(sending, "no", START_NS + 1, 0.0).tries == 3


def test_an_output_that_sends_goes_on_when_it_is_resumed() -> None:
    sending = begun(MADE, START_NS)
    assert switched(sending, "active").sending_ns == START_NS
    paused = switched(sending, "paused")
    assert (paused.sending_ns, switched(paused, "active").sending_ns) == (0, 0)
