from __future__ import annotations

from pathlib import Path

import pytest
from model_kit import CONTENT, Upstream, a_file, serving

from models.files.download import DownloadFailed, download, part_path

FILE = a_file()


def fetch(upstream: Upstream, into: Path, seen: list[tuple[int, int]] | None = None) -> bytes:
    log = [] if seen is None else seen
    download(upstream.url, FILE, into, 5.0, lambda done, total: log.append((done, total)))
    return (into / FILE.name).read_bytes()


def test_a_whole_file_with_progress(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with serving(Upstream()) as upstream:
        assert fetch(upstream, tmp_path, seen) == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert not part_path(FILE, tmp_path).exists()


def test_an_earlier_part_is_gone_on_with_by_range(tmp_path: Path) -> None:
    part_path(FILE, tmp_path).write_bytes(CONTENT[:1000])
    with serving(Upstream()) as upstream:
        assert fetch(upstream, tmp_path) == CONTENT
    assert upstream.asked == ["bytes=1000-"]


def test_a_stream_that_is_cut_off_again_and_again_still_arrives(tmp_path: Path) -> None:
    with serving(Upstream(cut_after=100_000)) as upstream:
        assert fetch(upstream, tmp_path) == CONTENT
    assert upstream.asked == ["", "bytes=100000-", "bytes=200000-"]


def test_a_server_that_ignores_range_is_read_from_the_start(tmp_path: Path) -> None:
    part_path(FILE, tmp_path).write_bytes(b"x" * 1000)
    with serving(Upstream(ranges=False)) as upstream:
        assert fetch(upstream, tmp_path) == CONTENT


def test_a_short_file_fails_and_keeps_its_part(tmp_path: Path) -> None:
    short = Upstream(content=CONTENT[:5000])
    with serving(short), pytest.raises(DownloadFailed, match=rf"ended early \(has 5000 of {FILE.bytes} bytes\)"):
        fetch(short, tmp_path)
    assert part_path(FILE, tmp_path).read_bytes() == CONTENT[:5000]
    assert not (tmp_path / FILE.name).exists()


def test_a_longer_file_is_not_read_past_its_promised_end(tmp_path: Path) -> None:
    with serving(Upstream(content=CONTENT + b"tail" * 1000)) as upstream:
        assert fetch(upstream, tmp_path) == CONTENT


@pytest.mark.parametrize(("status", "reason"), [(404, "HTTP 404"), (403, "HTTP 403"), (500, "HTTP 500")])
def test_a_refusal_is_named(tmp_path: Path, status: int, reason: str) -> None:
    with serving(Upstream(status=status)) as upstream, pytest.raises(DownloadFailed, match=reason):
        fetch(upstream, tmp_path)


def test_a_part_that_the_server_cannot_go_on_with_is_dropped(tmp_path: Path) -> None:
    part_path(FILE, tmp_path).write_bytes(b"x" * 1000)
    with serving(Upstream(status=416)) as upstream, pytest.raises(DownloadFailed, match="HTTP 416"):
        fetch(upstream, tmp_path)
    assert not part_path(FILE, tmp_path).exists()


def test_nobody_there_is_named(tmp_path: Path) -> None:
    with serving(Upstream()) as upstream:
        pass
    with pytest.raises(DownloadFailed, match="unreachable"):
        fetch(upstream, tmp_path)
