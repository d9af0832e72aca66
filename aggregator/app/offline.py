"""What the commands do beside an aggregator that may be running: accounts, and trust files of sites."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from aggregator.app.known_sites import known_sites
from aggregator.auth import passwords
from aggregator.auth.accounts.scopes import ScopeChecker
from aggregator.auth.accounts.user_names import SYSTEM
from aggregator.auth.change_stamp import ChangeStamp
from aggregator.auth.passwords import act_of
from aggregator.domain.accounts.account import Account, DropUser
from aggregator.domain.accounts.authorization import EVERYWHERE, RoleAssignment
from aggregator.domain.store_port import Store, Writer
from aggregator.settings.aggregator import Settings
from aggregator.storage import STORES
from aggregator.storage.keyring import KeyRing
from common.clock import SystemClock
from common.errors import SettingsError, StoreError
from common.secret import Secret
from protocol.identifiers import check_name


def make_folder(settings: Settings) -> Path:
    """The data folder, readable by this user only.

    Raises:
        SettingsError: It cannot be made.
    """
    folder = Path(settings.data)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError("settings", "data", f"folder cannot be made: {error}") from error
    return folder


def open_store(settings: Settings) -> Store:
    """The store that the settings name."""
    return STORES[settings.store](make_folder(settings), settings.postgres)


@contextlib.contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Store, Writer]]:
    """The store and a writer beside an aggregator that may be running; closed in the order that `Store.close` asks."""
    store = open_store(settings)
    with contextlib.closing(store.writer(sole=False)) as writer, contextlib.closing(store):
        yield store, writer


def add_user(
    settings: Settings, name: str, password: Secret | None, grants: Sequence[RoleAssignment] = ()
) -> tuple[RoleAssignment, ...]:
    """Add a user, or give one a new password, beside an aggregator that may be running.

    Args:
        settings: From `config.load`.
        name: The user's name.
        password: The new one; None: they log in through the identity provider.
        grants: Roles beyond those that they have.

    Returns:
        All roles that they have now.

    Raises:
        LoginError: The name has wrong characters or the password is too short.
        StoreError: The store does not open.
    """
    with _opened(settings) as (store, writer):
        passwords.add_user(writer, name, password, SystemClock().wall_ns(), grants)
        _tell_accounts_changed(settings)
        return store.reader().role_assignments(name)


def check_scopes(settings: Settings, grants: Sequence[RoleAssignment]) -> bool:
    """Refuse roles whose site or area is not known, as the page of accounts does.

    Returns:
        False: No site is known yet, so nothing could be checked.

    Raises:
        StaffError: Names what is not known, and what may have been meant.
        StoreError: The store does not open.
    """
    with _opened(settings) as (store, _):
        sites = known_sites(settings, store.reader().boxes())
    if not sites:
        return all(it.scope == EVERYWHERE for it in grants)
    checker = ScopeChecker(lambda: sites)
    for grant in grants:
        checker.check(grant)
    return True


def has_user(settings: Settings, name: str) -> bool:
    """Whether there is a user of that name.

    Raises:
        StoreError: The store does not open.
    """
    with _opened(settings) as (store, _):
        return bool(store.reader().accounts(name))


def remove_user(settings: Settings, name: str) -> bool:
    """Remove a user, their sessions and tokens; False if there is none of that name.

    Raises:
        StoreError: The store does not open.
    """
    with _opened(settings) as (_, writer):
        removed = writer.change_account(DropUser(name), act_of(name, SYSTEM, SystemClock().wall_ns(), "removed"))
        _tell_accounts_changed(settings)
        return removed


def _tell_accounts_changed(settings: Settings) -> None:
    try:
        ChangeStamp(Path(settings.data)).change()
    except OSError as error:
        raise StoreError(f"accounts were changed; a running aggregator notices in a second: {error}") from error


def users(settings: Settings) -> list[Account]:
    """All users, with their roles.

    Raises:
        StoreError: The store does not open.
    """
    with contextlib.closing(open_store(settings)) as store:
        return store.reader().accounts()


def write_trust(settings: Settings, site: str, path: Path) -> None:
    """Write a site's trust file.

    Raises:
        ContractError: That is no site's name.
        ListError: The aggregator's keys are damaged.
        SettingsError: The file cannot be written.
    """
    trust = KeyRing(make_folder(settings), secrets.token_bytes).trust(check_name(site, "site"))
    try:
        trust.write(path)
    except OSError as error:
        raise SettingsError(str(path), "--out", f"cannot be written: {error.strerror}") from error
