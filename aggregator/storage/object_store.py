"""Where files lie that are too large for the database: a folder, or anything that `obstore` can reach, such as S3."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from aggregator.settings.aggregator import ObjectsSettings
from common import text_file
from common.errors import SettingsError, StoreError

PIECE_BYTES = 256 * 1024


class ObjectStorage:
    """Files under names of our own making.

    Args:
        settings: Where they lie.
        folder: For the default, made when it is not there.

    Raises:
        SettingsError: The address or an option is not known.
    """

    def __init__(self, settings: ObjectsSettings, folder: Path) -> None:
        try:
            if settings.url:
                self._store: ObjectStore = from_url(
                    settings.url, config=cast(Any, _options(settings)), client_options=_client(settings)
                )
            else:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._store = LocalStore(prefix=folder)
        except (BaseError, ValueError, OSError) as error:
            raise SettingsError("settings", "objects.url", f"cannot be used: {error}") from error

    def put(self, name: str, path: Path) -> None:
        """Store a file whole, or not at all.

        Raises:
            StoreError: It cannot be stored now.
        """
        with _mapped(), path.open("rb") as file:
            obstore.put(self._store, name, file)

    def size(self, name: str) -> int | None:
        """Bytes of an object; None: there is none.

        Raises:
            StoreError: It cannot be asked now.
        """
        try:
            with _mapped():
                return int(obstore.head(self._store, name)["size"])
        except FileNotFoundError:
            return None

    async def read(self, name: str, begin: int, end: int) -> AsyncIterator[bytes]:
        """Bytes from `begin` up to `end`, piece by piece.

        Raises:
            StoreError: It cannot be read now, or is not there any more.
        """
        while begin < end:
            stop = min(begin + PIECE_BYTES, end)
            try:
                with _mapped():
                    piece = bytes(await obstore.get_range_async(self._store, name, start=begin, end=stop))
            except FileNotFoundError as error:
                raise StoreError("the object is not there any more") from error
            yield piece
            begin = stop

    def delete(self, name: str) -> None:
        """Remove an object; good if it is not there.

        Raises:
            StoreError: It cannot be removed now.
        """
        with contextlib.suppress(FileNotFoundError), _mapped():
            obstore.delete(self._store, name)

    def names(self, prefix: str) -> list[str]:
        """All objects whose names begin with a folder's.

        Raises:
            StoreError: It cannot be asked now.
        """
        with _mapped():
            return sorted(it["path"] for page in obstore.list(self._store, prefix) for it in page)


def _options(settings: ObjectsSettings) -> dict[str, str] | None:
    options = dict(settings.options)
    for key, file in (("access_key_id", settings.key_file), ("secret_access_key", settings.secret_file)):
        if file is not None:
            options[key] = text_file.read(Path(file)).strip()
    return options or None


def _client(settings: ObjectsSettings) -> Any:
    return {"allow_http": True} if settings.options.get("endpoint", "").startswith("http://") else None


@contextlib.contextmanager
def _mapped() -> Iterator[None]:
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:
        raise FileNotFoundError(str(error)) from error
    except (BaseError, OSError) as error:
        raise StoreError(f"objects: {error}") from error
