"""A PostgreSQL for copies."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bigquery_export.support.databases import empty_database
from tests.bigquery_export.support.postgresql_copies import CopyDatabase


@pytest.fixture
def copy_database(socket_enabled: None, tmp_path: Path) -> Iterator[CopyDatabase]:
    """Return an empty database of the test's own."""
    with empty_database("postgresql", tmp_path) as url:
        yield CopyDatabase(url)
