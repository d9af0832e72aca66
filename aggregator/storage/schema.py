"""The schema as forward-only migrations: entry N brings version N to N + 1.

They are written for SQLite; `for_postgres` says the same to PostgreSQL. A released entry is never edited.
"""

from __future__ import annotations

import re

_FIRST = """
CREATE TABLE events (
  id TEXT PRIMARY KEY,
  site TEXT NOT NULL,
  box TEXT NOT NULL,
  place TEXT NOT NULL,
  kind TEXT NOT NULL,
  time_ns INTEGER NOT NULL,
  received_ns INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  alert TEXT,
  data TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX events_by_place ON events (site, place, kind, time_ns);

CREATE TABLE pictures (
  event_id TEXT PRIMARY KEY,
  jpeg BLOB NOT NULL
) STRICT;

CREATE TABLE alerts (
  id TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  site TEXT NOT NULL,
  box TEXT NOT NULL,
  place TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  object TEXT NOT NULL,
  severity TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
  count INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  opened_ns INTEGER NOT NULL,
  picture_event TEXT,
  picture_ns INTEGER NOT NULL,
  acknowledged_ns INTEGER,
  acknowledged_by TEXT,
  resolved_ns INTEGER,
  resolved_by TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_state ON alerts (state, last_ns, id);
CREATE INDEX alerts_by_time ON alerts (last_ns, id);
CREATE INDEX alerts_unresolved ON alerts (fingerprint, last_ns) WHERE state <> 'resolved';

CREATE TABLE quarantine (
  digest TEXT PRIMARY KEY,
  topic TEXT NOT NULL,
  reason TEXT NOT NULL,
  payload BLOB NOT NULL,
  size INTEGER NOT NULL,
  first_ns INTEGER NOT NULL,
  last_ns INTEGER NOT NULL,
  count INTEGER NOT NULL
) STRICT;
CREATE INDEX quarantine_by_time ON quarantine (last_ns);

CREATE TABLE positions (
  site TEXT NOT NULL,
  box TEXT NOT NULL,
  epoch TEXT NOT NULL,
  ranges TEXT NOT NULL,
  lost INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  first_seen_ns INTEGER NOT NULL,
  PRIMARY KEY (site, box, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE statuses (
  site TEXT NOT NULL,
  box TEXT NOT NULL,
  status TEXT NOT NULL,
  seen_ns INTEGER NOT NULL,
  PRIMARY KEY (site, box)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
  name TEXT PRIMARY KEY,
  password_hash TEXT NOT NULL,
  one_time INTEGER NOT NULL,
  created_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY,
  user TEXT NOT NULL,
  expires_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE counters (
  name TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('quarantined', 0), ('beat_ns', 0);
"""

_LISTS = """
CREATE TABLE list_entries (
  id TEXT PRIMARY KEY,
  site TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('vehicle', 'credential')),
  standing TEXT NOT NULL CHECK (standing IN ('registered', 'visitor', 'barred', 'revoked')),
  sealed BLOB NOT NULL,
  digest BLOB NOT NULL,
  owner TEXT NOT NULL,
  reason TEXT NOT NULL,
  from_ns INTEGER,
  until_ns INTEGER,
  by TEXT NOT NULL,
  made_ns INTEGER NOT NULL,
  UNIQUE (site, kind, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE list_versions (
  site TEXT PRIMARY KEY,
  version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE record (
  number INTEGER PRIMARY KEY,
  entry BLOB NOT NULL
) STRICT;
CREATE TABLE record_nodes (
  level INTEGER NOT NULL,
  place INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY,
  text BLOB NOT NULL
) STRICT;
"""

_STAFF = """
CREATE TABLE grants (
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  scope TEXT NOT NULL,
  PRIMARY KEY (name, role, scope)
) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  label TEXT NOT NULL,
  permissions TEXT NOT NULL,
  made_ns INTEGER NOT NULL,
  expires_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE factors (
  name TEXT PRIMARY KEY,
  sealed BLOB NOT NULL,
  last_step INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE links (
  subject TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
INSERT INTO grants
  SELECT users.name, roles.role, '*' FROM users
  CROSS JOIN (SELECT 'supervisor' AS role UNION ALL SELECT 'auditor' UNION ALL SELECT 'installer'
              UNION ALL SELECT 'admin') AS roles;
"""
"""Who could log in before there were roles could do everything; they keep what there was to do."""

_SEARCH = """
CREATE TABLE cells (
  id INTEGER PRIMARY KEY,
  site TEXT NOT NULL,
  place TEXT NOT NULL,
  box TEXT NOT NULL,
  kind TEXT NOT NULL,
  object TEXT NOT NULL,
  zone TEXT NOT NULL,
  from_ns INTEGER NOT NULL,
  until_ns INTEGER NOT NULL,
  count INTEGER NOT NULL,
  UNIQUE (site, place, box, kind, object, zone)
) STRICT;
INSERT INTO cells (site, place, box, kind, object, zone, from_ns, until_ns, count)
  SELECT site, place, box, kind, coalesce(json_extract(data, '$.object'), ''),
         coalesce(json_extract(data, '$.zone'), json_extract(data, '$.line'), ''),
         min(time_ns), max(time_ns) + 1, count(*)
  FROM events GROUP BY 1, 2, 3, 4, 5, 6;
CREATE INDEX cells_by_zone ON cells (zone, site);
CREATE TABLE genera (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  object TEXT NOT NULL,
  from_ns INTEGER NOT NULL,
  until_ns INTEGER NOT NULL,
  count INTEGER NOT NULL,
  UNIQUE (kind, object)
) STRICT;
INSERT INTO genera (kind, object, from_ns, until_ns, count)
  SELECT kind, object, min(from_ns), max(until_ns), sum(count) FROM cells GROUP BY 1, 2;
ALTER TABLE events ADD COLUMN cell INTEGER NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN genus INTEGER NOT NULL DEFAULT 0;
UPDATE events SET cell = (
  SELECT id FROM cells WHERE cells.site = events.site AND cells.place = events.place AND cells.box = events.box
    AND cells.kind = events.kind AND cells.object = coalesce(json_extract(data, '$.object'), '')
    AND cells.zone = coalesce(json_extract(data, '$.zone'), json_extract(data, '$.line'), ''));
UPDATE events SET genus = (
  SELECT id FROM genera WHERE genera.kind = events.kind
    AND genera.object = coalesce(json_extract(data, '$.object'), ''));
DROP INDEX events_by_place;
CREATE INDEX events_by_cell ON events (cell, time_ns, id);
CREATE INDEX events_by_genus ON events (genus, time_ns, id, cell);

CREATE TABLE cases (
  id TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  basis TEXT NOT NULL,
  site TEXT NOT NULL,
  places TEXT NOT NULL,
  from_ns INTEGER,
  until_ns INTEGER,
  expires_ns INTEGER NOT NULL,
  opened_by TEXT NOT NULL,
  opened_ns INTEGER NOT NULL,
  closed_by TEXT NOT NULL,
  closed_ns INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX cases_by_site ON cases (site, opened_ns, id);
CREATE INDEX cases_by_time ON cases (opened_ns, id);
"""

_RELEASES = """
CREATE TABLE releases (
  id TEXT PRIMARY KEY,
  case_id TEXT NOT NULL,
  site TEXT NOT NULL,
  box TEXT NOT NULL,
  camera TEXT NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  reason TEXT NOT NULL,
  asked_by TEXT NOT NULL CHECK (asked_by <> ''),
  asked_ns INTEGER NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('requested', 'approved', 'ready', 'fetched', 'refused', 'failed', 'expired')),
  decided_by TEXT NOT NULL,
  decided_ns INTEGER NOT NULL,
  decision TEXT NOT NULL,
  sealed BLOB NOT NULL,
  object TEXT NOT NULL,
  size INTEGER NOT NULL,
  digest TEXT NOT NULL,
  expires_ns INTEGER NOT NULL,
  fetches INTEGER NOT NULL,
  problem TEXT NOT NULL,
  step INTEGER NOT NULL,
  CHECK (decided_by <> asked_by),
  CHECK (decided_by <> '' OR (state IN ('requested', 'expired') AND object = '')),
  CHECK (to_ns > from_ns)
) STRICT, WITHOUT ROWID;
CREATE INDEX releases_by_person ON releases (asked_by, id);
CREATE INDEX releases_by_site ON releases (site, id);
CREATE INDEX releases_open ON releases (id)
  WHERE state IN ('requested', 'approved', 'ready') OR object <> '';
"""
"""Four eyes: nothing is approved, made or fetched unless somebody other than who asked has decided."""

_CLIPS = """
CREATE TABLE clips (
  id TEXT PRIMARY KEY,
  site TEXT NOT NULL,
  box TEXT NOT NULL,
  camera TEXT NOT NULL,
  from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('wanted', 'asked', 'stored', 'failed')),
  made_ns INTEGER NOT NULL,
  next_ns INTEGER NOT NULL,
  expires_ns INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  problem TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  digest TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX clips_due ON clips (next_ns) WHERE state IN ('wanted', 'asked');
CREATE INDEX clips_old ON clips (expires_ns);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _LISTS, _STAFF, _SEARCH, _RELEASES, _CLIPS)

_POSTGRES = (
    (r"\) STRICT(, WITHOUT ROWID)?;", ");"),
    (r"\bid INTEGER PRIMARY KEY\b", "id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
    (r"\bINTEGER\b", "BIGINT"),
    (r"\bBLOB\b", "BYTEA"),
    (r"\bTEXT\b", 'TEXT COLLATE "C"'),  # in the order of their bytes, as in SQLite
    (r"\buser TEXT\b", '"user" TEXT'),
    (r"json_extract\((\w+), '\$\.(\w+)'\)", r"(\1::json ->> '\2')"),
)
"""What SQLite calls otherwise: pattern and PostgreSQL's form."""


def for_postgres(script: str) -> str:
    """A migration in PostgreSQL's words."""
    for pattern, form in _POSTGRES:
        script = re.sub(pattern, form, script)
    return script
