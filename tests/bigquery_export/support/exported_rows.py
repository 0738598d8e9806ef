"""What BigQuery has of an export."""

from typing import Any

from tests.bigquery_export.support.warehouse import Warehouse


def states_in(warehouse: Warehouse) -> list[str]:
    """Return the states that are in BigQuery, in the order of the recorder."""
    return [row["state"] for row in warehouse.rows("state, state_id")]


def log_rows(warehouse: Warehouse) -> int:
    """Return how many rows the export log says were sent."""
    return log_sum(warehouse, "row_count")


def log_sum(warehouse: Warehouse, column: str) -> int:
    """Return the sum of a column of the export log."""
    (row,) = warehouse.server.query(
        f"SELECT COALESCE(SUM({column}), 0) AS total FROM home.export_log",  # noqa: S608
        warehouse.project,
    )
    return int(row["total"])


def arrays_as_text(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with arrays as texts."""
    return {
        name: " | ".join(item["v"] for item in value) if isinstance(value, list) else value
        for name, value in row.items()
    }
