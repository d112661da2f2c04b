"""Stand-in endpoints of the teachers' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.stand_in import Serve, endpoints


@pytest.fixture
def serve() -> Iterator[Serve]:
    with endpoints() as start:
        yield start
