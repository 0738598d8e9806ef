"""Fixtures for tests that need a BigQuery."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import pytest_socket

from .process import LocalBigQuery, start


@contextmanager
def open_sockets() -> Iterator[None]:
    """Let a fixture of the session use sockets, which Home Assistant's test plugin has closed."""
    pytest_socket.enable_socket()
    try:
        yield
    finally:
        pytest_socket.disable_socket(allow_unix_socket=True)


def as_tests_need_it(bigquery: LocalBigQuery) -> None:
    """Let a local BigQuery do in seconds what a home needs hours for.

    Tests that are about the streaming buffer or the quota of metadata set what they need.
    """
    bigquery.change_settings(
        metadata_changes_per_10_seconds=1_000_000, buffer_seconds=0, buffer_lag_seconds=0
    )


@pytest.fixture(scope="session")
def local_bigquery() -> Iterator[LocalBigQuery]:
    """Return a local BigQuery for all tests; ask for `socket_enabled` as well to reach it."""
    with ExitStack() as stack:
        with open_sockets():
            bigquery = stack.enter_context(start())
            as_tests_need_it(bigquery)
        yield bigquery
