"""What a box's status says beside states: the size of pictures, and the progress of jobs; of that box only."""

from __future__ import annotations

from agg_support import START_NS, run_apart

from aggregator.domain.quality.aggregates import Source
from aggregator.domain.read_models import Batch, StatusSeen
from aggregator.domain.store_port import Store, Writer
from aggregator.services.shift.statistics_service import StatisticsService
from aggregator.services.site_clock import SiteClock
from aggregator.settings.aggregator import Retention
from common.clock import FakeClock
from protocol.receipts import BoxStatus, CameraStatus, JobStatus


def test_sizes_and_progress_are_those_of_the_own_box(store: Store, writer: Writer, clock: FakeClock) -> None:
    camera = CameraStatus(id="cam-1", name="Main gate", state="up", width=640, height=360)
    one = BoxStatus(online=True, cameras=[camera], jobs=[JobStatus(id="job-1", progress=40)])
    two = BoxStatus(online=True, cameras=[CameraStatus(id="cam-1", state="up")])
    writer.apply(
        Batch(statuses=[StatusSeen("village", it, status, START_NS) for it, status in (("a", one), ("b", two))])
    )
    reader = store.reader()
    assert [(it.width, it.height) for it in reader.cameras()] == [(640, 360), (0, 0)]
    assert [reader.box_jobs("village", it) for it in ("a", "b", "c")] == [{"job-1": 40}, {}, {}]
    service = StatisticsService(reader, SiteClock({}, clock), Retention())
    sizes = [run_apart(service.picture_px(Source("village", it, "cam-1", "zone.entered", "yard"))) for it in ("a", "b")]
    assert sizes == [360, 0]
    writer.apply(Batch(statuses=[StatusSeen("village", "a", BoxStatus(online=False), START_NS + 1)]))
    assert reader.box_jobs("village", "a") == {}
