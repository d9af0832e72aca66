"""Fixtures that several parts use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.files.store import ModelStore


@pytest.fixture(scope="session")
def model_store() -> ModelStore:
    """Real models, kept between runs so that they come over the network once; PAIFANG_TEST_MODELS moves the folder."""
    folder = os.environ.get("PAIFANG_TEST_MODELS") or Path.home() / ".cache" / "paifang-tests" / "models"
    return ModelStore(Path(folder))


LONG = ("e2e", "aggregator/test_clips_web.py", "aggregator/test_broker_recovery.py", "aggregator/test_kill.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with few but long tests begin first, so that no process is left with one of them at the end."""
    here = Path(__file__).parent

    def is_short(item: pytest.Item) -> bool:
        return not item.path.relative_to(here).as_posix().startswith(LONG) if item.path.is_relative_to(here) else True

    items.sort(key=is_short)
