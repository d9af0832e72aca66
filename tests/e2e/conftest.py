from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from model_kit import obtain
from village_kit import Village, walkway

from models.files.store import ModelStore


@pytest.fixture(scope="session")
def models(model_store: ModelStore) -> ModelStore:
    """The models that a box needs."""
    obtain(model_store, "objects", "faces-to-blur", "plate-find")
    return model_store


@pytest.fixture
def village(models: ModelStore, tmp_path: Path) -> Iterator[Village]:
    """A village with real walkers, not started yet."""
    made = Village(tmp_path, walkway(Path.home() / ".cache" / "paifang-tests" / "clips"))
    yield made
    made.close()
