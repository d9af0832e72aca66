"""Downloads one file over HTTPS, resumed by Range where an earlier attempt was interrupted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx2

from common.errors import ModelError
from models.manifest import File

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) of the file that is downloaded."""


class DownloadFailed(ModelError):
    """The address could not deliver the whole file; what arrived is kept for the next attempt."""


def part_path(file: File, into: Path) -> Path:
    """The file of a partial download; named by content, so that another version never resumes it."""
    return into / f"{file.name}.{file.sha256[:12]}.part"


def download(url: str, file: File, into: Path, stall_timeout_s: float, progress: Progress) -> None:
    """Fetch `url` to `into / file.name`, requesting the rest again as long as each attempt brings some.

    The content is not verified here.

    Raises:
        DownloadFailed: Unreachable, refused, or cut off before `file.bytes`.
    """
    part = part_path(file, into)
    size = _size(part)
    while size < file.bytes:
        reason = _request(url, part, file, stall_timeout_s, progress)
        before, size = size, _size(part)
        if size <= before:
            raise DownloadFailed(f"{reason} (has {size} of {file.bytes} bytes)")
    part.rename(into / file.name)


def _request(url: str, part: Path, file: File, stall_timeout_s: float, progress: Progress) -> str:
    """One request, appended to `part`; returns why it ended."""
    have = _size(part)
    headers = {"User-Agent": "paifang", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        with httpx2.stream("GET", url, headers=headers, timeout=stall_timeout_s, follow_redirects=True) as answer:
            if not answer.is_success:
                if answer.status_code == 416:
                    part.unlink(missing_ok=True)
                return f"HTTP {answer.status_code} {answer.reason_phrase}"
            resumed = answer.status_code == 206 and _starts_at(answer.headers.get("Content-Range", ""), have)
            _append(answer, part, have if resumed else 0, file, progress)
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol, httpx2.InvalidURL) as error:
        return f"unreachable: {error or type(error).__name__}"
    except (httpx2.HTTPError, OSError) as error:
        return f"interrupted: {type(error).__name__} {error}"
    return "ended early"


def _append(answer: httpx2.Response, part: Path, start: int, file: File, progress: Progress) -> None:
    """Write the body after `start`, and no more than the file has."""
    done = start
    with part.open("r+b" if start else "wb") as out:
        out.seek(start)
        for data in answer.iter_raw():
            done += out.write(data[: file.bytes - done])
            progress(done, file.bytes)
            if done >= file.bytes:
                break


def _starts_at(content_range: str, start: int) -> bool:
    found = re.match(r"bytes (\d+)-", content_range)
    return bool(found) and found is not None and int(found[1]) == start


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
