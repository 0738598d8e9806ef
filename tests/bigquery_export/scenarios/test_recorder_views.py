"""SQL that was written for the recorder, asked of its database and of the views in BigQuery."""

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
import json
import re
from typing import Any

from google.cloud import bigquery
from homeassistant.components.recorder.db_schema import (
    Base,
    EventData,
    Events,
    EventTypes,
    MigrationChanges,
    RecorderRuns,
    SchemaChanges,
    StateAttributes,
    States,
    StatesMeta,
    Statistics,
    StatisticsMeta,
)
from homeassistant.core import HomeAssistant
import pytest
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    Select,
    Table,
    delete,
    select,
    update,
)
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import IdentifierPreparer, SQLCompiler

from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.bigquery.recorder_views import RECORDER_NAMES
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.table_settings import TableSettings
from custom_components.bigquery_export.export.corrections import corrections
from custom_components.bigquery_export.export.tables import TABLES
from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.databases import in_database, insert_rows
from tests.bigquery_export.support.past_home import RECORDER, Home, hours_ago, set_up
from tests.bigquery_export.support.warehouse import Warehouse

PREFIX = "recorder_"
EXTRA = ("installation", "partition_time")
"""Columns that the views have, and the recorder does not."""
NULL = {
    "states": {"last_reported_ts", "old_state_id", "origin_idx"},
    "state_attributes": {"hash"},
    "event_data": {"hash"},
}
"""Columns that the recorder fills, and the export does not have."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

type Row = tuple[object, ...]

SELECTS = {
    "states": """
        SELECT m.entity_id, s.state, s.last_updated_ts, s.last_changed_ts, s.state_id,
          s.context_id_bin, s.context_user_id_bin, s.context_parent_id_bin
        FROM states AS s JOIN states_meta AS m ON s.metadata_id = m.metadata_id
    """,
    "states_meta": """
        SELECT m.entity_id, COUNT(*) AS n
        FROM states_meta AS m LEFT JOIN states AS s ON m.metadata_id = s.metadata_id
        GROUP BY m.entity_id
    """,
    "state_attributes": """
        SELECT a.shared_attrs, COUNT(s.state_id) AS n, MIN(s.last_updated_ts) AS first_ts
        FROM state_attributes AS a LEFT JOIN states AS s ON s.attributes_id = a.attributes_id
        GROUP BY a.attributes_id, a.shared_attrs
    """,
    "events": """
        SELECT t.event_type, e.time_fired_ts, e.origin_idx, e.event_id, d.shared_data,
          e.context_id_bin, e.context_user_id_bin, e.context_parent_id_bin
        FROM events AS e
        JOIN event_types AS t ON e.event_type_id = t.event_type_id
        LEFT JOIN event_data AS d ON e.data_id = d.data_id
        WHERE t.event_type IN ('bell_rang', 'logbook_entry')
    """,
    "event_types": """
        SELECT t.event_type, COUNT(*) AS n
        FROM event_types AS t JOIN events AS e ON t.event_type_id = e.event_type_id
        WHERE t.event_type IN ('bell_rang', 'logbook_entry') GROUP BY t.event_type
    """,
    "event_data": """
        SELECT d.shared_data, COUNT(*) AS n
        FROM event_data AS d
        JOIN events AS e ON d.data_id = e.data_id
        JOIN event_types AS t ON e.event_type_id = t.event_type_id
        WHERE t.event_type IN ('bell_rang', 'logbook_entry') GROUP BY d.data_id, d.shared_data
    """,
    "statistics": """
        SELECT m.statistic_id, s.start_ts, s.created_ts, s.mean, s.mean_weight, s.min, s.max,
          s.last_reset_ts, s.state AS last_state, s.sum, s.id
        FROM statistics AS s JOIN statistics_meta AS m ON s.metadata_id = m.id
    """,
    "statistics_short_term": """
        SELECT m.statistic_id, s.start_ts, s.created_ts, s.mean, s.mean_weight, s.min, s.max,
          s.last_reset_ts, s.state AS last_state, s.sum, s.id
        FROM statistics_short_term AS s JOIN statistics_meta AS m ON s.metadata_id = m.id
    """,
    "statistics_meta": """
        SELECT m.statistic_id, m.source, m.unit_of_measurement, m.unit_class, m.has_sum, m.name,
          m.mean_type, COUNT(s.id) AS n
        FROM statistics_meta AS m LEFT JOIN statistics AS s ON m.id = s.metadata_id
        GROUP BY m.id, m.statistic_id, m.source, m.unit_of_measurement, m.unit_class, m.has_sum,
          m.name, m.mean_type
    """,
    "recorder_runs": """
        SELECT r.`start`, r.`end`, r.closed_incorrect, r.created, c.schema_version
        FROM recorder_runs AS r JOIN schema_changes AS c ON c.changed > r.`start`
        WHERE r.`end` IS NOT NULL
    """,
    "schema_changes": """
        SELECT c.change_id, c.schema_version, c.changed, later.schema_version AS later_version
        FROM schema_changes AS c LEFT JOIN schema_changes AS later
          ON later.change_id = c.change_id + 1
    """,
    "statistics_runs": """
        SELECT r.`start`, later.`start` AS later_start
        FROM statistics_runs AS r LEFT JOIN statistics_runs AS later
          ON later.run_id = r.run_id + 1
    """,
    "migration_changes": """
        SELECT m.migration_id, m.version, c.change_id
        FROM migration_changes AS m JOIN schema_changes AS c ON c.schema_version >= m.version
    """,
}
"""A SELECT with a join for each name, in words that SQLite and BigQuery both understand."""


def time(value: Any) -> int:
    """Return a time of either in microseconds since 1970."""
    if (text := str(value)).isdecimal():
        return int(text)
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def binary(value: Any) -> bytes:
    """Return bytes of either; BigQuery's REST API has them as base64."""
    return value if isinstance(value, bytes) else base64.b64decode(value)


READ: Mapping[str, Callable[[Any], object]] = {
    **dict.fromkeys(("start", "end", "created", "changed", "later_start"), time),
    **dict.fromkeys(("closed_incorrect", "has_sum"), lambda value: str(value) in ("1", "true")),
    **dict.fromkeys(("mean", "mean_weight", "min", "max", "last_state", "sum"), float),
    **dict.fromkeys(
        ("shared_attrs", "shared_data"), lambda text: json.dumps(json.loads(text), sort_keys=True)
    ),
}
"""How values of columns are compared; others as text."""


def read(name: str, value: Any) -> object:
    """Return a value of either as it is compared."""
    if value is None:
        return None
    if name.endswith("_ts"):
        return time(datetime.fromtimestamp(float(value), UTC))
    if name.endswith("_bin"):
        return binary(value)
    return READ.get(name, str)(value)


def counted(rows: Iterable[Mapping[str, Any]]) -> Counter[Row]:
    """Return how often there is each row."""
    return Counter(tuple(read(name, value) for name, value in row.items()) for row in rows)


def of_views(sql: str) -> str:
    """Return a statement of the recorder's tables as one of the views."""
    return re.sub(r"\b(FROM|JOIN) (\w+)", rf"\1 home.{PREFIX}\2", sql)


class BigQueryPreparer(IdentifierPreparer):
    """Quotes names as BigQuery does."""

    def __init__(self, dialect: Any) -> None:
        """Quote with backticks."""
        super().__init__(dialect, initial_quote="`")


class BigQueryCompiler(SQLCompiler):
    """Names the view instead of the table, and the table again as its alias."""

    def visit_table(self, table: Table, asfrom: bool = False, **more: Any) -> str:  # type: ignore[override]
        """Return a table as it stands behind FROM or JOIN, or before a column."""
        name: str = super().visit_table(table, asfrom=asfrom, **more)  # type: ignore[no-untyped-call]
        return f"`home.{PREFIX}{table.name}` AS {name}" if asfrom else name


class BigQueryDialect(DefaultDialect):
    """What SQLAlchemy has to know to write statements for the views."""

    preparer = BigQueryPreparer  # type: ignore[assignment]
    supports_native_boolean = True
    statement_compiler = BigQueryCompiler


def bigquery_type(column: Column[Any]) -> str:
    """Return the type that a view has for a column of the recorder's."""
    for type_, name in (
        (LargeBinary, "BYTES"),
        (Boolean, "BOOLEAN"),
        (Integer, "INTEGER"),
        (Float, "FLOAT"),
        (DateTime, "TIMESTAMP"),
    ):
        if isinstance(column.type, type_):
            return name
    return "STRING"


def view(home: Home, name: str) -> bigquery.Table:
    """Return a view as BigQuery has it."""
    with home.warehouse.connecting() as connection:
        reference = connection.destination.dataset_reference.table(f"{PREFIX}{name}")
        return connection.tables.get_table(reference)


@pytest.fixture
def recorder_config() -> dict[str, Any]:
    """Return the configuration of the recorder."""
    return RECORDER


@pytest.fixture
async def home(
    hass: HomeAssistant,
    warehouse: Warehouse,
    key: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    """Return a home with a history that is exported, and the views of it."""
    monkeypatch.setattr(corrections, "local_day", lambda time: time)
    warehouse.create_dataset()
    home = await set_up(hass, warehouse, key, tables=TABLES)
    for hours in (5, 4):
        await home.live(hours, level=hours)
    await home.import_costs(5, 4)
    begin = hours_ago(30)
    runs: list[dict[str, Any]] = [
        {"start": begin, "end": begin + timedelta(hours=1), "created": begin},
        {
            "start": begin + timedelta(hours=2),
            "end": begin + timedelta(hours=3),
            "created": begin + timedelta(hours=2),
            "closed_incorrect": True,
        },
    ]
    await in_database(hass, lambda database: database.execute(delete(RecorderRuns)))
    await insert_rows(hass, RecorderRuns, runs)
    migrations = [{"migration_id": name, "version": 1} for name in ("states_context_id", "other")]
    await insert_rows(hass, MigrationChanges, migrations)
    await insert_rows(hass, SchemaChanges, [{"schema_version": 99, "changed": begin}])
    await home.export()
    # The sums are other ones now, and the export has noticed.
    await home.import_costs(5, level=9)
    await home.export()
    warehouse.make_recorder_views(PREFIX)
    return home


async def recorded(home: Home, sql: str) -> list[dict[str, Any]]:
    """Return what the recorder's database answers."""
    return await in_database(
        home.hass,
        lambda database: [dict(row) for row in database.exec_driver_sql(sql).mappings().all()],
    )


def asked(home: Home, sql: str) -> list[dict[str, Any]]:
    """Return what BigQuery answers."""
    return home.warehouse.server.query(sql, home.warehouse.project)


async def test_the_same_answers(home: Home) -> None:
    """A SELECT with a join of each of the recorder's tables has the same rows in both."""
    assert SELECTS.keys() == RECORDER_NAMES.keys() == Base.metadata.tables.keys()
    for name, sql in SELECTS.items():
        wanted = counted(await recorded(home, sql))
        found = counted(asked(home, of_views(sql)))
        assert found == wanted, name
        assert wanted, name


async def test_home_assistants_own_models(home: Home) -> None:
    """A statement that is made of Home Assistant's models has the same rows in both."""
    states = (
        select(
            *(StatesMeta.entity_id, States.state, States.last_updated_ts, States.context_id_bin),
            StateAttributes.shared_attrs,
        )
        .select_from(States)
        .join(StatesMeta, States.metadata_id == StatesMeta.metadata_id)
        .outerjoin(StateAttributes, States.attributes_id == StateAttributes.attributes_id)
        .where(
            StatesMeta.entity_id.in_(["sensor.kitchen", "light.hall"]),
            States.last_updated_ts >= hours_ago(4).timestamp(),
        )
    )
    statistics = (
        select(StatisticsMeta.statistic_id, Statistics.start_ts, Statistics.sum)
        .join(StatisticsMeta, Statistics.metadata_id == StatisticsMeta.id)
        .where(StatisticsMeta.has_sum.is_(True))
    )
    events = (
        select(EventTypes.event_type, Events.time_fired_ts, EventData.shared_data)
        .select_from(Events)
        .join(EventTypes, Events.event_type_id == EventTypes.event_type_id)
        .outerjoin(EventData, Events.data_id == EventData.data_id)
        .where(EventTypes.event_type == "logbook_entry")
    )
    statements: tuple[Select[Any], ...] = (states, statistics, events)
    for statement in statements:
        wanted = await in_database(home.hass, partial(_answer, statement))
        sql = statement.compile(
            dialect=BigQueryDialect(), compile_kwargs={"literal_binds": True}
        ).string
        assert f"home.{PREFIX}" in sql
        assert counted(asked(home, sql)) == counted(wanted)
        assert wanted


def _answer(statement: Select[Any], database: Connection) -> list[dict[str, Any]]:
    return [dict(row) for row in database.execute(statement).mappings().all()]


async def test_columns(home: Home) -> None:
    """Each view has the columns of the recorder's table in their order, by type, and ours after."""
    with home.warehouse.connecting() as connection:
        for name, table in Base.metadata.tables.items():
            reference = connection.destination.dataset_reference.table(f"{PREFIX}{name}")
            fields = connection.tables.get_table(reference).schema
            found = {field.name: field.field_type for field in fields if field.name not in EXTRA}
            wanted = {column.name: bigquery_type(column) for column in table.columns}
            assert list(found.items()) == list(wanted.items()), name


async def test_what_is_null(home: Home) -> None:
    """What the recorder fills is NULL in BigQuery only where the page of the views says so."""
    await insert_rows(home.hass, StateAttributes, [{"hash": 1, "shared_attrs": "{}"}])
    for name in RECORDER_NAMES:
        columns = [column.name for column in Base.metadata.tables[name].columns]
        counts = ", ".join(f"COUNT(`{column}`) AS `{column}`" for column in columns)
        (recorder,) = await recorded(home, f"SELECT {counts} FROM {name}")  # noqa: S608
        (bigquery,) = asked(home, f"SELECT {counts} FROM home.{PREFIX}{name}")  # noqa: S608
        empty = {column for column in columns if recorder[column] and not int(bigquery[column])}
        assert empty == NULL.get(name, set()), name
        described = view(home, name).description or ""
        assert all(f"`{column}`" in described for column in empty)


async def test_migrations(home: Home) -> None:
    """A migration is sent when its version changes or it is gone; the view has what holds now."""
    assert "migration_changes" not in await home.export()

    def change(database: Connection) -> None:
        gone = MigrationChanges.migration_id == "states_context_id"
        database.execute(delete(MigrationChanges).where(gone))
        database.execute(update(MigrationChanges).values(version=2))

    await in_database(home.hass, change)
    assert (await home.export())["migration_changes"] == 2
    found = asked(home, f"SELECT migration_id, version FROM home.{PREFIX}migration_changes")  # noqa: S608
    assert found == [{"migration_id": "other", "version": "2"}]


async def test_two_homes(home: Home) -> None:
    """Where two homes export to one dataset, the rows of each join with its own."""
    asked(
        home,
        "INSERT INTO home.sensor_data SELECT * REPLACE ('other' AS source) FROM home.sensor_data",
    )
    found = asked(
        home,
        f"SELECT s.installation AS installation, m.installation AS other, COUNT(*) AS n"  # noqa: S608
        f" FROM home.{PREFIX}states AS s"
        f" JOIN home.{PREFIX}states_meta AS m ON s.metadata_id = m.metadata_id"
        " GROUP BY s.installation, m.installation",
    )
    assert len(found) == 2
    assert all(row["installation"] == row["other"] for row in found)
    assert len({row["n"] for row in found}) == 1


async def test_required_filters(home: Home) -> None:
    """Where tables require a filter of their partitions, statements of the views need no other."""
    with home.warehouse.connecting() as connection:
        schema = DatasetSchema(connection, TableSettings(partition_filter=True))
        schema.ensure_tables([SENSOR_DATA, EVENTS])
        for sql in SELECTS.values():
            connection.tables.query_and_wait(of_views(sql))


def test_of_few_tables(warehouse: Warehouse) -> None:
    """All names are there whatever is exported; a view gets rows when its table is there."""
    warehouse.create_table(tables=[SENSOR_DATA])
    with warehouse.connecting() as connection:
        views = DatasetViews(connection)
        assert not views.ensure([], PREFIX)
        there = {table.table_id for table in connection.tables.list_tables("home")}
        assert {f"{PREFIX}{name}" for name in RECORDER_NAMES} <= there
        reference = connection.destination.dataset_reference.table(f"{PREFIX}events")
        before = connection.tables.get_table(reference)
        assert "without rows: `events`" in (before.description or "")
        DatasetSchema(connection).ensure_tables([EVENTS])
        assert not views.ensure([], PREFIX)
        after = connection.tables.get_table(reference)
        assert "without rows" not in (after.description or "")
        assert [field.name for field in after.schema] == [field.name for field in before.schema]
        assert not views.ensure([], PREFIX)
        assert connection.tables.get_table(reference).etag == after.etag


async def test_in_another_dataset(home: Home) -> None:
    """There the recorder's own names need no prefix; a dataset that is missing is named."""
    with home.warehouse.connecting() as connection:
        failed = DatasetViews(connection).ensure([], "ha_recorder.")
        assert failed.keys() == {"ha_recorder"}
        connection.tables.create_dataset(bigquery.Dataset(f"{home.warehouse.project}.ha_recorder"))
        assert not DatasetViews(connection).ensure([], "ha_recorder.")
        assert not DatasetViews(connection).ensure([], "ha_recorder.old_")
    for sql in (SELECTS["states"], SELECTS["statistics"]):
        wanted = counted(await recorded(home, sql))
        for before in ("ha_recorder.", "ha_recorder.old_"):
            found = asked(home, re.sub(r"\b(FROM|JOIN) (\w+)", rf"\1 {before}\2", sql))
            assert counted(found) == wanted


def test_off_by_default(warehouse: Warehouse) -> None:
    """Without a prefix there are no such views."""
    warehouse.create_table(tables=[SENSOR_DATA])
    with warehouse.connecting() as connection:
        assert not DatasetViews(connection).ensure([])
        there = {table.table_id for table in connection.tables.list_tables("home")}
    assert not [name for name in there if name.startswith(PREFIX)]
