"""The temporary dataset: making it, reading from it, and leaving nothing behind."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time as day_time, timedelta
import time
from typing import Any
from uuid import uuid4

from google.api_core.exceptions import (
    ClientError,
    GoogleAPIError,
    NotFound,
    from_http_response,
)
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.load_job import LoadJobDelivery
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.storage_write import StorageWriteDelivery
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import timestamp

LIFE = timedelta(hours=1)
"""After this BigQuery drops the tables by itself; it takes no shorter time."""
LIFE_IF_SAVED = timedelta(days=6)
TIMEOUT = 30.0
RETRY = DEFAULT_RETRY.with_timeout(10.0)
_ID = bigquery.SchemaField("state_id", "INTEGER")
_SEEN_SECONDS = 60.0
_FIRST_WAIT = 0.25
_MAX_WAIT = 5.0
_PROGRESS_SECONDS = 10.0


class LeftoverError(Exception):
    """Not everything could be deleted."""


class Site:
    """A dataset of our own, with the integration's own ways to it."""

    def __init__(
        self, connection: Connection, say: Callable[[str], None], *, life: timedelta = LIFE
    ) -> None:
        """Work in the dataset of a connection's destination; nothing is asked for yet.

        Its tables expire after their `life`.
        """
        self.connection = connection
        self.destination = connection.destination
        self.client = connection.tables
        self.schema = DatasetSchema(connection)
        self.storage_write = StorageWriteDelivery(connection)
        self.load_job = LoadJobDelivery(connection)
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        self.noon = datetime.combine(yesterday, day_time(12), UTC)
        """All rows lie around it, in one partition, unless they are meant not to."""
        self._say = say
        self._life = life
        self._made = False

    @property
    def table(self) -> bigquery.TableReference:
        """Return the table that most checks write to."""
        return self.destination.table_reference(SENSOR_DATA)

    @property
    def life_ms(self) -> int:
        """Return after how many milliseconds the tables expire."""
        return self._life // timedelta(milliseconds=1)

    def find(self) -> None:
        """Work in a dataset that an earlier run has made."""
        self._made = True

    def make(self) -> bigquery.Dataset:
        """Make the dataset, whose tables expire; raises what Google's client does."""
        dataset = bigquery.Dataset(self.destination.dataset_reference)
        dataset.location = self.destination.location
        dataset.description = "A smoke test of BigQuery Export for Home Assistant; may be deleted"
        dataset.default_table_expiration_ms = self.life_ms
        # The answer may get lost and the dataset be there all the same.
        self._made = True
        try:
            # What is there already was made by a request whose answer was lost.
            return self.client.create_dataset(dataset, exists_ok=True, retry=RETRY, timeout=TIMEOUT)
        except ClientError:
            self._made = False
            raise

    def remove(self) -> str:
        """Delete everything and return what was seen; raises what Google's client does."""
        if not self._made:
            return "there was nothing to delete"
        reference = self.destination.dataset_reference
        deleted = 0
        with suppress(NotFound):
            for table in self.client.list_tables(reference, retry=RETRY, timeout=TIMEOUT):
                # One that is left now may go with the dataset; else it is told below.
                with suppress(GoogleAPIError):
                    self.client.delete_table(table.reference, retry=RETRY, timeout=TIMEOUT)
                    deleted += 1
            for routine in self.client.list_routines(reference, retry=RETRY, timeout=TIMEOUT):
                with suppress(GoogleAPIError):
                    self.client.delete_routine(routine.reference, retry=RETRY, timeout=TIMEOUT)
        self.client.delete_dataset(
            reference, delete_contents=True, not_found_ok=True, retry=RETRY, timeout=TIMEOUT
        )
        return f"{deleted} tables deleted, {self._what_is_left()}"

    def _what_is_left(self) -> str:
        reference = self.destination.dataset_reference
        try:
            left = list(self.client.list_tables(reference, retry=RETRY, timeout=TIMEOUT))
        except NotFound:
            return "and the dataset"
        except GoogleAPIError as err:
            return f"and the dataset, as far as can be seen: {err}"
        if left:
            raise LeftoverError(f"{len(left)} tables are left in {reference.dataset_id}")
        return f"and an empty dataset is left, {reference.dataset_id}"

    def rows(self, source: str) -> list[dict[str, Any]]:
        """Return the rows of one check, as Google's client reads them, by tabledata.list."""
        schema = self.client.get_table(self.table, retry=RETRY, timeout=TIMEOUT).schema
        return self._list(source, schema)

    def ids(self, source: str) -> list[int]:
        """Return the ids of one check's rows that can be seen now."""
        columns = [bigquery.SchemaField("source", "STRING"), _ID]
        return [row[_ID.name] for row in self._list(source, columns)]

    def wait_for_ids(self, source: str, wanted: int) -> list[int]:
        """Return the ids of one check's rows, waiting for as many as are wanted."""
        seen: list[int] = []

        def ready() -> bool:
            seen[:] = self.ids(source)
            return len(seen) >= wanted

        self.wait("rows to be seen", ready, _SEEN_SECONDS)
        return seen

    def _list(self, source: str, schema: Sequence[bigquery.SchemaField]) -> list[dict[str, Any]]:
        found = self.client.list_rows(
            self.table, selected_fields=schema, retry=RETRY, timeout=TIMEOUT
        )
        rows = [dict(row.items()) for row in found if row["source"] == source]
        return sorted(rows, key=lambda row: int(row[_ID.name]))

    def data(self, table_id: str, **parameters: Any) -> dict[str, Any]:
        """Return the answer of tabledata.list as it is; the table may have a decorator."""
        dataset = self.destination.dataset_reference
        return self._get(f"{dataset.path}/tables/{table_id}/data", parameters)

    def loaded(self, job: bigquery.LoadJob) -> dict[str, Any]:
        """Return what jobs.get says of a load job that is done, as it is: JobStatistics3."""
        answer = self._get(job.path, {"location": job.location})
        statistics: dict[str, Any] = answer["statistics"]["load"]
        return statistics

    def _get(self, path: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        response = self.connection.http.get(
            f"{self.destination.api_endpoint}/bigquery/v2{path}", params=parameters, timeout=TIMEOUT
        )
        if not response.ok:
            raise from_http_response(response)
        answer: dict[str, Any] = response.json()
        return answer

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query; it costs nothing, as small as it is."""
        job = self.client.query(sql, retry=RETRY, job_retry=None, timeout=TIMEOUT)
        return [dict(row.items()) for row in job.result(retry=RETRY, timeout=TIMEOUT)]

    def wait(self, what: str, ready: Callable[[], bool], seconds: float) -> float | None:
        """Wait until something is ready and return the seconds, or None when it never was."""
        begun = said = time.monotonic()
        wait = _FIRST_WAIT
        while not ready():
            now = time.monotonic()
            if now - begun + wait > seconds:
                return None
            if now - said >= _PROGRESS_SECONDS:
                said = now
                self._say(f"         waiting for {what}: {now - begun:.0f} s")
            time.sleep(wait)
            wait = min(wait * 1.5, _MAX_WAIT)
        return time.monotonic() - begun

    def values(self, source: str, id_: int, **more: Any) -> dict[str, Any]:
        """Return the values of a row of sensor_data, by the names of its columns."""
        time_ = timestamp(self.noon) + id_
        return {
            "entity_id": "sensor.smoke",
            "last_changed": time_,
            "last_updated": time_,
            "source": source,
            "export_id": "smoke",
            "export_timestamp": time_,
            "state_id": id_,
        } | more


def label() -> str:
    """Return a label for a transaction, or a job id, that nothing else has."""
    return f"smoke_{uuid4().hex}"
