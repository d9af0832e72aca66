"""No secret stands in an address, wherever it is put, and no address is taken that cannot be one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aggregator.settings.aggregator import ObjectsSettings
from aggregator.settings.postgres import Postgres
from common.addresses import check, check_path, secret_part


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


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:12/x@host/live",
        "rtsp://admin:12/x@10.0.0.5/live",
        "rtsp://admin:hunter2/x@host/live",
        "rtsp://admin:hunter2#x@host:554/live",
        "rtsp://admin:12?hunter2@host.example/live",
        "rtsp://admin:h@unter2/@10.0.0.5/live",
        "rtsp://admin:100%@10.0.0.5/live",
        "rtsp://john.doe:12/hunter2@10.0.0.5/live",
        "rtsp://admin:12/hunter2@[fe80::1]/live",
        "rtsp://adm/in@10.0.0.5/live",
        "rtsp:///admin:12/hunter2@10.0.0.5/live",
    ],
)
def test_a_password_that_ends_the_host_early_is_recognised_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="url holds a user or password") as caught:
        check("url", url)
    assert "hunter2" not in str(caught.value)
    assert "12" not in str(caught.value)
    assert "where it stands as it is" in str(caught.value)
    assert "%40" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://10.0.0.5:554/live@main",
        "rtsp://10.0.0.5/live/ch00_0@1",
        "rtsp://camera.example:554/live@main",
        "rtsp://camera/live@main",
        "rtsp://camera:554/live%40main",
        "rtsp://[fe80::1]:554/live@main",
    ],
)
def test_an_at_sign_in_a_path_is_no_password(url: str) -> None:
    check("url", url)


@pytest.mark.parametrize("path", ["admin:hunter2@10.0.0.5/live", "rtsp:10.0.0.5/live", "admin:hun/ter2@10.0.0.5"])
def test_an_address_without_its_scheme_is_no_file(path: str) -> None:
    with pytest.raises(ValueError, match="url is no address and no file") as caught:
        check_path("url", path)
    assert "hun" not in str(caught.value)
    check_path("url", "clips/gate@night.mp4")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Postgres(dsn="postgresql://admin:hunter2/x@db.example/paifang"),
        lambda: Postgres(dsn="postgresql://admin:12/hunter2@10.0.0.5/paifang"),
        lambda: Postgres(dsn="host=db password=hunter2"),
        lambda: Postgres(dsn="host=db pass=hunter2"),
        lambda: ObjectsSettings(url="s3://key:hunter2@bucket/folder"),
        lambda: ObjectsSettings(url="s3://bucket", options={"endpoint": "http://k:hun/ter2@10.0.0.5/"}),
    ],
)
def test_the_aggregator_s_addresses_hold_no_secret_either(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"password|libpq") as caught:
        make()
    assert "hun" not in str(caught.value)
