from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from common.decoding import JsonDecoder, decode_any
from common.errors import ContractError, ListError

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = {
    "nested arrays": b"[" * 5_000,
    "nested objects": b'{"a":' * 5_000,
    "nested inside": b'{"online":true,"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "long number": b"1" * 5_000,
    "large exponent": b"1e400",
    "half a pair": b'"\\ud800"',
    "bytes": b"\xff\xfe",
    "nothing": b"",
    "cut": b'{"a":',
    "not a number": b"[NaN]",
}


class _Any(msgspec.Struct):
    online: bool
    x: object = None


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", [object, _Any])
def test_every_error_of_decoding_is_mapped(name: str, kind: type) -> None:
    with pytest.raises(ContractError):
        JsonDecoder(kind).decode(HOSTILE[name])
    with pytest.raises(ListError, match=r"^list: "):
        JsonDecoder(kind, "list", ListError).decode(HOSTILE[name])


@pytest.mark.parametrize("raised", [MemoryError(), RecursionError(), OverflowError("big"), ValueError("no")])
def test_what_a_types_own_check_raises_is_mapped(raised: Exception) -> None:
    class Checked(msgspec.Struct):
        a: int

        def __post_init__(self) -> None:
            raise raised

    with pytest.raises(ContractError):
        JsonDecoder(Checked).decode(b'{"a":1}')


def test_good_json_is_decoded() -> None:
    assert decode_any(b'{"a":[1,2]}') == {"a": [1, 2]}


READS_OWN_FILES = {
    "aggregator/web/api/monitoring/escalation.py", "aggregator/web/api/alerts/responses.py",
    "aggregator/storage/tables/monitoring/shift.py", "aggregator/storage/tables/monitoring/statistics.py",
    "aggregator/storage/tables/monitoring/quiet.py", "aggregator/services/monitoring/escalation_service.py",
    "aggregator/services/monitoring/delivery.py", "aggregator/notifications/sender_process.py",
    "aggregator/notifications/senders.py", "aggregator/domain/shift/handover.py",
    "aggregator/messaging/broker_config.py", "aggregator/storage/keyring.py", "aggregator/domain/audit/audit_entry.py",
    "aggregator/audit/export.py", "aggregator/storage/tables/investigation/cases.py",
    "aggregator/storage/tables/places.py",
    "aggregator/storage/reader.py", "aggregator/storage/tables/accounts.py", "aggregator/storage/tables/events.py",
    "edge/jobs/command_jobs.py", "edge/jobs/job_store.py", "edge/cli/recorder.py",
    "edge/recorder/retention/segment_encryption.py", "edge/recorder/retention/legal_holds.py",
    "edge/media/signed_manifest.py", "edge/recorder/footage/transactional_outbox.py",
    "edge/recorder/segments/segment.py",
    "aggregator/storage/tables/feeds/consumers.py", "aggregator/storage/tables/monitoring/floor_plans.py",
    "aggregator/services/feeds/webhook_sender.py",
    "aggregator/domain/feeds/feed_entry.py",
    "aggregator/web/api/dependencies.py", "common/decoding.py",
}  # fmt: skip
"""Modules that decode with a library's own decoder: what they read was written by this program, or they map it all."""


def test_nobody_else_decodes_json_with_an_unmapped_decoder() -> None:
    plain = re.compile(r"json\.loads\(|json\.load\(|msgspec\.json\.decode\(|msgspec\.json\.Decoder\(")
    found = {
        str(path.relative_to(ROOT))
        for package in ("aggregator", "common", "edge", "events")
        for path in (ROOT / package).rglob("*.py")
        if plain.search(path.read_text(encoding="utf-8"))
    }
    assert found <= READS_OWN_FILES, "use common.decoding.JsonDecoder"
