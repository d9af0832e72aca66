"""Settings of the PostgreSQL store. `docs/reference/settings.md` describes every key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from psycopg import ProgrammingError, conninfo

from common import addresses, text_file
from common.errors import SettingsError
from common.secret import Secret


class Postgres(msgspec.Struct, frozen=True, kw_only=True):
    """Where PostgreSQL is.

    Attributes:
        dsn: libpq's `key=value` words or URI, without a password.
        password_file: File with the password; none: what libpq finds by itself, or none needed.
        readers: Most connections that read at the same time.
    """

    dsn: str = "dbname=paifang"
    password_file: str | None = None
    readers: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8

    def __post_init__(self) -> None:
        if addresses.is_cut(self.dsn):
            raise ValueError("dsn holds a password; put it into a file and name that in password_file")
        try:
            words = conninfo.conninfo_to_dict(self.dsn)
        except ProgrammingError:  # its text repeats parts of the dsn, and there may be a password in it
            problem = "write key=value words, or postgresql://host/database, without a password"
            raise ValueError(f"dsn is not what libpq reads: {problem}") from None
        if "password" in words:
            raise ValueError("dsn holds a password; put it into a file and name that in password_file")

    def password(self) -> Secret | None:
        """The password.

        Raises:
            SettingsError: The file cannot be read.
        """
        if self.password_file is None:
            return None
        try:
            return Secret(text_file.read(Path(self.password_file)).rstrip("\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError("settings", "postgres.password_file", f"cannot be read: {error}") from error


LOCAL = Postgres()
