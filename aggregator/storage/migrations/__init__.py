"""Brings a database to the newest revision with Alembic, or refuses one that it does not know.

A released revision is never edited. `versions/` holds one module each, `env.py` is what Alembic runs them with.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Integer, column, func, inspect, select, table

from aggregator.storage.engines.database import Database
from common.errors import StoreError

_SCRIPTS = ScriptDirectory(str(Path(__file__).parent))
_FIRST = _SCRIPTS.get_base()
_BUILD_VERSION = 6
"""Builds before 0.1 counted versions; the last one had the schema of the first revision."""
_SCHEMA_VERSION = table("schema_version", column("version", Integer))


def upgrade(db: Database) -> None:
    """Bring a database to the newest revision; closes it where that fails.

    Raises:
        StoreError: It does not open, a newer version made it, or a build before 0.1 that is too old.
    """
    try:
        with db.connection() as connection:
            newest = _revision(connection) == _SCRIPTS.get_current_head()
        if not newest:
            with db.transaction() as connection:
                _upgrade(connection)
    except BaseException:
        db.close()
        raise


def _revision(connection: Connection) -> str | None:
    found = MigrationContext.configure(connection).get_current_revision()
    known = {it.revision for it in _SCRIPTS.walk_revisions()}
    if found is not None and found not in known:
        raise StoreError(f"database: revision {found} is newer than this program's {_SCRIPTS.get_current_head()}")
    return found


def _upgrade(connection: Connection, revision: str = "head") -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    if _revision(connection) is None:
        build = _build_version(connection)
        if build not in (0, _BUILD_VERSION):
            raise StoreError(
                f"database: schema version {build} of a build before 0.1 cannot be upgraded; open it once with a build "
                f"of schema version {_BUILD_VERSION}, or move it away and start with an empty one"
            )
        if build:
            command.stamp(config, str(_FIRST))
    command.upgrade(config, revision)


def _build_version(connection: Connection) -> int:
    """The version that a build before 0.1 left; 0 in an empty database."""
    if connection.dialect.name == "sqlite":
        return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
    if not inspect(connection).has_table("schema_version"):
        return 0
    return int(connection.execute(select(func.coalesce(func.max(_SCHEMA_VERSION.c.version), 0))).scalar_one())
