"""No secret stands in an address, wherever it is put, and no address is taken that cannot be one."""

from __future__ import annotations

import pytest

from common.addresses import check, secret_part


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:hunter2@10.0.0.5/main",
        "rtsp://admin@10.0.0.5/main",
        "RTSP://:hunter2@10.0.0.5/main",
        "rtsp:/admin:hunter2@10.0.0.5/main",
        "rtsp://admin:hunter2%4010.0.0.5/main",
        "rtsp://10.0.0.5/live?user=admin&password=hunter2",
        "rtsp://10.0.0.5/live?USER=admin&PWD=hunter2",
        "rtsp://10.0.0.5/user=admin_password=hunter2_channel=1_stream=0.sdp",
        "rtsp://10.0.0.5/user=admin&password=hunter2&channel=1&stream=0.sdp?real_stream",
        "rtsp://10.0.0.5/live?pass%77ord=hunter2",
        "rtsp://10.0.0.5/live?pass%2577ord=hunter2",
        "rtsp://10.0.0.5/live#password=hunter2",
        "rtsp://10.0.0.5/live?auth=hunter2",
        "rtsp://10.0.0.5/live;token=hunter2",
        "http://10.0.0.5/open?api_key=hunter2",
        "rtsp://10.0.0.5/relay?to=rtsp://admin:hunter2@10.0.0.6/",
    ],
)
def test_a_secret_anywhere_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="url holds a user or password") as caught:
        check("url", url)
    assert "hunter2" not in str(caught.value)
    assert "password_file" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://10.0.0.5/main",
        "rtsp://10.0.0.5:554/cam/realmonitor?channel=1&subtype=0",
        "rtsps://[fe80::1]:322/Streaming/Channels/101",
        "rtsp://10.0.0.5/passage/east?author=1",
        "rtsp://10.0.0.5/h264Preview_01_main",
        "rtsp://10.0.0.5/user={username}_password={password}_channel=1",
    ],
)
def test_what_cameras_call_their_streams_is_taken(url: str) -> None:
    assert secret_part(url) is None
    check("url", url)


@pytest.mark.parametrize(
    "url", ["rtsp:///main", "rtsp://h:99999/x", "rtsp://h:port/x", "rtsp://h/a b", "rtsp://[::1/x"]
)
def test_what_cannot_be_reached_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="url is no address"):
        check("url", url)
