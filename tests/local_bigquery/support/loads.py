"""Load jobs of JSON lines through Google's client."""

from collections.abc import Sequence
from io import BytesIO
import json
from typing import Any

from google.cloud import bigquery
from google.cloud.bigquery import SchemaField

SCHEMA = [
    SchemaField("id", "INTEGER", "REQUIRED"),
    SchemaField("name", "STRING"),
    SchemaField("seen", "TIMESTAMP"),
    SchemaField("attributes", "JSON"),
    SchemaField("labels", "STRING", "REPEATED"),
]


def config(**options: Any) -> bigquery.LoadJobConfig:
    """Return the configuration of an appending load of JSON lines."""
    return bigquery.LoadJobConfig(
        source_format="NEWLINE_DELIMITED_JSON", write_disposition="WRITE_APPEND", **options
    )


def lines(rows: Sequence[Any]) -> bytes:
    """Return rows as lines of JSON."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def load(client: bigquery.Client, table: str, content: bytes, **options: Any) -> bigquery.LoadJob:
    """Begin a load in a resumable upload."""
    job_id = options.pop("job_id", None)
    return client.load_table_from_file(
        BytesIO(content), table, job_id=job_id, job_config=config(**options), num_retries=0
    )


def looked_up(
    client: bigquery.Client, job_id: str, location: str | None = None
) -> bigquery.LoadJob:
    """Return what jobs.get tells about a load."""
    job = client.get_job(job_id, location=location)
    assert isinstance(job, bigquery.LoadJob)
    return job
