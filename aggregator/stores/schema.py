"""SQLite schema as forward-only migrations: entry N brings `user_version` from N to N + 1.

A released entry is never edited.
"""

from __future__ import annotations

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

MIGRATIONS: tuple[str, ...] = (_FIRST, _LISTS)
