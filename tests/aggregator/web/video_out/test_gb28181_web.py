"""A consumer's cameras at a platform of GB/T 28181: only what was approved, logged, and over when it is revoked."""

from __future__ import annotations

import asyncio
import dataclasses
import secrets
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import msgspec
import pytest
from agg_support import Web, log_in, run_apart
from coded_pictures import decoded
from gb_agent_kit import account, counted
from live_video import SIZE, FakeVideoBox
from playwright.sync_api import Page, expect
from sip_platform import CAMERAS, DEVICE, PLATFORM, RtpReceiver, SuperiorPlatform, offer, query
from sip_server import datagram_receiver, served, until
from web.video_out.video_kit import BOX, SITE, Approved, approved, change, logged, video_site

from aggregator.app.gb28181 import gb28181
from aggregator.services.stream_relay import StreamRelay
from aggregator.services.video_out.consumer_streams import ConsumerStreams
from aggregator.services.video_out.gb28181.consumer_source import ConsumerSource
from aggregator.services.video_out.gb28181.device import Gb28181Device
from aggregator.services.video_out.gb28181.platform import Platform
from aggregator.services.video_out.gb28181.sip.requests import Account
from aggregator.settings.aggregator import FeedSettings
from aggregator.settings.gb28181 import Gb28181
from common.errors import FeedError, SettingsError
from common.secret import Secret
from common.secret.digest import Login

pytestmark = pytest.mark.usefixtures("_cameras")
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
    assert isinstance(device.source, ConsumerSource)
    device.source = dataclasses.replace(device.source, consumer="nobody")
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


def test_the_settings_make_devices_and_a_password_that_cannot_be_read_is_named(web: Web, tmp_path: Path) -> None:
    wanted = Gb28181(
        consumer="Town", address=f"sip:{PLATFORM}@127.0.0.1:5061;transport=tcp", device=DEVICE, name="Village",
        password_file=str(tmp_path / "gb.password"), cameras={f"{SITE}/{BOX}/front": 7}, media_hosts=("127.0.0.2",),
    )  # fmt: skip
    settings = msgspec.structs.replace(web.parts.core.settings, feeds=FeedSettings(gb28181=(wanted,)))
    core = dataclasses.replace(web.parts.core, settings=settings)
    with pytest.raises(SettingsError, match=r"feeds\.gb28181\[\]\.password_file"):
        gb28181(core, web.parts.feeds.video)
    (tmp_path / "gb.password").write_text("pa55\n")
    (device,) = gb28181(core, web.parts.feeds.video).of("Town")
    login = Login(DEVICE, Secret("pa55"))
    assert device.platform == Platform(Account(PLATFORM, login, "Village", "tcp"), "127.0.0.1", 5061, ("127.0.0.2",))
    assert "pa55" not in repr(device)
    assert isinstance(device.source, ConsumerSource)
    source = dataclasses.replace(device.source, consumer=approved(web).name)
    assert [it.id for it in run_apart(source.cameras())] == ["34020000001320000007"]
