"""Views of the user's own: checked by BigQuery, kept, and nothing of anybody else's changed."""

from collections.abc import Iterator
from contextlib import closing

from google.cloud import bigquery
import pytest

from custom_components.bigquery_export.bigquery.connection import Connection
from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.bigquery.own_views import OwnView, OwnViews
from custom_components.bigquery_export.bigquery.select_query import QueryInvalidError
from custom_components.bigquery_export.bigquery.views import OWNER_LABEL, VERSION_LABEL
from custom_components.bigquery_export.errors import (
    AccessDeniedError,
    NameTakenError,
    UnreachableError,
)
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.bigquery_export.support.client_requests import client_requests
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR

LIGHTS = OwnView("lights", "SELECT entity_id FROM `{dataset}.sensor_data`")
STATES = OwnView("lights", "SELECT state FROM `{dataset}.sensor_data`")
OF_LIGHTS = OwnView("a_light", "SELECT MIN(entity_id) AS first FROM `{dataset}.lights`")


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[Connection]:
    """Return a connection to two tables, of an account that may edit this dataset alone."""
    warehouse.create_table(tables=[SENSOR_DATA, EXPORT_LOG])
    key = warehouse.create_key()
    warehouse.grant(key, DATA_EDITOR, dataset="home")
    with closing(Connection(key, warehouse.destination)) as connection:
        yield connection


@pytest.fixture
def views(connection: Connection) -> OwnViews:
    """Return what keeps the views of an entry."""
    return OwnViews(connection, "01ENTRY")


def there(connection: Connection) -> set[str]:
    """Return the names of the views in the dataset."""
    found = connection.tables.list_tables("home")
    return {item.table_id for item in found if item.table_type == "VIEW"}


def view(connection: Connection, name: str = "lights") -> bigquery.Table:
    """Return a view as BigQuery has it."""
    return connection.tables.get_table(connection.destination.dataset_reference.table(name))


def make(connection: Connection, name: str, query: str, **labels: str) -> bigquery.Table:
    """Make a view as a user does it, in the console."""
    made = bigquery.Table(connection.destination.dataset_reference.table(name))
    made.view_query = query
    made.labels = labels
    return connection.tables.create_table(made)


def test_made_changed_and_deleted(connection: Connection, views: OwnViews) -> None:
    """A view has the query of its subentry, with the dataset in it, until it has none."""
    views.put(LIGHTS)
    made = view(connection)
    assert made.description
    table = connection.destination.table_id
    assert made.view_query == LIGHTS.sql(connection.destination)
    assert made.view_query.endswith(f" FROM `{table}`")
    assert made.labels[OWNER_LABEL] == "01entry"
    made.labels = {**made.labels, "mine": "yes"}
    connection.tables.update_table(made, ["labels"])
    assert views.ensure([LIGHTS], []) == {}
    assert views.ensure([STATES], []) == {}
    changed = view(connection)
    assert changed.view_query == STATES.sql(connection.destination)
    assert [field.name for field in changed.schema] == ["state"]
    assert changed.labels["mine"] == "yes"
    assert changed.labels[VERSION_LABEL] != made.labels[VERSION_LABEL]
    assert views.ensure([], ["lights", "never"]) == {}
    assert there(connection) == set()


def test_requests(connection: Connection, views: OwnViews, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a view that is as it was two requests are made after a start."""
    views.put(LIGHTS)
    made = client_requests(connection, monkeypatch)
    assert views.ensure([LIGHTS], []) == {}
    assert made == [("GET", "lights"), ("PATCH", "lights")]


def test_changed_again(connection: Connection, views: OwnViews) -> None:
    """What a user has changed in the console stays, until the view is changed in the form."""
    views.put(LIGHTS)
    theirs = view(connection)
    theirs.view_query = theirs.view_query.replace("entity_id", "domain")
    connection.tables.update_table(theirs, ["view_query"])
    assert views.ensure([LIGHTS], []) == {}
    assert view(connection).view_query == theirs.view_query
    views.put(LIGHTS)
    assert view(connection).view_query == LIGHTS.sql(connection.destination)


def test_only_ours(connection: Connection, views: OwnViews) -> None:
    """Neither a view nor a table of the user's is changed, nor what another entry keeps."""
    mine = make(connection, "mine", "SELECT 1 AS n")
    OwnViews(connection, "01OTHER").put(OwnView("other", "SELECT 1 AS n"))
    table = bigquery.Table(connection.destination.dataset_reference.table("labeled"))
    table.labels = {OWNER_LABEL: "01entry"}
    connection.tables.create_table(table)
    for name in ("mine", "other", "export_log", "labeled"):
        taken = OwnView(name, "SELECT 2 AS m")
        with pytest.raises(NameTakenError, match=f"home.{name}"):
            views.put(taken)
        failed = views.ensure([taken], [])
        assert isinstance(failed[name], NameTakenError)
    assert views.ensure([], ["mine", "other", "export_log", "labeled"]) == {}
    assert there(connection) == {"mine", "other"}
    assert view(connection, "mine").etag == mine.etag
    assert view(connection, "labeled").table_type == "TABLE"


def test_refused(connection: Connection, views: OwnViews) -> None:
    """BigQuery's reason is given, nothing is made of it, and a view that is there stays."""
    cases: list[tuple[str, type[Exception], str]] = [
        ("SELEKT 1", QueryInvalidError, "Syntax error"),
        ("SELECT nothing FROM `{dataset}.sensor_data`", QueryInvalidError, "nothing"),
        ("SELECT 1 AS n FROM `{dataset}.missing`", QueryInvalidError, "missing was not found"),
        ("SELECT 1 AS n FROM sensor_data", QueryInvalidError, "qualified with a dataset"),
        ("DROP TABLE `{dataset}.sensor_data`", QueryInvalidError, "Only SELECT"),
        ("SELECT 1 AS n FROM `other-home.home.t`", AccessDeniedError, "permission to query"),
    ]
    for query, kind, message in cases:
        with pytest.raises(kind, match=message):
            views.put(OwnView("lights", query))
    assert there(connection) == set()
    views.put(LIGHTS)
    for query, kind, message in cases:
        with pytest.raises(kind, match=message):
            views.put(OwnView("lights", query))
    assert view(connection).view_query == LIGHTS.sql(connection.destination)


def test_one_of_another(connection: Connection, views: OwnViews) -> None:
    """Views that read each other are made in any order; one that cannot be leaves the others."""
    missing = OwnView("broken", "SELECT 1 AS n FROM `{dataset}.missing`")
    failed = views.ensure([missing, OF_LIGHTS, LIGHTS], [])
    assert failed.keys() == {"broken"}
    assert there(connection) == {"lights", "a_light"}


def test_what_it_reads_is_gone(connection: Connection, views: OwnViews) -> None:
    """A view that works no longer is told, though its own query is as it was; then it works."""
    table = connection.destination.dataset_reference.table("mine")
    fields = [bigquery.SchemaField("a", "STRING")]
    connection.tables.create_table(bigquery.Table(table, schema=fields))
    mine = OwnView("my_view", "SELECT a FROM `{dataset}.mine`")
    assert views.ensure([mine, LIGHTS], []) == {}
    connection.tables.delete_table(table)
    failed = views.ensure([mine, LIGHTS], [])
    assert failed.keys() == {"my_view"}
    assert "home.mine was not found" in str(failed["my_view"])
    connection.tables.create_table(bigquery.Table(table, schema=fields))
    assert views.ensure([mine, LIGHTS], []) == {}


def test_no_answer(connection: Connection, views: OwnViews, warehouse: Warehouse) -> None:
    """What passes by itself is no fault of a view."""
    warehouse.server.add_fault("tables.insert", "backendError", times=None)
    with pytest.raises(UnreachableError):
        views.ensure([LIGHTS], [])
    warehouse.server.clear_faults()
    assert views.ensure([LIGHTS], []) == {}


def test_beside_those_of_the_integration(connection: Connection, views: OwnViews) -> None:
    """A new version whose view has the name of an own one leaves that; deleting takes both."""
    views.put(OwnView("rejections", "SELECT 1 AS n"))
    ours = DatasetViews(connection)
    failed = ours.ensure([EXPORT_LOG])
    assert failed.keys() == {"rejections"}
    assert isinstance(failed["rejections"], NameTakenError)
    assert ours.own == {"rejections"}
    assert [field.name for field in view(connection, "rejections").schema] == ["n"]
    make(connection, "mine", "SELECT 1 AS n")
    assert {"rejections", "export_settings"} <= set(ours.names())
    ours.delete()
    assert there(connection) == {"mine"}
