from __future__ import annotations

import json

import jsonschema
import pytest
from tests_support import event_of

from protocol.envelope import encode
from protocol.event_types import KINDS
from protocol.schemas import FOLDER, asyncapi, documents, event_schema


def test_the_generated_documents_are_the_ones_that_stand_in_the_repository() -> None:
    standing = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert standing == documents(), "run: python -m protocol.schemas"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_encoded_is_valid_by_the_schema(kind: str) -> None:
    message = json.loads(encode(event_of(kind)))
    jsonschema.validate(message, event_schema(kind), jsonschema.Draft202012Validator)
    del message["time"]
    with pytest.raises(jsonschema.ValidationError, match="time"):
        jsonschema.validate(message, event_schema(kind), jsonschema.Draft202012Validator)


def test_asyncapi_names_every_kind() -> None:
    assert set(asyncapi()["channels"]["events"]["messages"]) == set(KINDS)
