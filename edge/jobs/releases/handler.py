"""The command `release`: an encrypted unredacted copy is made, uploaded, and deleted here.

Before it is made, the aggregator is asked whether the release is still approved. A copy is kept for the next attempt to
upload it while the process runs; after a restart it is made again.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from common.jobs.engine import Attempt
from common.jobs.job import Policy
from edge.jobs.releases.release_builder import Maker
from edge.jobs.releases.release_request import order_of
from edge.messaging.upload_client import UploadClient
from protocol.commands import Command
from protocol.signing.chunked_aead import USE

MADE = 0.5
"""Progress of a job whose copy is made and not uploaded."""


class ReleaseHandler:
    """An `edge.jobs.command_jobs.JobHandler`.

    Args:
        maker: Makes copies.
        uplink: Uploads them.
        site_key: Opens what is sealed for the site.
        folder: For sealed copies until they are uploaded.
    """

    policy = Policy(most_open=16)

    def __init__(self, maker: Maker, uplink: UploadClient, site_key: bytes, folder: Path) -> None:
        self._maker, self._uplink, self._site_key, self._folder = maker, uplink, site_key, folder

    def clean(self, open_jobs: frozenset[str]) -> None:  # noqa: ARG002 - no copy outlives the process
        """Remove all copies of a run before."""
        for left in self._folder.glob("*.sealed"):
            _erase(left)

    def discard(self, job_id: str) -> None:
        """Remove a copy."""
        _erase(self._path(job_id))

    def check(self, command: Command) -> None:
        """Refuse what cannot be done.

        Raises:
            FootageRefused: It is not allowed.
            FootageError: There is no such footage.
            ContractError: Its ticket is not this site's.
        """
        order = order_of(command, self._site_key)
        self._maker.player.check(order.camera, order.from_ns, order.to_ns)

    def run(self, command: Command, attempt: Attempt) -> None:
        """Make the copy, if it is not there and still approved, and upload it.

        Raises:
            UplinkError: The aggregator cannot be reached now.
            PaifangError: It cannot be made, or is not approved any more.
        """
        order = order_of(command, self._site_key)
        path, ticket = self._path(order.job), order.secrets.ticket
        if not path.exists():
            self._uplink.check(USE, order.job, ticket)
            self._maker.make(order, path, attempt.stop)
        attempt.progress(MADE)
        self._uplink.upload(
            USE, order.job, ticket, path, attempt.stop, progress=lambda it: attempt.progress(MADE + it * (1 - MADE))
        )

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.sealed"


def _erase(path: Path) -> None:
    """Remove a sealed copy; its beginning, with the salt that its key needs, is overwritten first."""
    with contextlib.suppress(OSError), path.open("r+b") as file:
        file.write(bytes(4096))
        file.flush()
    with contextlib.suppress(OSError):
        path.unlink()
