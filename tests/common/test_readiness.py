"""Waiting for sockets, whatever their descriptors."""

from __future__ import annotations

import socket

import pytest
from descriptor_kit import LOW, low_descriptors_taken

from common.running.readiness import wait_readable, wait_ready


def test_sockets_are_waited_for_beyond_1024_descriptors() -> None:
    with low_descriptors_taken():
        one, other = socket.socketpair()
        third, fourth = socket.socketpair()
    with one, other, third, fourth:
        assert min(one.fileno(), third.fileno()) >= LOW
        assert wait_readable(0.0, one, third) == []
        assert wait_ready(0.0, one, write=True) == (False, True)
        assert wait_ready(0.0, one, write=False) == (False, False)
        other.send(b"x")
        assert wait_readable(5.0, third, one) == [one]
        assert wait_ready(0.0, one, write=True) == (True, True)
        fourth.close()
        assert wait_readable(5.0, one, third) == [one, third], "an end is something to read too"
        assert wait_ready(0.0, third, write=False) == (True, False)


def test_a_closed_socket_is_an_error() -> None:
    closed = socket.socket()
    closed.close()
    with pytest.raises(ValueError, match="file descriptor"):
        wait_readable(1.0, closed)
