"""What `edge check` says good to can run: addresses, files of any editor, and a try at each camera."""

from __future__ import annotations

from pathlib import Path

import pytest
from edge_kit import make_clip, served

from common.clock import SystemClock
from common.errors import SettingsError
from demo.media_loop import load as load_clip
from demo.rtsp_server.messages import Digest
from edge.cli import connection_check
from edge.settings.node import load
from edge.sources import login, opener

BOX = "site: village\nbox: gate-1\ncameras:\n  - {id: yard, url: '%s', username: admin, password_file: pw}\n"


def written(folder: Path, url: str, encoding: str = "utf-8", ends: str = "\n") -> Path:
    path = folder / "box.yaml"
    path.write_bytes((BOX % url).replace("\n", ends).encode(encoding))
    (folder / "pw").write_bytes(f"hunter2{ends}".encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_settings_and_passwords_of_any_editor_are_read(tmp_path: Path, encoding: str, ends: str) -> None:
    box = load(written(tmp_path, "rtsp://10.0.0.5/main", encoding, ends))
    assert box.cameras[0].id == "yard"
    assert login("admin", "pw", tmp_path).password.reveal() == "hunter2"


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("rtsp://10.0.0.5/live?user=admin&password=geheim", "url holds a user or password"),
        ("RTSP://a:geheim@10.0.0.5/live", "url holds a user or password"),
        ("rtsp:///live", "url is no address"),
        ("rtsp://10.0.0.5:554554/live", "url is no address"),
        ("RTMP://10.0.0.5/live", "RTMP"),
    ],
)
def test_an_address_that_cannot_run_is_an_error_of_the_check(tmp_path: Path, url: str, named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        load(written(tmp_path, url))
    assert "geheim" not in str(caught.value)


def test_all_missing_files_are_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "rtsp://10.0.0.5/main")
    path.write_text(path.read_text() + "broker: {username: b, password_file: other}\n")
    (tmp_path / "pw").unlink()
    with pytest.raises(SettingsError, match=r"'pw'.*|'other'.*") as caught:
        load(path)
    assert all(name in str(caught.value) for name in ("'pw'", "'other'"))


@pytest.mark.parametrize("path", ["main", "user={username}_password={password}_stream=0"])
def test_a_scheme_in_capitals_and_a_login_in_the_path_reach_the_camera(tmp_path: Path, path: str) -> None:
    clip = load_clip(make_clip(tmp_path / "clip.mp4"))
    said = path.format(username="admin", password="hunter2")
    with served({said: clip}) as server:
        url = server.url(path).replace("rtsp://", "RTSP://")
        load(written(tmp_path, url))
        stream = opener(url, login("admin", "pw", tmp_path), SystemClock()).open()
        assert stream.codec == "h264"
        stream.close()


def test_connect_says_what_each_camera_sends_or_why_it_cannot_be_had(tmp_path: Path) -> None:
    clip = load_clip(make_clip(tmp_path / "clip.mp4"))
    with served({"main": clip}, Digest("admin", "hunter2", "5ccc069c")) as server:
        good = load(written(tmp_path, server.url("main")))
        assert [str(it) for it in connection_check.tries(good, tmp_path, SystemClock())] == [
            "camera 'yard', url: sends H.264"
        ]
        (tmp_path / "pw").write_text("wrong")
        (found,) = connection_check.tries(good, tmp_path, SystemClock())
        assert not found.good
        assert "wrong" not in found.found.replace("wrong user or password", "")
