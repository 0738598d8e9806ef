"""The local BigQuery, in the place of the real one."""

from tests.local_bigquery.fixtures import local_bigquery

__all__ = ["local_bigquery"]
