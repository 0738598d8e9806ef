"""Tests of the faults that a torture chooses."""

from collections.abc import Iterator
from contextlib import suppress
from random import Random

import pytest
import requests

from tests.local_bigquery.process import LocalBigQuery

from .faults import add_token_fault, fired


@pytest.fixture(autouse=True)
def cleared(local_bigquery: LocalBigQuery, socket_enabled: None) -> Iterator[None]:
    """Leave no fault for the next test."""
    yield
    local_bigquery.clear_faults()


def test_all_that_happens_to_tokens(local_bigquery: LocalBigQuery) -> None:
    """Pages with and without success, nothing, errors and delays are all chosen, and known."""
    random = Random(1)  # noqa: S311 - repeatable
    said = {add_token_fault(local_bigquery, random).rpartition(" ")[0] for _ in range(150)}
    assert said >= {
        *("token page200", "token page407", "token empty200", "token drop", "token delay"),
        *("token backendError", "token corrupt_json", "token cut_body"),
    }
    rules = local_bigquery.faults()
    assert {rule["method"] for rule in rules} == {"token"}
    assert {rule["times"] for rule in rules} == {1, 2, 6, None}
    assert all((rule["seconds"] > 0) is (rule["kind"] == "delay") for rule in rules)
    assert fired(local_bigquery) == {"token": 0}


def test_calls_that_went_wrong_are_counted(local_bigquery: LocalBigQuery) -> None:
    """By method, over all rules."""
    for kind in ("page", "drop"):
        local_bigquery.add_fault("token", kind)
    for _ in range(3):
        with suppress(requests.ConnectionError):
            requests.post(f"{local_bigquery.rest_url}/token", timeout=10)
    assert fired(local_bigquery) == {"token": 2}
