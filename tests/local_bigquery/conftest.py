"""What the tests of the local BigQuery share: an account, a dataset, and Google's own clients."""

from collections.abc import Iterator
from itertools import count

from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient
import pytest

from .clients import rest_client, write_client
from .fixtures import grpc_threads, local_bigquery, open_sockets
from .process import DATA_EDITOR, JOB_USER, Json, LocalBigQuery

__all__ = ["grpc_threads", "local_bigquery"]

PROJECT = "local-project"
_numbers = count(1)


@pytest.fixture(autouse=True)
def sockets(socket_enabled: None) -> None:
    """Let all tests here reach the server."""


@pytest.fixture
def project() -> str:
    """Return the project of the account."""
    return PROJECT


@pytest.fixture(scope="session")
def key(local_bigquery: LocalBigQuery) -> Json:
    """Return the key of an account that may do everything in the project."""
    grants = [{"role": role, "project": PROJECT} for role in (DATA_EDITOR, JOB_USER)]
    with open_sockets():
        return local_bigquery.create_account(PROJECT, grants)


@pytest.fixture
def client(local_bigquery: LocalBigQuery, key: Json) -> Iterator[bigquery.Client]:
    """Return Google's client for the REST API."""
    with rest_client(local_bigquery.rest_url, key) as client:
        yield client


@pytest.fixture
def writer(local_bigquery: LocalBigQuery, key: Json) -> Iterator[BigQueryWriteClient]:
    """Return Google's client for the Storage Write API."""
    with write_client(local_bigquery.storage_url, key) as client:
        yield client


@pytest.fixture
def dataset(local_bigquery: LocalBigQuery, client: bigquery.Client) -> Iterator[str]:
    """Return the id of a new dataset."""
    dataset = f"test_{next(_numbers)}"
    client.create_dataset(dataset)
    yield dataset
    local_bigquery.drop_dataset(PROJECT, dataset)
