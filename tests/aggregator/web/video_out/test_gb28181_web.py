"""A consumer's cameras at a platform of GB/T 28181: only what was approved, logged, and over when it is revoked."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from datetime import UTC

import pytest
from agg_support import Web, log_in, run_apart
from coded_pictures import decoded
from gb_agent_kit import account, counted
from live_video import SIZE, FakeVideoBox
from playwright.sync_api import Page, expect
from sip_platform import CAMERAS, RtpReceiver, SuperiorPlatform, offer, query
from sip_server import datagram_receiver, served, until
from web.video_out.video_kit import BOX, SITE, Approved, approved, change, logged, video_site

from aggregator.services.stream_relay import StreamRelay
from aggregator.services.video_out.consumer_streams import ConsumerStreams
from aggregator.services.video_out.gb28181.consumer_source import ConsumerSource
from aggregator.services.video_out.gb28181.device import Gb28181Device
from aggregator.services.video_out.gb28181.platform import Platform
from common.errors import FeedError

CHANNELS = {CAMERAS[0]: f"{SITE}/{BOX}/front", CAMERAS[1]: f"elsewhere/{BOX}/front"}


@pytest.fixture(scope="module")
def _cameras(web: Web) -> Iterator[None]:
    with video_site(web):
        yield


def device_of(web: Web, consumer: Approved, port: int) -> Gb28181Device:
    """With a relay of its own, which belongs to the loop of the test."""
    core, access = web.parts.core, web.parts.access
    box = FakeVideoBox(None)
    relay = StreamRelay(box, core.keys, core.clock, core.new_id, secrets.token_bytes)  # type: ignore[arg-type]
    box.relay = relay
    streams = ConsumerStreams(relay, core.reader, access.audit_log.record, access.areas, core.clock)
    source = ConsumerSource(consumer.name, CHANNELS, core.reader, web.parts.feeds.video.catalogue, streams, core.clock)
    platform = Platform(account(), "127.0.0.1", port, networks=("127.0.0.0/8",))
    return Gb28181Device(platform, source, core.clock, counted(), UTC, "1.0")


@pytest.mark.usefixtures("_cameras")
def test_an_approved_camera_is_handed_over_until_the_consumer_is_revoked(web: Web) -> None:
    consumer, packets = approved(web), list[bytes]()

    async def work() -> None:
        port, come, taken = datagram_receiver()
        async with served(SuperiorPlatform(), "udp") as server:
            platform, device = server.platform, device_of(web, consumer, server.port)
            task = asyncio.create_task(device.run_once())
            await until(lambda: device.state == "registered")
            server.send(platform.message(query("Catalog")))
            server.send(platform.invite(offer(port)))

            def enough() -> bool:
                packets.extend(come())
                return sum(it[1] >> 7 for it in packets) >= 20

            await until(enough)
            assert [it.findtext("DeviceList/Item/DeviceID") for it in platform.documents] == [CAMERAS[0]]
            await asyncio.to_thread(change, web, consumer, "revoked")
            device.check()
            with pytest.raises(FeedError, match="gets no live video now"):
                await task
            assert [it.method for it in platform.requests[-2:]] == ["BYE", "REGISTER"]
            assert platform.requests[-1]["Expires"] == "0"
            with pytest.raises(FeedError, match="gets no live video now"):
                await device.run_once()
        taken.close()

    run_apart(work())
    receiver = RtpReceiver()
    for packet in packets:
        receiver.receive(packet)
    shown = decoded(receiver.payload)
    assert len(shown) >= 19
    assert {it[1:] for it in shown} == {SIZE}
    begin, end = logged(web, consumer)
    assert (begin.detail["live"], end.detail["live"]) == ("begins", "ends")
    assert (begin.detail["output"], begin.target) == ("gb28181", f"{BOX}/front")
    assert begin.detail["address"].startswith("127.0.0.1 port ")


def test_pictures_only_is_not_live_video(web: Web) -> None:
    device = device_of(web, approved(web, media=["pictures"]), 5060)
    with pytest.raises(FeedError, match="gets no live video now"):
        run_apart(device.run_once())
    device.source = ConsumerSource(
        "nobody", {}, *[getattr(device.source, it) for it in ("reader", "catalogue", "streams", "clock")]
    )
    with pytest.raises(FeedError, match="no consumer of this name"):
        run_apart(device.run_once())


def test_the_page_shows_the_registration(web: Web, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    consumer = approved(web)
    device = device_of(web, consumer, 5060)
    device.state, device.problem = "refused", "the platform refused the device's id or password"
    monkeypatch.setattr(web.parts.feeds.gb28181, "devices", ((consumer.name, device),))
    with web.logged_in() as client:
        shown = {it["name"]: it["gb28181"] for it in client.get("/api/consumers").json()["consumers"]}
    assert shown[consumer.name] == [
        {
            "device": "34020000001110000001", "platform": "127.0.0.1:5060", "state": "refused",
            "problem": "the platform refused the device's id or password", "strangers": 0,
        }
    ]  # fmt: skip
    assert all(not it for name, it in shown.items() if name != consumer.name)
    log_in(web, page)
    page.goto(f"{web.url}/consumers")
    row = page.get_by_test_id("consumer").filter(has_text=consumer.name).get_by_test_id("gb28181")
    expect(row).to_have_text(
        "GB/T 28181 at 127.0.0.1:5060, device 34020000001110000001: refused"
        " · The platform refused the device's id or password."
    )
