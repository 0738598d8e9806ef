"""Fixtures for tests that need a BigQuery."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
import threading

import pytest
import pytest_socket

from .process import LocalBigQuery, start

_GRPC = "(_run)"
"""How the names of gRPC's threads end, which are those of the function that they run."""
_SECONDS_TO_END = 10


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


@pytest.fixture(autouse=True)
def grpc_threads(verify_cleanup: None) -> Iterator[None]:
    """Wait for the threads of gRPC, which end a moment after their channel is closed.

    Home Assistant's test plugin takes any thread that is left for a fault of the test.
    """
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name.endswith(_GRPC):
            thread.join(_SECONDS_TO_END)
