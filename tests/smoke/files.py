"""Checks of files: what `bq load` makes of those that the integration writes.

The options are those of docs/file-formats.md.
"""

from dataclasses import replace
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from google.cloud.bigquery import (
    CreateDisposition,
    LoadJob,
    LoadJobConfig,
    SchemaField,
    WriteDisposition,
)
from google.cloud.bigquery.format_options import ParquetOptions

from custom_components.bigquery_export.file_formats.bigquery_schema import (
    SCHEMA_SUFFIX,
    with_json_as_text,
)
from custom_components.bigquery_export.file_formats.file_format import FormatName
from custom_components.bigquery_export.file_formats.formats import FORMATS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Table

from .check import Check, Part, same
from .site import RETRY, TIMEOUT, Site, label
from .values import all_same, exact_values

_JOB_SECONDS = 120.0
_LOADED = with_json_as_text(replace(SENSOR_DATA, name="smoke_parquet"))


def parquet(site: Site) -> str:
    """Load Parquet with its schema, which makes a table."""
    sent = exact_values(site, "parquet")
    schema = json.loads(FORMATS[FormatName.PARQUET].companions(SENSOR_DATA)[SCHEMA_SUFFIX])
    config = _parquet_config(
        schema=[SchemaField.from_api_repr(field) for field in schema],
        create_disposition=CreateDisposition.CREATE_IF_NEEDED,
    )
    job = _load(site, FormatName.PARQUET, sent, _LOADED, config)
    same(job.error_result, None)
    table = site.destination.table_reference(_LOADED)
    read = site.client.list_rows(
        site.client.get_table(table, retry=RETRY, timeout=TIMEOUT), retry=RETRY, timeout=TIMEOUT
    )
    return all_same(sent, [dict(row.items()) for row in read], table=_LOADED)


def json_from_parquet(site: Site) -> str:
    """Load Parquet into a table with a column of type JSON."""
    sent = [site.values("parquet with JSON", 1, attributes="{}")]
    job = _load(site, FormatName.PARQUET, sent, SENSOR_DATA, _parquet_config())
    same(bool(job.error_result), True)
    same(site.ids("parquet with JSON"), [])
    return str((job.error_result or {}).get("message", ""))


def avro(site: Site) -> str:
    """Load Avro into the table of states."""
    sent = exact_values(site, "avro")
    config = LoadJobConfig(
        source_format="AVRO",
        use_avro_logical_types=True,
        write_disposition=WriteDisposition.WRITE_APPEND,
        create_disposition=CreateDisposition.CREATE_NEVER,
    )
    job = _load(site, FormatName.AVRO, sent, SENSOR_DATA, config)
    same(job.error_result, None)
    site.wait_for_ids("avro", len(sent))
    return all_same(sent, site.rows("avro"))


def _parquet_config(**options: Any) -> LoadJobConfig:
    lists = ParquetOptions()
    lists.enable_list_inference = True
    return LoadJobConfig(
        source_format="PARQUET",
        parquet_options=lists,
        write_disposition=WriteDisposition.WRITE_APPEND,
        **options,
    )


def _load(
    site: Site,
    name: FormatName,
    rows: list[dict[str, Any]],
    table: Table,
    config: LoadJobConfig,
) -> LoadJob:
    """Write rows to a file as the integration does, and load it into a table."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        writer = FORMATS[name].open_writer(path, SENSOR_DATA)
        writer.write([_without_null(row) for row in rows])
        writer.close()
        with path.open("rb") as file:
            job = site.client.load_table_from_file(
                file,
                site.destination.table_reference(table),
                job_id=label(),
                location=site.destination.location,
                job_config=config,
                timeout=TIMEOUT,
            )
    site.wait("a load job", lambda: job.done(retry=RETRY, timeout=TIMEOUT), _JOB_SECONDS)
    return job


def _without_null(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in (None, [])}


_JOBS = (Part.TABLES, Part.JOBS)

CHECKS = (
    Check(
        "Parquet",
        parquet,
        "each value is as it was sent, and JSON is text",
        "docs/file-formats.md, and file_formats/parquet_file.py",
        needs=_JOBS,
    ),
    Check(
        "JSON from Parquet",
        json_from_parquet,
        "the job fails: Unsupported field type: JSON",
        "bigquery_schema.with_json_as_text: if it is taken, Parquet fits the tables of an export",
        needs=_JOBS,
    ),
    Check(
        "Avro",
        avro,
        "each value is as it was sent, in the table of states",
        "docs/file-formats.md, and file_formats/avro_file.py",
        needs=_JOBS,
    ),
)
