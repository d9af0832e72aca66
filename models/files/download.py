"""One file over HTTPS, resumed by Range where an earlier try was cut off."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from common.errors import ModelError
from models.manifest import File

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) of the file that is on its way."""

CHUNK_BYTES = 1 << 16


class DownloadFailed(ModelError):
    """The address could not deliver the whole file; what came is kept for the next try."""


def part_path(file: File, into: Path) -> Path:
    """Where a half-done download waits; named by content, so that another version never goes on with it."""
    return into / f"{file.name}.{file.sha256[:12]}.part"


def download(url: str, file: File, into: Path, stall_timeout_s: float, progress: Progress) -> None:
    """Fetch `url` to `into / file.name`, asking again for the rest as long as each try brings something.

    The content is not verified here.

    Raises:
        DownloadFailed: Unreachable, refused, or cut off before `file.bytes`.
    """
    part = part_path(file, into)
    size = _size(part)
    while size < file.bytes:
        reason = _go_on(url, part, file, stall_timeout_s, progress)
        before, size = size, _size(part)
        if size <= before:
            raise DownloadFailed(f"{reason} (has {size} of {file.bytes} bytes)")
    part.rename(into / file.name)


def _go_on(url: str, part: Path, file: File, stall_timeout_s: float, progress: Progress) -> str:
    """One request, appended to `part`; returns why it ended."""
    have = _size(part)
    headers = {"User-Agent": "paifang", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 (manifests hold https only)
    try:
        with urllib.request.urlopen(request, timeout=stall_timeout_s) as answer:  # noqa: S310
            resumed = answer.status == 206 and _starts_at(answer.headers.get("Content-Range", ""), have)
            _append(answer, part, have if resumed else 0, file, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            part.unlink(missing_ok=True)
        return f"HTTP {error.code} {error.reason}"
    except urllib.error.URLError as error:
        return f"unreachable: {error.reason}"
    except (OSError, http.client.HTTPException) as error:
        return f"broken off: {type(error).__name__} {error}"
    return "ended early"


def _append(answer: http.client.HTTPResponse, part: Path, start: int, file: File, progress: Progress) -> None:
    done = start
    with part.open("r+b" if start else "wb") as out:
        out.seek(start)
        while done < file.bytes:
            data = answer.read(min(CHUNK_BYTES, file.bytes - done))
            if not data:
                break
            out.write(data)
            done += len(data)
            progress(done, file.bytes)


def _starts_at(content_range: str, start: int) -> bool:
    found = re.match(r"bytes (\d+)-", content_range)
    return bool(found) and found is not None and int(found[1]) == start


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
