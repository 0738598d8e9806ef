"""Expirations that a user did not set here: said in the set-up, and a repair takes them away."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from google.cloud import bigquery
from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.bigquery.fence_table import BigQueryFence
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.table_settings import TableSettings
from custom_components.bigquery_export.const import CONF_PARTITION_DAYS, DOMAIN
from custom_components.bigquery_export.export.fence import FencedTransaction
from custom_components.bigquery_export.flow.connection_check import CheckedDestination
from custom_components.bigquery_export.flow.descriptions import async_content_sentences
from custom_components.bigquery_export.repairs import async_create_fix_flow
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from tests.bigquery_export.support.exported_rows import states_in
from tests.bigquery_export.support.exporter import Exporter
from tests.bigquery_export.support.recording import execute, numbers, record
from tests.bigquery_export.support.status import issues_of
from tests.bigquery_export.support.warehouse import Warehouse

DAY = 86_400_000
TABLES = (SENSOR_DATA, STATISTICS, EXPORT_LOG)


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection; there is no dataset yet."""
    with closing(warehouse.connect()) as connection:
        yield connection


def make_dataset(connection: Connection, *, tables: int | None, partitions: int | None) -> None:
    """Make the dataset with default expirations, in days."""
    dataset = bigquery.Dataset(connection.destination.dataset_reference)
    dataset.location = connection.destination.location
    dataset.default_table_expiration_ms = tables and tables * DAY
    dataset.default_partition_expiration_ms = partitions and partitions * DAY
    connection.tables.create_dataset(dataset)


def found(connection: Connection, settings: TableSettings | None = None) -> dict[str, int]:
    """Return what the set-up finds."""
    schema = DatasetSchema(connection, settings)
    schema.ensure_dataset()
    schema.ensure_tables(TABLES)
    views = DatasetViews(connection)
    assert not views.ensure(TABLES)
    return {**schema.expiring, **views.expiring}


VIEWS = dict.fromkeys(("statistics_latest", "export_rules", "export_settings", "rejections"), 60)


@pytest.mark.parametrize(
    ("tables", "partitions", "expiring"),
    [
        (None, None, {}),
        (60, 60, {"home": 60, "sensor_data": 60, "statistics": 60, "export_log": 60} | VIEWS),
        (60, None, {"home": 60, "sensor_data": 60, "statistics": 60, "export_log": 60} | VIEWS),
        (None, 7, {"home": 7, "sensor_data": 7, "statistics": 7, "export_log": 7}),
    ],
)  # fmt: skip
def test_defaults_of_the_dataset(
    connection: Connection, tables: int | None, partitions: int | None, expiring: dict[str, int]
) -> None:
    """New tables and views take them over, which is noticed."""
    make_dataset(connection, tables=tables, partitions=partitions)
    assert found(connection) == expiring
    DatasetSchema(connection).keep_for_ever(TABLES)
    DatasetViews(connection).keep_for_ever()
    left = found(connection)
    assert left.keys() <= {"home"}


def test_materialized_views(connection: Connection) -> None:
    """They are tables to BigQuery; days after which it deletes rows are those of their table."""
    make_dataset(connection, tables=60, partitions=None)
    schema = DatasetSchema(connection, TableSettings(partition_days=90))
    schema.ensure_tables([SENSOR_DATA])
    made = DatasetViews(connection)
    assert not made.ensure([SENSOR_DATA], "", True)
    assert made.expiring == {"states_by_hour": 60, "activity_by_hour": 60}
    DatasetViews(connection).keep_for_ever()
    again = DatasetViews(connection)
    assert not again.ensure([SENSOR_DATA], "", True)
    assert again.expiring == {}


def test_the_fence(connection: Connection) -> None:
    """It would be deleted as any other table; it is noticed, kept, and still what it was."""
    make_dataset(connection, tables=30, partitions=None)
    fence = BigQueryFence(connection, "home")
    schema = DatasetSchema(connection, fence=fence)
    schema.ensure_tables(TABLES)
    assert schema.expiring["export_fence_home"] == 30
    DatasetSchema(connection, fence=BigQueryFence(connection, "home")).keep_for_ever(TABLES)
    fence.write(FencedTransaction("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
    again = DatasetSchema(connection, fence=fence)
    again.ensure_tables(TABLES)
    assert again.expiring == {}
    assert connection.tables.get_table(fence.reference).expires is None


def test_what_the_user_has_set(connection: Connection) -> None:
    """The days to keep are no news, but those of other tables are."""
    make_dataset(connection, tables=None, partitions=60)
    settings = TableSettings(partition_days=90)
    assert found(connection, settings) == {"home": 60, "statistics": 60, "export_log": 60}
    DatasetSchema(connection, settings).keep_for_ever(TABLES)
    assert found(connection, settings) == {"home": 60}
    table = connection.tables.get_table(connection.destination.table_reference(SENSOR_DATA))
    assert table.time_partitioning.expiration_ms == 90 * DAY


def test_set_on_a_table_later(connection: Connection) -> None:
    """An expiration that a table got by itself is noticed as well."""
    make_dataset(connection, tables=None, partitions=None)
    assert found(connection) == {}
    table = connection.tables.get_table(connection.destination.table_reference(STATISTICS))
    assert table.created
    for minutes in (5, -5):  # The two times are not taken at the same moment.
        table.expires = table.created + timedelta(days=30, minutes=minutes)
        connection.tables.update_table(table, ["expires"])
        assert found(connection) == {"statistics": 30}
        table = connection.tables.get_table(table.reference)


async def test_said_where_the_dataset_is_chosen(hass: HomeAssistant) -> None:
    """The form after the destination says it, beside what else is worth to know."""

    async def said(checked: CheckedDestination) -> str:
        sentences = await async_content_sentences(
            hass, options={}, checked=checked, service_account="robot"
        )
        return sentences["privileges"]

    assert await said(CheckedDestination()) == ""
    text = await said(CheckedDestination((), {"home": 60, "events": 7}))
    assert "after 7 days" in text
    both = await said(CheckedDestination(("bigquery.tables.setIamPolicy",), {"home": 60}))
    assert "after 60 days" in both
    assert "setIamPolicy" in both


async def test_repair(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, connection: Connection
) -> None:
    """The repair names the tables, and takes their expirations away."""

    def issue() -> ir.IssueEntry | None:
        return ir.async_get(hass).async_get_issue(DOMAIN, f"expiring_{entry.entry_id}")

    assert await hass.config_entries.async_setup(entry.entry_id)
    assert issue() is None
    table = connection.tables.get_table(connection.destination.table_reference(SENSOR_DATA))
    table.time_partitioning.expiration_ms = 60 * DAY
    connection.tables.update_table(table, ["time_partitioning"])
    assert await hass.config_entries.async_reload(entry.entry_id)
    shown = issue()
    assert shown
    assert issues_of(hass)["expiring"] == {
        "title": entry.title,
        "days": "60",
        "tables": "sensor_data",
    }
    flow = await async_create_fix_flow(hass, shown.issue_id, {"entry_id": entry.entry_id})
    flow.hass, flow.issue_id, flow.handler, flow.flow_id = hass, shown.issue_id, DOMAIN, "flow"
    assert (await flow.async_step_init())["type"] == "form"  # type: ignore[attr-defined]
    assert (await flow.async_step_confirm({}))["type"] == "create_entry"  # type: ignore[attr-defined]
    assert issue() is None
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issue() is None
    # What the user has set is no reason for a repair.
    hass.config_entries.async_update_entry(entry, options={CONF_PARTITION_DAYS: 90})
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert issue() is None
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize(
    ("changed", "left"),
    # Other tests may have moved BigQuery's clock by some days.
    [(timedelta(days=40), []), (timedelta(days=31, hours=1), []), (timedelta(days=20), ["1"])],
    ids=str,
)
@pytest.mark.parametrize("delivery", ["storage_write", "load_job"])
async def test_a_state_that_changed_long_ago(
    hass: HomeAssistant,
    warehouse: Warehouse,
    exporter: Exporter,
    delivery: str,
    changed: timedelta,
    left: list[str],
) -> None:
    """A state's partition is of its last change: BigQuery deletes it, though it is written today.

    The form says so where the days are chosen.
    """
    with warehouse.connecting() as connection:
        DatasetSchema(connection, TableSettings(partition_days=30)).ensure_tables([SENSOR_DATA])
    exporter.delivery = delivery
    await record(hass, 3)
    await execute(
        hass,
        "UPDATE states SET last_changed_ts = ? WHERE state_id = 1",
        (datetime.now(UTC) - changed).timestamp(),
    )
    assert (await exporter.export()).rows == {"sensor_data": 3}
    expected: list[Any] = numbers(3) if left else numbers(3)[1:]
    assert states_in(warehouse) == expected
    assert (await exporter.export()).rows == {"sensor_data": 0}
