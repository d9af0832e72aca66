from __future__ import annotations

import argon2
import pytest

from aggregator.auth.passwords import MAX_PASSWORD, add_user, hash_password, matches
from aggregator.domain.store_port import Store, Writer
from common.errors import LoginError
from common.secret import Secret

HASHER = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
LONGEST = "x" * MAX_PASSWORD


def test_a_password_that_is_too_long_is_not_cut() -> None:
    kept = hash_password(Secret(LONGEST), HASHER)
    assert matches(kept, Secret(LONGEST), HASHER)
    assert not matches(kept, Secret(LONGEST + "y"), HASHER)


def test_a_password_that_is_too_long_is_refused(writer: Writer, store: Store) -> None:
    with pytest.raises(LoginError, match="at most 1024"):
        add_user(writer, "li", Secret(LONGEST + "y"), 0)
    assert store.reader().user("li") is None
