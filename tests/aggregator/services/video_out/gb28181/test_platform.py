"""What an administrator writes of a platform: each mistake is named."""

from __future__ import annotations

import pytest

from aggregator.services.video_out.gb28181.platform import check_device, parse_address
from common.errors import FeedError

SERVER = "34020000002000000001"


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        (f"sip:{SERVER}@video.example:5061;transport=tcp", (SERVER, "video.example", 5061, "tcp")),
        (f"sip:{SERVER}@[2001:db8::1]:5060", (SERVER, "2001:db8::1", 5060, "udp")),
    ],
)
def test_addresses(address: str, parts: tuple[str, str, int, str]) -> None:
    assert parse_address(address) == parts


@pytest.mark.parametrize(
    "address",
    [
        "", f"sips:{SERVER}@h", f"sip:{SERVER[1:]}@h", f"sip:{SERVER}@", f"sip:{SERVER}@h:0", f"sip:{SERVER}@h:65536",
        f"sip:{SERVER}@h;transport=tls", f"sip:{SERVER}@h\r\nX: y", f"sip:{SERVER}:pw@h", f"sip:{SERVER}@h@i",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(FeedError, match="url: write sip:ID@host:port"):
        parse_address(address)


@pytest.mark.parametrize(
    ("device", "password", "field"),
    [("34", "x", "device"), (SERVER, "", "password"), (SERVER, "a\nb", "password"), (SERVER, "密", "password")],
)
def test_what_is_no_account_is_refused(device: str, password: str, field: str) -> None:
    with pytest.raises(FeedError, match=field):
        check_device(device, password)
