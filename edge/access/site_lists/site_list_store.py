"""The site's lists as the box stores them: keyed hashes and each entry's status, never a plate or a card number.

HMAC-SHA-256 under a key of this box, truncated to 16 bytes: the file alone does not reveal plates, and with the key
all plates must still be tried. The file is replaced atomically before it takes effect; without the aggregator the last
version stays in effect.
"""

from __future__ import annotations

import hmac
import os
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec

from common import logging_setup
from common.errors import ContractError, ListError
from common.secret import write_private
from edge.access.doors.door_signals import normal
from edge.access.site_lists.matching import Match, Standing
from protocol.plate_grammar import MAINLAND, Grammar, choose, normalise, variants
from protocol.signing.trust_anchor import Trust
from protocol.site_lists import SiteLists, unpack

KEY_FILE, LISTS_FILE = "lists.key", "lists.bin"
DIGEST_BYTES = 16


class _StoredEntry(msgspec.Struct, frozen=True, array_like=True):
    """An entry without its text."""

    entry: str
    standing: Standing
    from_ns: int | None
    until_ns: int | None

    def match(self, wall_ns: int, exact: bool) -> Match:
        began = self.from_ns is None or wall_ns >= self.from_ns
        return Match(self.entry, self.standing, began and (self.until_ns is None or wall_ns < self.until_ns), exact)


class _File(msgspec.Struct, frozen=True, array_like=True):
    """The file's content: digest → index in `entries`; -1 where several entries share a variant."""

    version: int = 0
    entries: tuple[_StoredEntry, ...] = ()
    exact: dict[bytes, int] = {}
    variants_index: dict[bytes, int] = {}


class ListStore:
    """A site's lists. `find` may be called from any thread while `take` replaces them.

    Args:
        folder: The box's data folder.
        site: The site's id.
        trust: Keys that verify the lists; None without a trust file: the lists stay empty.

    Raises:
        ListError: The stored file cannot be read.
    """

    def __init__(self, folder: Path, site: str, trust: Trust | None) -> None:
        self._path, self._site, self._trust = folder / LISTS_FILE, site, trust
        self._key = _key(folder / KEY_FILE)
        self._lock = threading.Lock()
        self._current = self._load()
        self.refused = 0
        self._log = logging_setup.get("lists")

    @property
    def version(self) -> int:
        """The version in effect; 0 before the first."""
        return self._current.version

    @property
    def entries(self) -> int:
        """How many entries are in effect."""
        return len(self._current.entries)

    def take(self, message: bytes) -> None:
        """Take a list message; an invalid one is counted and logged, and the old lists stay in effect."""
        try:
            if self._trust is None:
                raise ContractError("lists were received, but there is no trust_file to verify them")
            lists = unpack(message, self._site, self._trust.aggregator, self._trust.sealing)
            with self._lock:
                self._replace(lists)
        except (ContractError, ListError) as error:
            self.refused += 1
            self._log.warning("lists refused", error=str(error), in_effect=self.version)

    def _replace(self, lists: SiteLists) -> None:
        if lists.version == self.version:
            return  # the retained message arrives at every connection
        if lists.version < self.version:
            raise ContractError(f"lists: version {lists.version} is older than {self.version}, which is in effect")
        new = self._hashed(lists)
        try:
            write_private(self._path, msgspec.msgpack.encode(new))
        except OSError as error:
            raise ListError(f"{self._path.name}: cannot be written: {error.strerror}") from error
        self._current = new
        self._log.info("lists in effect", version=new.version, entries=len(new.entries))

    def _hashed(self, lists: SiteLists) -> _File:
        grammars = _grammars(lists.grammars)
        new = _File(lists.version, (*_vehicles(lists), *_credentials(lists)))
        for index, vehicle in enumerate(lists.vehicles):
            plate = normalise(vehicle.plate)
            new.exact[self._digest("vehicle", plate)] = index
            for text in variants(plate, grammars):
                digest = self._digest("vehicle", text)
                new.variants_index[digest] = index if new.variants_index.get(digest, index) == index else -1
        for index, revoked in enumerate(lists.credentials, len(lists.vehicles)):
            new.exact[self._digest("credential", revoked.credential)] = index
        return new

    def find(self, domain: str, text: str, wall_ns: int) -> Match | None:
        """The entry for a text, as `matching.SiteList` finds it. `domain` is `vehicle` or `credential`."""
        current, digest = self._current, self._digest(domain, text)
        index = current.exact.get(digest)
        if index is not None:
            return current.entries[index].match(wall_ns, exact=True)
        index = current.variants_index.get(digest, -1)
        return current.entries[index].match(wall_ns, exact=False) if index >= 0 else None

    def _digest(self, domain: str, text: str) -> bytes:
        text = normal(text) if domain == "credential" else text
        return hmac.digest(self._key, f"{domain}\0{text}".encode(), "sha256")[:DIGEST_BYTES]

    def _load(self) -> _File:
        if not self._path.exists():
            return _File()
        try:
            return msgspec.msgpack.decode(self._path.read_bytes(), type=_File)
        except (OSError, msgspec.DecodeError) as error:
            raise ListError(
                f"{self._path.name}: {error}; remove it, and the aggregator sends the lists again"
            ) from error


class ListView:
    """One of the store's lists, as gates and doors query it (`SiteList`)."""

    def __init__(self, store: ListStore, domain: str) -> None:
        self._store, self._domain = store, domain

    def find(self, text: str, wall_ns: int) -> Match | None:
        """The entry for a normalised plate or a credential; None where there is none."""
        return self._store.find(self._domain, text, wall_ns)


def _vehicles(lists: SiteLists) -> Iterable[_StoredEntry]:
    return (_StoredEntry(it.id, it.standing, it.from_ns, it.until_ns) for it in lists.vehicles)


def _credentials(lists: SiteLists) -> Iterable[_StoredEntry]:
    return (_StoredEntry(it.id, "revoked", it.from_ns, it.until_ns) for it in lists.credentials)


def _grammars(names: tuple[str, ...]) -> tuple[Grammar, ...]:
    if not names:
        return MAINLAND
    try:
        known = [name for name in names if not name.startswith("pattern:")]
        return choose(known, [name.removeprefix("pattern:") for name in names if name.startswith("pattern:")])
    except ValueError as error:
        raise ContractError(f"lists: grammars: {error}") from error


def _key(path: Path) -> bytes:
    try:
        if not path.exists():
            write_private(path, os.urandom(32))
        return path.read_bytes()
    except OSError as error:
        raise ListError(f"{path.name}: {error.strerror}") from error
