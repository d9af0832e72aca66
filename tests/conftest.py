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
