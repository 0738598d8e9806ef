"""Settings of tables: given to new ones, changed where they differ, and else left alone."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from unittest.mock import patch

from google.api_core.exceptions import BadRequest, Forbidden
from google.cloud import bigquery
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.errors import google_errors
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.table_settings import TableSettings
from custom_components.bigquery_export.const import (
    CONF_PARTITION_DAYS,
    CONF_PARTITION_FILTER,
    CONF_TABLE_LABELS,
    CONF_TABLES,
)
from custom_components.bigquery_export.errors import KmsKeyError, RefusedError
from custom_components.bigquery_export.export.checkpoint_file import CheckpointFile
from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG, Trigger
from custom_components.bigquery_export.rows.recorder_runs import RECORDER_RUNS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from custom_components.bigquery_export.rows.table import Table
from tests.bigquery_export.support.recording import record
from tests.bigquery_export.support.warehouse import Warehouse

DAY = 86_400_000
KEY = "projects/my-keys/locations/europe/keyRings/home/cryptoKeys/{}"
SOURCES = (SENSOR_DATA, EVENTS, STATISTICS_SHORT_TERM, STATISTICS, RECORDER_RUNS, EXPORT_LOG)


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to an empty dataset."""
    warehouse.create_dataset()
    with closing(warehouse.connect()) as connection:
        yield connection


def ensure(
    connection: Connection, settings: TableSettings | None, *tables: Table
) -> list[bigquery.Table]:
    """Make sure of tables, and return them as BigQuery has them."""
    DatasetSchema(connection, settings).ensure_tables(tables)
    reference = connection.destination.table_reference
    return [connection.tables.get_table(reference(table)) for table in tables]


def expirations(tables: list[bigquery.Table]) -> list[int | None]:
    """Return when the partitions of tables expire, in milliseconds."""
    return [table.time_partitioning.expiration_ms for table in tables]


def test_new_tables(warehouse: Warehouse, connection: Connection) -> None:
    """Each table is made with what belongs to it, and found as it was made."""
    warehouse.server.add_kms_key(KEY.format("one"))
    settings = TableSettings(90, KEY.format("one"), True, (("team", "home"), ("empty", "")))
    made = ensure(connection, settings, *SOURCES)
    assert expirations(made) == [90 * DAY, 90 * DAY, 90 * DAY, None, None, None]
    assert [table.require_partition_filter for table in made] == [True, True, *[None] * 4]
    assert [table.labels for table in made] == [{"team": "home", "empty": ""}] * 6
    keys = {table.encryption_configuration.kms_key_name for table in made}
    assert keys == {KEY.format("one")}
    again = ensure(connection, settings, *SOURCES)
    assert [table.etag for table in again] == [table.etag for table in made]


def test_tables_that_are_there(warehouse: Warehouse, connection: Connection) -> None:
    """What differs is changed at once; what is not set stays as another client has set it."""
    (states,) = ensure(connection, None, SENSOR_DATA)
    states.labels = {"by": "hand", "team": "kitchen"}
    states.require_partition_filter = True
    connection.tables.update_table(states, ["labels", "require_partition_filter"])
    (before,) = ensure(connection, None, SENSOR_DATA)
    with patch.object(DatasetSchema, "_update", side_effect=AssertionError):
        ensure(connection, TableSettings(), SENSOR_DATA)

    settings = TableSettings(60, labels=(("team", "home"),))
    with patch.object(DatasetSchema, "_update", autospec=True) as update:
        ensure(connection, settings, SENSOR_DATA)
    assert [call.args[2] for call in update.call_args_list] == [["time_partitioning", "labels"]]
    (after,) = ensure(connection, settings, SENSOR_DATA)
    assert (after.labels, after.require_partition_filter) == ({"by": "hand", "team": "home"}, True)
    assert expirations([after]) == [60 * DAY]
    assert after.schema == before.schema
    assert after.clustering_fields == before.clustering_fields

    settings = TableSettings(0, partition_filter=False)
    (after,) = ensure(connection, settings, SENSOR_DATA)
    assert expirations([after]) == [None]
    assert not after.require_partition_filter
    assert ensure(connection, settings, SENSOR_DATA)[0].etag == after.etag


def test_for_ever_in_a_dataset_where_partitions_expire(connection: Connection) -> None:
    """A dataset's own expiration holds where nothing is set, and does not where it is."""
    expiring = bigquery.Dataset(f"{connection.destination.project}.expiring")
    expiring.location = "EU"
    expiring.default_partition_expiration_ms = DAY
    connection.tables.create_dataset(expiring)
    connection.destination = replace(connection.destination, dataset="expiring")
    assert expirations(ensure(connection, None, EVENTS)) == [DAY]
    assert expirations(ensure(connection, TableSettings(0), EVENTS, SENSOR_DATA)) == [None, None]


def test_keys(warehouse: Warehouse, connection: Connection) -> None:
    """A key that a table has is changed; a table that has none is left to Google's own."""
    one, two = KEY.format("one"), KEY.format("two")
    warehouse.server.add_kms_key(one)
    ensure(connection, None, STATISTICS)
    tables = ensure(connection, TableSettings(kms_key=one), STATISTICS, EVENTS)
    assert tables[0].encryption_configuration is None
    with pytest.raises(KmsKeyError) as raised:
        ensure(connection, TableSettings(kms_key=two), STATISTICS, EVENTS)
    assert raised.value.placeholders == {
        "message": "Access Denied: BigQuery BigQuery: Cloud KMS Error: Permission"
        f" 'cloudkms.cryptoKeyVersions.useToEncrypt' denied on resource '{two}' (or it may not"
        " exist)"
    }
    with pytest.raises(KmsKeyError):
        ensure(connection, TableSettings(kms_key=two), SENSOR_DATA)
    warehouse.server.add_kms_key(two)
    tables = ensure(connection, TableSettings(kms_key=two), STATISTICS, EVENTS)
    assert tables[0].encryption_configuration is None
    assert tables[1].encryption_configuration.kms_key_name == two
    # BigQuery may name the version, which changes when the key is rotated.
    found = tables[1]
    found.encryption_configuration = bigquery.EncryptionConfiguration(f"{two}/cryptoKeyVersions/3")
    schema = DatasetSchema(connection, TableSettings(kms_key=two))
    with (
        patch.object(schema, "_find_table", return_value=found),
        patch.object(schema, "_update", side_effect=AssertionError),
    ):
        schema.ensure_table(EVENTS)


async def test_exports(hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse) -> None:
    """Views and exports, and their search for rows in doubt, need no filter; queries of all do."""
    options = {
        CONF_TABLES: ["sensor_data", "statistics"],
        CONF_PARTITION_DAYS: 30,
        CONF_PARTITION_FILTER: "on",
        CONF_TABLE_LABELS: ["team:home"],
    }
    hass.config_entries.async_update_entry(entry, options=options)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await record(hass, 5)
    await entry.runtime_data.runner.async_export(Trigger.ACTION)
    assert await hass.config_entries.async_unload(entry.entry_id)
    CheckpointFile(hass, entry.entry_id).remove()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await entry.runtime_data.runner.async_export(Trigger.ACTION)
    assert len(warehouse.rows(where="entity_id = 'sensor.s0'")) == 5

    def query() -> None:
        warehouse.make_views(STATISTICS)
        with warehouse.connecting() as connection:
            client = connection.tables
            client.query_and_wait("SELECT * FROM home.statistics_latest")
            client.query_and_wait(
                "SELECT * FROM home.sensor_data WHERE last_changed > CURRENT_TIMESTAMP()"
            )
            with pytest.raises(BadRequest, match=r"without a filter over column.*'last_changed'"):
                client.query_and_wait("SELECT * FROM home.sensor_data")

    await hass.async_add_executor_job(query)
    assert await hass.config_entries.async_unload(entry.entry_id)


def test_names_that_look_like_keys() -> None:
    """A dataset that is called after Cloud KMS is no key."""
    with pytest.raises(RefusedError), google_errors("p", "e"):
        raise Forbidden("Access to KMS_home is not what it was")
