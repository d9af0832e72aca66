"""The box's way to the aggregator over HTTP: outwards only, for one job at a time that a command has asked for.

An upload that breaks off asks how much is there and goes on; it is tried again, with growing pauses, until the job has
become too old. docs/features/access.md says who asks; `protocol/signing/upload_tokens.py` what lets the box in.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

import httpx2

from common import logging_setup
from common.backoff import Backoff
from common.clock import SECOND_NS, Clock
from common.errors import SettingsError, UplinkError, UplinkRefused
from protocol.signing.upload_tokens import DIGEST, LENGTH, OFFSET, PIECE_BYTES, SCHEME, upload_path

_log = logging_setup.get("uplink")
TIMEOUT_S = 20.0
LIFE_S = 24 * 3600.0
"""After this the aggregator asks again, if it still wants the file."""


class UploadClient:
    """Brings files.

    Args:
        url: The aggregator's address.
        ca_file: Certificates to trust; None: the system's.
        clock: Monotonic time.
        backoff: Makes the pauses between tries.
        transport: The network; None: the real one.

    Raises:
        SettingsError: The certificates cannot be used.
    """

    def __init__(
        self,
        url: str,
        ca_file: Path | None,
        *,
        clock: Clock,
        backoff: Callable[[], Backoff],
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._clock, self._backoff, self._transport = clock, backoff, transport
        try:
            self.tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file is not None else None
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(str(ca_file), "uplink.ca_file", f"cannot be used: {error}") from error
        self.uploads = self.retries = 0

    def upload(self, use: str, job: str, ticket: str, path: Path, stop: threading.Event) -> None:
        """Bring a file; returns when the aggregator has it.

        Args:
            use: What for.
            job: The job's id.
            ticket: Lets it in.
            path: The file.
            stop: Ends the tries.

        Raises:
            UplinkRefused: The aggregator does not want it any more.
            UplinkError: It was stopped, or a day of tries has passed.
        """
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        headers = {"Authorization": f"{SCHEME} {ticket}", LENGTH: str(path.stat().st_size), DIGEST: digest}
        began_ns, backoff = self._clock.monotonic_ns(), self._backoff()
        offered: list[bool] = []
        while True:
            try:
                with self._client(headers) as client:
                    self._bring(client, upload_path(use, job), path, offered)
                self.uploads += 1
                return
            except UplinkRefused:
                if not offered:
                    raise
                return  # the last piece went out and its answer was lost: the aggregator has the file
            except (httpx2.HTTPError, UplinkError) as error:
                self.retries += 1
                _log.info("upload broke off", job=job, problem=str(error) or type(error).__name__)
            late = self._clock.monotonic_ns() - began_ns > LIFE_S * SECOND_NS
            if late or stop.wait(backoff.next_s()):
                raise UplinkError(f"upload of {job}: " + ("a day of tries has passed" if late else "stopped"))

    def _client(self, headers: dict[str, str]) -> httpx2.Client:
        verify: ssl.SSLContext | bool = self.tls if self.tls is not None else True
        return httpx2.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT_S, verify=verify, transport=self._transport
        )

    def _bring(self, client: httpx2.Client, where: str, path: Path, offered: list[bool]) -> None:
        length = path.stat().st_size
        offset = _offset(client.head(where))
        with path.open("rb") as file:
            while True:
                file.seek(offset)
                piece = file.read(PIECE_BYTES)  # none, where the whole is there and was not taken over yet
                if offset + len(piece) >= length:
                    offered.append(True)
                answer = client.patch(where, content=piece, headers={OFFSET: str(offset)})
                if answer.status_code == httpx2.codes.UNPROCESSABLE_ENTITY:
                    raise UplinkError("the file arrived damaged; beginning anew")
                offset = _offset(answer)
                if offset >= length and answer.status_code == httpx2.codes.NO_CONTENT:
                    return


def _offset(answer: httpx2.Response) -> int:
    """How much is there now.

    Raises:
        UplinkRefused: The job is not wanted any more, or the ticket is not its own.
        UplinkError: The aggregator cannot take it now.
    """
    if answer.status_code in (401, 403, 404, 410, 413):
        raise UplinkRefused(f"the aggregator answered {answer.status_code}")
    if answer.status_code not in (200, 204, 409):
        raise UplinkError(f"the aggregator answered {answer.status_code}")
    text = answer.headers.get(OFFSET, "")
    if not (text.isascii() and text.isdecimal()):
        raise UplinkError("the aggregator did not say how much is there")
    return int(text)
