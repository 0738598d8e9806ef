"""The views and table functions: made, changed and left alone."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
import re
from shutil import copytree

from google.cloud import bigquery
import pytest

from custom_components.bigquery_export.bigquery import dataset_views, views
from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.bigquery.recorder_views import recorder_views
from custom_components.bigquery_export.bigquery.schema import DatasetSchema
from custom_components.bigquery_export.bigquery.table_settings import TableSettings
from custom_components.bigquery_export.bigquery.views import (
    MATERIALIZED_VIEWS,
    VERSION_LABEL,
    VIEWS,
    Kind,
    View,
)
from custom_components.bigquery_export.errors import NameTakenError, RefusedError, UnreachableError
from custom_components.bigquery_export.rows.entities import ENTITIES
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.rows.table import Column, ColumnType, Scope
from tests.bigquery_export.support.client_requests import client_requests
from tests.bigquery_export.support.warehouse import TABLES, Warehouse
from tests.local_bigquery.process import DATA_EDITOR

SQL = Path(views.__file__).with_name("sql")
FUNCTION = View(
    "runs_between", (EXPORT_LOG,), (("begin_time", "TIMESTAMP"), ("end_time", "TIMESTAMP"))
)
QUERY = (
    "SELECT table_name FROM `${export_log}` WHERE finished >= begin_time AND finished < end_time"
)


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to tables without views, of an account that may only edit data."""
    warehouse.create_table()
    key = warehouse.create_key()
    warehouse.grant(key, DATA_EDITOR, dataset="home")
    with closing(Connection(key, warehouse.destination)) as connection:
        yield connection


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return what writes a file of SQL; there is one table function, and a view of statistics."""
    copytree(SQL, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(views, "_FOLDER", tmp_path)
    monkeypatch.setattr(views, "_TABLES", (STATISTICS, EXPORT_LOG))
    latest = next(view for view in VIEWS if view.name == "statistics_latest")
    monkeypatch.setattr(views, "VIEWS", (latest, FUNCTION))

    def write(query: str, description: str = "Runs.") -> None:
        (tmp_path / f"{FUNCTION.name}.sql").write_text(f"-- {description}\n\n{query}\n")
        views._parts.cache_clear()

    write(QUERY)
    yield write
    views._parts.cache_clear()


def view(connection: Connection, name: str = "statistics_latest") -> bigquery.Table:
    """Return a view as BigQuery has it."""
    reference = connection.destination.dataset_reference.table(name)
    return connection.tables.get_table(reference)


def function(connection: Connection) -> bigquery.Routine:
    """Return the table function as BigQuery has it."""
    reference = connection.destination.dataset_reference.routine(FUNCTION.name)
    return connection.tables.get_routine(reference)


def test_made_once(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right to edit the data of a dataset is enough; then two requests tell of no change."""
    requests = client_requests(connection, monkeypatch)
    assert DatasetViews(connection).ensure(TABLES) == {}
    assert {path for _, path in requests} == {"tables", "routines"}
    made = view(connection)
    assert made.table_type == "VIEW"
    assert not made.view_use_legacy_sql
    assert made.labels.keys() == {VERSION_LABEL}
    names = [column.name for column in STATISTICS.columns if column.name != "deleted"]
    assert [field.name for field in made.schema] == names
    there = {table.table_id for table in connection.tables.list_tables("home")}
    there |= {routine.reference.routine_id for routine in connection.tables.list_routines("home")}
    assert {view.name for view in VIEWS} <= there
    assert len(there) == len(TABLES) + len(VIEWS) + 1  # the fence
    requests.clear()
    assert DatasetViews(connection).ensure(TABLES) == {}
    assert requests == [("GET", "tables"), ("GET", "routines")]


def test_only_of_chosen_tables(connection: Connection) -> None:
    """What reads a table that is not exported is not made, nor removed when it is no longer."""
    DatasetViews(connection).ensure([STATISTICS])
    there = {table.table_id for table in connection.tables.list_tables("home")}
    assert len(there) == len(TABLES) + 1 + 1
    assert "statistics_latest" in there
    DatasetViews(connection).ensure([EXPORT_LOG])
    assert view(connection)


def test_changed(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view shows the columns that a table has got since it was made, and keeps its labels."""
    DatasetViews(connection).ensure([STATISTICS])
    mine = view(connection)
    mine.labels = {**mine.labels, "mine": "yes"}
    connection.tables.update_table(mine, ["labels"])
    new = Column("new", ColumnType.STRING, Scope.ROW, "New")
    table = replace(STATISTICS, columns=(*STATISTICS.columns, new))
    DatasetSchema(connection).ensure_tables([table])
    monkeypatch.setattr(views, "VIEWS", (views._latest(table),))
    assert DatasetViews(connection).ensure([table]) == {}
    changed = view(connection)
    assert "new" in [field.name for field in changed.schema]
    assert changed.labels["mine"] == "yes"
    assert changed.labels[VERSION_LABEL] != mine.labels[VERSION_LABEL]


def test_function(connection: Connection, write: Callable[..., None]) -> None:
    """A function is made with its arguments, and changed as a whole with query or description."""
    assert DatasetViews(connection).ensure(TABLES) == {}
    made = function(connection)
    assert made.type_ == "TABLE_VALUED_FUNCTION"
    assert [argument.name for argument in made.arguments] == ["begin_time", "end_time"]
    assert re.fullmatch(r"Runs\.\nBigQuery Export .*, version [0-9a-f]{16}", made.description or "")
    DatasetViews(connection).ensure(TABLES)
    assert function(connection).etag == made.etag
    write(QUERY.replace("table_name", "export_id"))
    assert DatasetViews(connection).ensure(TABLES) == {}
    changed = function(connection)
    assert "export_id" in changed.body
    assert changed.arguments == made.arguments
    write(QUERY, "All runs.")
    DatasetViews(connection).ensure(TABLES)
    assert (function(connection).description or "").startswith("All runs.\n")


def test_names_taken(connection: Connection, write: Callable[..., None]) -> None:
    """What a user has made stays as it is and is named, and all else is made."""
    dataset = connection.destination.dataset_reference
    connection.tables.create_table(bigquery.Table(dataset.table("statistics_latest")))
    mine = bigquery.Routine(
        dataset.routine(FUNCTION.name),
        type_="TABLE_VALUED_FUNCTION",
        language="SQL",
        body="SELECT 1 AS x",
    )
    connection.tables.create_routine(mine)
    failed = DatasetViews(connection).ensure(TABLES)
    assert failed.keys() == {"statistics_latest", FUNCTION.name}
    assert all(isinstance(error, NameTakenError) for error in failed.values())
    assert view(connection).table_type == "TABLE"
    assert function(connection).body == "SELECT 1 AS x"
    connection.tables.delete_table(dataset.table("statistics_latest"))
    theirs = bigquery.Table(dataset.table("statistics_latest"))
    theirs.view_query = "SELECT 1 AS x"
    connection.tables.create_table(theirs)
    assert "statistics_latest" in DatasetViews(connection).ensure(TABLES)
    assert view(connection).view_query == "SELECT 1 AS x"


def test_retired(
    connection: Connection, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only an earlier version has made is removed; what is a user's is not."""
    DatasetViews(connection).ensure(TABLES)
    dataset = connection.destination.dataset_reference
    mine = bigquery.Table(dataset.table("mine"))
    mine.view_query = "SELECT 1 AS x"
    connection.tables.create_table(mine)
    monkeypatch.setattr(views, "VIEWS", ())
    retired = ("statistics_latest", FUNCTION.name, "mine", "export_log")
    monkeypatch.setattr(dataset_views, "RETIRED", retired)
    assert DatasetViews(connection).ensure(TABLES) == {}
    there = {table.table_id for table in connection.tables.list_tables("home")}
    assert {"mine", "export_log"} <= there
    assert "statistics_latest" not in there
    assert not list(connection.tables.list_routines("home"))


def test_one_that_is_refused(connection: Connection, write: Callable[..., None]) -> None:
    """An error of one stops no other, and is said by its name."""
    write("SELECT missing FROM `${export_log}`")
    failed = DatasetViews(connection).ensure(TABLES)
    assert failed.keys() == {FUNCTION.name}
    assert isinstance(failed[FUNCTION.name], RefusedError)
    assert view(connection)


def test_made_by_others_meanwhile(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that appears between looking and making is looked at again by a later attempt."""
    DatasetViews(connection).ensure([STATISTICS])
    with monkeypatch.context() as patch:
        patch.setattr(DatasetViews, "_listed_tables", lambda _: {})
        with pytest.raises(UnreachableError):
            DatasetViews(connection).ensure([STATISTICS])
    assert DatasetViews(connection).ensure([STATISTICS]) == {}


def test_one_file_for_each() -> None:
    """Each view has a file and each file a view; it says what it shows, and then what it reads."""
    assert {view.file or view.name for view in VIEWS} == {file.stem for file in SQL.glob("*.sql")}
    assert len({view.name for view in VIEWS}) == len(VIEWS)
    recorder = {view.file for view in recorder_views("", lambda _: True)}
    assert recorder == {f"recorder/{file.stem}" for file in (SQL / "recorder").iterdir()}
    materialized = {view.file for view in MATERIALIZED_VIEWS}
    assert materialized == {
        f"materialized/{file.stem}" for file in (SQL / "materialized").iterdir()
    }
    for file in (*SQL.glob("*.sql"), *SQL.glob("recorder/*"), *SQL.glob("materialized/*")):
        head = file.read_text().partition("\n\n")[0].splitlines()
        assert all(line.startswith("-- ") for line in head), file
        assert head[1].startswith("-- Reads: "), file
    for file in SQL.rglob("*.sql"):
        assert all(len(line) <= 100 for line in file.read_text().splitlines()), file


def test_shared_parts(warehouse: Warehouse, write: Callable[..., None], tmp_path: Path) -> None:
    """What files have in common is in one file, and a change of it is one of all that name it."""
    latest = next(view for view in VIEWS if view.name == "statistics_latest")

    def versions() -> list[str]:
        views._parts.cache_clear()
        return [view.sql(warehouse.destination).version for view in (latest, FUNCTION)]

    write("SELECT table_name FROM (${inner})")
    shared = tmp_path / "shared"
    (shared / "inner.sql").write_text("SELECT * FROM `${export_log}`\n${condition}\n")
    (shared / "condition.sql").write_text("WHERE finished >= begin_time\n")
    query = FUNCTION.sql(warehouse.destination).query
    log = f"`{warehouse.project}.home.export_log`"
    assert query.replace(log, "log") == (
        "SELECT table_name FROM (SELECT * FROM log\nWHERE finished >= begin_time)\n"
    )
    before = versions()
    (shared / "condition.sql").write_text("WHERE finished > begin_time\n")
    after = versions()
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_shared_parts_are_used() -> None:
    """Each part that is shared is in two files or more."""
    files = [file.read_text() for file in SQL.rglob("*.sql")]
    for file in (SQL / "shared").iterdir():
        assert sum(f"${{{file.stem}}}" in text for text in files) > 1, file


def test_bounds_beside_the_partitioning_column() -> None:
    """A function compares its times with the partitioning column of each table that it reads."""
    for view in VIEWS:
        if view.kind is Kind.TABLE_FUNCTION:
            _, query = views._parts(view.name)
            for table in view.needs:
                reads = query.count(f"`${{{table.name}}}`")
                bounds = re.findall(rf"`{table.partition_by}` >= [\w (,]+", query)
                assert reads == 0 or len(bounds) >= reads, (view.name, table.name)


def test_entities_are_needed() -> None:
    """The views of a table that is chosen alone are those that read no other."""
    assert {view.name for view in views.views([ENTITIES])} >= {"entities_latest", "entity_names"}
    assert all(view.needs == (ENTITIES,) for view in views.views([ENTITIES]))


@pytest.fixture
def only_materialized(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out all other views, which take seconds."""
    monkeypatch.setattr(views, "VIEWS", ())


@pytest.mark.usefixtures("only_materialized")
def test_materialized_views(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made only if the user wants them, and removed if not: they are billed."""
    names = {view.name for view in MATERIALIZED_VIEWS}

    def there() -> dict[str, str]:
        listed = connection.tables.list_tables("home")
        return {item.table_id: item.table_type for item in listed if item.table_id in names}

    assert DatasetViews(connection).ensure(TABLES) == {}
    assert there() == {}
    assert DatasetViews(connection).ensure(TABLES, "", True) == {}
    assert there() == dict.fromkeys(names, "MATERIALIZED_VIEW")
    made = view(connection, "states_by_hour")
    assert made.mview_enable_refresh
    assert made.mview_refresh_interval == timedelta(days=1)
    assert (made.time_partitioning.field, made.clustering_fields) == ("hour", ["entity_id"])
    assert (made.description or "").endswith("bills that as a query.")
    with monkeypatch.context() as patch:
        requests = client_requests(connection, patch)
        assert DatasetViews(connection).ensure(TABLES, "", True) == {}
        assert requests == [("GET", "tables"), ("GET", "routines")]
    assert DatasetViews(connection).ensure(TABLES) == {}
    assert there() == {}


@pytest.mark.usefixtures("only_materialized")
def test_materialized_view_is_made_anew(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its query cannot be changed: it is made again, with the labels of the user."""
    DatasetViews(connection).ensure(TABLES, "", True)
    mine = view(connection, "states_by_hour")
    mine.labels = {**mine.labels, "mine": "yes", VERSION_LABEL: "0" * 16}
    connection.tables.update_table(mine, ["labels"])
    requests = client_requests(connection, monkeypatch)
    assert DatasetViews(connection).ensure(TABLES, "", True) == {}
    assert [method for method, _ in requests] == ["GET", "GET", "DELETE", "POST", "GET"]
    changed = view(connection, "states_by_hour")
    assert changed.labels["mine"] == "yes"
    assert changed.labels[VERSION_LABEL] != "0" * 16


@pytest.mark.usefixtures("only_materialized")
def test_materialized_views_of_others(connection: Connection) -> None:
    """One of the user's that has the name stays as it is, wanted or not."""
    dataset = connection.destination.dataset_reference
    mine = bigquery.Table(dataset.table("states_by_hour"))
    mine.mview_query = (
        f"SELECT entity_id, COUNT(*) AS n FROM `{dataset.project}.home.sensor_data`"  # noqa: S608
        " GROUP BY entity_id"
    )
    connection.tables.create_table(mine)
    failed = DatasetViews(connection).ensure(TABLES, "", True)
    assert failed.keys() == {"states_by_hour"}
    assert isinstance(failed["states_by_hour"], NameTakenError)
    assert DatasetViews(connection).ensure(TABLES) == {}
    assert view(connection, "states_by_hour").mview_query == mine.mview_query


@pytest.mark.usefixtures("only_materialized")
def test_materialized_views_where_a_filter_is_required(connection: Connection) -> None:
    """BigQuery refuses them, which is said by their names."""
    DatasetSchema(connection, TableSettings(partition_filter=True)).ensure_tables([SENSOR_DATA])
    failed = DatasetViews(connection).ensure(TABLES, "", True)
    assert failed.keys() == {view.name for view in MATERIALIZED_VIEWS}
