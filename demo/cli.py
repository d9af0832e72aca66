"""The command `paifang demo`: all parts on this machine, with embedded defaults."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import threading
from pathlib import Path

from common.errors import PaifangError, SettingsError
from demo import demo_site, door_scenario, drawn_gate, sample_clips, site_setup
from demo.media_loop import load
from demo.process_supervisor import (
    Process,
    answers,
    hand_over_password,
    one_time_password,
    responds,
    trust_command,
    until,
)
from demo.rtsp_server.server import RtspServer

USER = "demo"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser."""
    parser.add_argument("--source", action="append", default=[], metavar="RTSP-or-FILE", help="own cameras instead")
    parser.add_argument("--port", type=int, default=8080, help="of the dashboard; 0 for any (%(default)s)")
    parser.add_argument("--folder", type=Path, default=Path("var/demo"), help="for all its data (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep what an earlier run left in the folder")
    parser.set_defaults(call=_call)


def _call(options: argparse.Namespace) -> int:
    return asyncio.run(run(options.source, options.port, options.folder, options.keep))


async def run(sources: list[str], port: int, folder: Path, keep: bool) -> int:
    """Bring the village up, print the dashboard's address, and run until SIGINT, SIGTERM or SIGHUP.

    Args:
        sources: RTSP addresses or files; empty for the demonstration's own clips.
        port: Of the dashboard; 0 for any.
        folder: Data, settings and logs.
        keep: Keep the data of an earlier run.

    Raises:
        PaifangError: Something does not start; all else is stopped.
    """
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _print("preparing the cameras …")
    server, urls = await _cameras(sources)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(server.stop)
        await _processes(stack, folder, port or free_port(), urls)
        await stop.wait()
        _print("stopping …")
    return 0


async def _processes(
    stack: contextlib.AsyncExitStack, folder: Path, port: int, urls: dict[demo_site.DemoCamera, str]
) -> None:
    broker_port, status_port, doors_port = free_port(), free_port(), free_port()
    page = f"http://127.0.0.1:{port}"
    (folder / demo_site.FOOTAGE).mkdir(exist_ok=True)
    (folder / "aggregator.yaml").write_text(demo_site.aggregator_settings(port, broker_port))
    (folder / "box.yaml").write_text(demo_site.box_settings(urls, broker_port, status_port, doors_port, uplink=page))
    users = await asyncio.to_thread(site_setup.add_users, folder / "aggregator.yaml")
    arguments = ["aggregator", "run", str(folder / "aggregator.yaml"), "--one-time-password", USER]
    aggregator = Process("aggregator", arguments, folder)
    box = Process("box", ["edge", "run", str(folder / "box.yaml")], folder)
    aggregator.start()
    stack.push_async_callback(aggregator.stop)
    await until("the aggregator", lambda: answers(f"{page}/healthz"), aggregator)
    hand_over_password(folder / "aggregator" / "broker.json", folder / "broker.password")
    trust = folder / demo_site.TRUST
    if trust_command(folder / "aggregator.yaml", demo_site.SITE, trust) != 0:
        raise PaifangError(f"the trust file cannot be made; see {folder / 'aggregator.log'}")
    box.start()
    stack.push_async_callback(box.stop)
    await until("the box", lambda: responds(f"http://127.0.0.1:{status_port}/healthz"), box)
    _play_doors(stack, doors_port)
    await asyncio.to_thread(site_setup.fill_list, page, users[0])
    _print("")
    _print(f"  Dashboard         {page}")
    _print(f"  User              {USER}")
    _print(f"  One-time password {one_time_password(folder / 'aggregator.log')}")
    for user in users:
        _print(f"  {user.name.capitalize():<17} user {user.name}, password {user.password.reveal()}")
    _print(f"  Cameras           {', '.join(role.camera for role in urls)}")
    _print(f"  Box health        http://127.0.0.1:{status_port}/healthz")
    _print(f"  Data and logs     {folder.resolve()}")
    _print("")
    _print("Ctrl-C stops everything.")


def _play_doors(stack: contextlib.AsyncExitStack, port: int) -> None:
    """Somebody is at the doors all the time."""
    stop = threading.Event()
    panels = [door_scenario.Panel(port, door) for door in demo_site.DOORS]
    player = threading.Thread(target=door_scenario.play, args=(panels, stop), name="doors", daemon=True)
    player.start()
    stack.callback(player.join)
    stack.callback(stop.set)


async def _cameras(sources: list[str]) -> tuple[RtspServer, dict[demo_site.DemoCamera, str]]:
    """The RTSP server with every clip, and each camera's address."""
    roles: dict[demo_site.DemoCamera, Path]
    urls: dict[demo_site.DemoCamera, str] = {}
    if sources:
        own = demo_site.given(sources)
        urls = {role: source for role, source in own.items() if "://" in source}
        roles = {role: Path(source) for role, source in own.items() if "://" not in source}
        missing = [str(path) for path in roles.values() if not path.is_file()]
        if missing:
            raise SettingsError("--source", "", f"there is no file '{missing[0]}'")
    else:
        roles = demo_site.roles(await asyncio.to_thread(_clips))
    served = {}
    for role, path in roles.items():
        target = _cache() / f"{path.stem}-{role.camera}-{path.stat().st_size}.mp4"
        served[role.camera] = load(await asyncio.to_thread(sample_clips.prepare, path, target, role.codec, role.crop))
    server = RtspServer(served)
    port = await server.start()
    urls |= {role: f"rtsp://127.0.0.1:{port}/{role.camera}" for role in roles}
    return server, urls


def _clips() -> dict[str, Path]:
    """Name → file of every clip that can be had, and of a drawn gate where none of a real one can."""
    found = sample_clips.available(_cache(), clip_folders())
    return found if sample_clips.TOLL.name in found else {**found, drawn_gate.NAME: drawn_gate.clip(_cache())}


def clip_folders() -> tuple[Path, ...]:
    """Folders that may hold the clips already."""
    shared = Path(__file__).resolve().parents[2] / "shared" / "data"
    return shared / "video_people_vehicles", shared / "video_gate_plates"


def _cache() -> Path:
    base = os.environ.get("PAIFANG_DATA") or Path.home() / ".local" / "share" / "paifang"
    cache = Path(base) / "clips"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def free_port() -> int:
    """A port that is free on loopback now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201
