"""The local BigQuery, for tests of what is done to it."""

from tests.local_bigquery.fixtures import local_bigquery

__all__ = ["local_bigquery"]
