"""The box's way to the aggregator over HTTP: outwards only, for one job at a time that a command has asked for.

An upload that breaks off is continued where it stopped by the next call: the job engine makes it, after a pause.
`protocol/signing/upload_tokens.py` says what lets the box in.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import httpx2

from common.errors import SettingsError, UplinkError, UplinkRefused
from protocol.signing.upload_tokens import DIGEST, LENGTH, OFFSET, PIECE_BYTES, SCHEME, upload_path

TIMEOUT_S = 20.0
REMEMBERED = 200
"""Jobs whose last piece was sent without an answer."""


class UploadClient:
    """Brings files.

    Args:
        url: The aggregator's address.
        ca_file: Certificates to trust; None: the system's.
        transport: The network; None: the real one.

    Raises:
        SettingsError: The certificates cannot be used.
    """

    def __init__(self, url: str, ca_file: Path | None, transport: httpx2.BaseTransport | None = None) -> None:
        self.url, self._transport = url.rstrip("/"), transport
        self._complete: OrderedDict[str, None] = OrderedDict()
        try:
            self.tls = ssl.create_default_context(cafile=str(ca_file)) if ca_file is not None else None
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(str(ca_file), "uplink.ca_file", f"cannot be used: {error}") from error

    def check(self, use: str, job: str, ticket: str) -> None:
        """Ask whether a job's file is still wanted.

        Raises:
            UplinkRefused: It is not.
            UplinkError: The aggregator does not answer.
        """
        try:
            with self._client({"Authorization": f"{SCHEME} {ticket}"}) as client:
                _offset(client.head(upload_path(use, job)))
        except httpx2.HTTPError as error:
            raise UplinkError(f"the aggregator does not answer: {error or type(error).__name__}") from error

    def upload(
        self,
        use: str,
        job: str,
        ticket: str,
        path: Path,
        stop: threading.Event,
        *,
        progress: Callable[[float], None] = lambda _: None,
    ) -> None:
        """Upload a file, from where the call before has stopped; returns when the aggregator has it.

        Args:
            use: What for.
            job: The job's id.
            ticket: Lets it in.
            path: The file.
            stop: Ends it between two pieces.
            progress: Takes how much is there, 0..1.

        Raises:
            UplinkRefused: The aggregator does not want it any more.
            UplinkError: It was stopped or broke off; call again later.
        """
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
                headers = {"Authorization": f"{SCHEME} {ticket}", LENGTH: str(file.tell()), DIGEST: digest}
                with self._client(headers) as client:
                    self._send(client, upload_path(use, job), file, job=job, stop=stop, progress=progress)
        except UplinkRefused:
            if job not in self._complete:
                raise
            # the last piece was sent and its answer was lost: the aggregator has the file
        except (httpx2.HTTPError, OSError) as error:
            raise UplinkError(f"upload broke off: {str(error) or type(error).__name__}") from error
        self._complete.pop(job, None)

    def _client(self, headers: dict[str, str]) -> httpx2.Client:
        verify: ssl.SSLContext | bool = self.tls if self.tls is not None else True
        return httpx2.Client(
            base_url=self.url, headers=headers, timeout=TIMEOUT_S, verify=verify, transport=self._transport
        )

    def _send(
        self, client: httpx2.Client, where: str, file: BinaryIO, *, job: str, stop: threading.Event,
        progress: Callable[[float], None],
    ) -> None:  # fmt: skip
        length, offset = os.fstat(file.fileno()).st_size, _offset(client.head(where))
        while not stop.is_set():
            progress(offset / max(1, length))
            file.seek(offset)
            piece = file.read(PIECE_BYTES)  # empty where all pieces are there and the whole was not accepted yet
            if offset + len(piece) >= length:
                self._note_complete(job)
            answer = client.patch(where, content=piece, headers={OFFSET: str(offset)})
            if answer.status_code == httpx2.codes.UNPROCESSABLE_CONTENT:
                raise UplinkError("the file arrived damaged and is sent again")
            offset = _offset(answer)
            if offset >= length and answer.status_code == httpx2.codes.NO_CONTENT:
                return
        raise UplinkError("upload stopped")

    def _note_complete(self, job: str) -> None:
        self._complete[job] = None
        while len(self._complete) > REMEMBERED:
            self._complete.popitem(last=False)


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
