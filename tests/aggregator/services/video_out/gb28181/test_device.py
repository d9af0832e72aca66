"""A device on real sockets at an independent platform: pictures arrive whole; strangers, refusals, ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import UTC

import pytest
from agg_support import run_apart
from coded_pictures import SIZE, coded_pictures, decoded
from gb_agent_kit import ITEMS, account, counted
from sip_platform import CAMERAS, PASSWORD, RtpReceiver, SuperiorPlatform, offer, query, rtp_frames
from sip_server import Served, datagram_receiver, served, until

from aggregator.services.video_out.gb28181.device import Gb28181Device
from aggregator.services.video_out.gb28181.platform import Platform, resolved
from aggregator.services.video_out.gb28181.sip.requests import Transport
from aggregator.services.video_out.gb28181.source import FakeSource
from aggregator.services.video_out.gb28181.stream import media_link
from common.clock import SystemClock
from common.errors import FeedError

LOOPBACK = ("127.0.0.0/8",)
TCP = "TCP/RTP/AVP"


def device_at(
    port: int, transport: Transport = "udp", media_hosts: tuple[str, ...] = (), password: str = PASSWORD
) -> tuple[Gb28181Device, FakeSource]:
    source = FakeSource(ITEMS, coded_pictures())
    platform = Platform(account(password, transport), "127.0.0.1", port, media_hosts, LOOPBACK)
    return Gb28181Device(platform, source, SystemClock(), counted(), UTC, "1.0"), source


@contextlib.asynccontextmanager
async def registered(
    transport: Transport = "udp", media_hosts: tuple[str, ...] = ()
) -> AsyncIterator[tuple[Served, Gb28181Device, FakeSource, asyncio.Task[None]]]:
    async with served(SuperiorPlatform(), transport) as server:
        device, source = device_at(server.port, transport, media_hosts)
        task = asyncio.create_task(device.run())
        await until(lambda: device.state == "registered")
        try:
            yield server, device, source, task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def statuses(server: Served) -> list[int]:
    return [it.status for it in server.platform.answers]


def check_pictures(packets: list[bytes]) -> None:
    receiver = RtpReceiver()
    for packet in packets:
        receiver.receive(packet)
    assert receiver.ssrcs == {100_000_001}
    assert [it[1:] for it in decoded(receiver.payload)] == [SIZE] * len(coded_pictures())


def over_udp(transport: Transport) -> None:
    async def work() -> None:
        port, come, taken = datagram_receiver()
        async with registered(transport) as (server, _, source, _):
            server.send(server.platform.message(query("Catalog")))
            server.send(server.platform.invite(offer(port)))
            packets: list[bytes] = []

            def all_came() -> bool:
                packets.extend(come())
                return sum(it[1] >> 7 for it in packets) == len(coded_pictures())

            await until(all_came)
            check_pictures(packets)
            await until(lambda: len(server.platform.documents) == 2)
            assert source.receivers == [(CAMERAS[0], f"127.0.0.1 port {port}")]
            server.send(server.platform.within(server.platform.last(200), "BYE"))
            await until(lambda: source.open == 0)
        taken.close()
        assert server.platform.requests[-1]["Expires"] == "0"

    run_apart(work())


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_pictures_arrive_over_udp(transport: Transport) -> None:
    over_udp(transport)


@pytest.mark.parametrize("setup", ["passive", "active"])
def test_pictures_arrive_over_tcp_that_either_side_connects(setup: str) -> None:
    async def work() -> None:
        async with registered("tcp") as (server, _, source, _):
            connections: asyncio.Queue[asyncio.StreamReader] = asyncio.Queue()
            listener = await asyncio.start_server(lambda reader, _: connections.put_nowait(reader), "127.0.0.1", 0)
            port = listener.sockets[0].getsockname()[1]
            server.send(server.platform.invite(offer(port, media=TCP, more=f"a=setup:{setup}")))
            await until(lambda: 200 in statuses(server)[-1:])
            if setup == "active":
                lines = server.platform.last(200).body.decode().split("\r\n")
                there = int(next(it for it in lines if it.startswith("m=")).split()[1])
                stranger, ours = socket.socket(), socket.socket()
                stranger.bind(("127.0.0.2", 0))
                stranger.connect(("127.0.0.1", there))
                assert await asyncio.to_thread(_ended, stranger), "a stranger's connection is closed"
                ours.connect(("127.0.0.1", there))
                reader, _ = await asyncio.open_connection(sock=ours)
            else:
                reader = await connections.get()
            data = b""
            async with asyncio.timeout(30):
                while sum(it[1] >> 7 for it in rtp_frames(data)) < len(coded_pictures()):
                    data += await reader.read(65_536)
            check_pictures(rtp_frames(data))
            source.over.set()
            await until(lambda: server.platform.requests[-1].method == "BYE")
            listener.close()

    run_apart(work())


def _ended(connection: socket.socket) -> bool:
    connection.settimeout(20)
    with connection, contextlib.suppress(ConnectionResetError):
        return connection.recv(1) == b""
    return True


def test_who_is_not_the_platform_is_not_heard_and_gets_no_pictures() -> None:
    async def work() -> None:
        async with registered(media_hosts=("127.0.0.3",)) as (server, device, source, _):
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stranger.bind(("127.0.0.2", 0))
            stranger.sendto(server.platform.message(query("Catalog", 66)), ("127.0.0.1", server.device_port))
            server.send(server.platform.invite(offer(6000, host="127.0.0.2")))
            await until(lambda: 403 in statuses(server))
            server.send(server.platform.invite(offer(6000, host="127.0.0.3")))
            await until(lambda: 200 in statuses(server))
            await until(lambda: source.receivers)
            await until(lambda: device.strangers == 1)
            assert source.receivers == [(CAMERAS[0], "127.0.0.3 port 6000")]
            assert "66" not in [it.findtext("SN") for it in server.platform.documents]
            stranger.close()

    run_apart(work())


def test_who_may_not_be_asked_any_more_ends_calls_and_registration_at_once() -> None:
    async def work() -> None:
        port, _, taken = datagram_receiver()
        async with registered() as (server, _, source, task):
            server.send(server.platform.invite(offer(port)))
            await until(lambda: source.open == 1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert source.open == 0
            assert [it.method for it in server.platform.requests[-2:]] == ["BYE", "REGISTER"]
            assert server.platform.requests[-1]["Expires"] == "0"
        taken.close()

    run_apart(work())


def test_a_silent_platform_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregator.services.video_out.gb28181.device.END_S", 0.05)

    async def work() -> None:
        async with registered() as (server, _, _, task):
            server.platform.silent = ("REGISTER", "BYE")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.done()

    run_apart(work())


def test_a_receiver_that_takes_nothing_or_is_gone_ends_its_call_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_link, "SEND_S", 0.05)
    monkeypatch.setattr(media_link, "MOST_REFUSED", 1)

    async def work() -> None:
        async with registered() as (server, device, source, _):
            source.pictures = coded_pictures() * 40
            full = socket.create_server(("127.0.0.1", 0))
            server.send(server.platform.invite(offer(full.getsockname()[1], media=TCP, more="a=setup:passive")))
            await until(lambda: [it.method for it in server.platform.requests].count("BYE") == 1)
            gone, _, taken = datagram_receiver()
            taken.close()
            server.send(server.platform.invite(offer(gone)))
            await until(lambda: [it.method for it in server.platform.requests].count("BYE") == 2)
            assert (source.open, device.state) == (0, "registered")
            full.close()

    run_apart(work())


def test_a_wrong_password_and_a_lost_connection_are_named() -> None:
    async def work() -> None:
        async with served(SuperiorPlatform(), "tcp") as server:
            device, _ = device_at(server.port, "tcp", password="other")
            with pytest.raises(FeedError, match="refused the device's id or password"):
                await device.run_once()
            assert device.state == "refused"
            device, _ = device_at(server.port, "tcp")
            task = asyncio.create_task(device.run_once())
            await until(lambda: device.state == "registered")
            server.send(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(FeedError, match="content-length"):
                await task

    run_apart(work())


def test_an_address_in_a_private_network_is_not_connected_to() -> None:
    async def work() -> None:
        device = Gb28181Device(
            Platform(account(), "localhost", 5060), FakeSource(ITEMS), SystemClock(), counted(), UTC, "1.0"
        )
        with pytest.raises(FeedError, match="private network"):
            await device.run_once()

    run_apart(work())


def test_pictures_go_only_to_addresses_of_the_platforms_family_that_may_be_connected_to() -> None:
    hosts = ("::1", "127.0.0.9", "10.0.0.1", "no.such.host.invalid")
    platform = Platform(account(), "127.0.0.1", 5060, hosts, (*LOOPBACK, "::1/128"))
    assert run_apart(resolved(platform)) == ["127.0.0.1", "127.0.0.9"]
