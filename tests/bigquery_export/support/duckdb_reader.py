"""What DuckDB reads in a file."""

from typing import Any


def read_by_duckdb(function: str) -> list[dict[str, Any]]:
    """Return the rows that a table function of DuckDB reads, with times in UTC.

    Call it in a process of its own: where DuckDB is imported, one that has other threads aborts
    at its end.
    """
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows: list[dict[str, Any]] = connection.sql(f"FROM {function}").to_arrow_table().to_pylist()
        return rows
