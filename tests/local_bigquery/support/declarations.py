"""Declarations of tables."""

from typing import Any

from google.cloud import bigquery
from google.cloud.bigquery import SchemaField, TimePartitioning

SCHEMA = [
    SchemaField("id", "STRING", "REQUIRED", description="who"),
    SchemaField("seen", "TIMESTAMP", "REQUIRED"),
    SchemaField("written", "TIMESTAMP", default_value_expression="CURRENT_TIMESTAMP()"),
    SchemaField("day", "DATE"),
    SchemaField("facts", "JSON"),
    SchemaField("value", "FLOAT64"),
    SchemaField("labels", "STRING", "REPEATED"),
]


def declared(project: str, dataset: str, **changes: Any) -> bigquery.Table:
    """Return the declaration of a good table with some attributes changed."""
    table = bigquery.Table(f"{project}.{dataset}.t", schema=changes.pop("schema", SCHEMA))
    table.time_partitioning = TimePartitioning(field="seen")
    table.clustering_fields = ["id"]
    for name, value in changes.items():
        setattr(table, name, value)
    return table
