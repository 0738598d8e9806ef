"""Views of a table that has columns of the user's own, whatever these are called."""

from pathlib import Path
import re

import pytest

from custom_components.bigquery_export.bigquery import views
from custom_components.bigquery_export.bigquery.dataset_views import DatasetViews
from custom_components.bigquery_export.bigquery.views import names_in_views
from custom_components.bigquery_export.rows.entities import ENTITIES
from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.own_columns import (
    OwnColumn,
    is_column_name,
    is_taken,
    with_own_columns,
)
from custom_components.bigquery_export.rows.relationships import RELATIONSHIPS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.rows.table import ColumnType
from tests.bigquery_export.support.warehouse import Warehouse

pytestmark = pytest.mark.long


def words() -> set[str]:
    """Return all names in the SQL of views that a user may give to a column."""
    files = Path(views.__file__).parent.glob("sql/**/*.sql")
    found = {name for file in files for name in re.findall(r"`(\w+)`", file.read_text())}
    return {name for name in found if is_column_name(name) and not is_taken(name)}


def test_names() -> None:
    """Names that views give are known, of those alone that read the table."""
    names = names_in_views(SENSOR_DATA)
    assert {"begin_time", "moment", "seconds", "valid_to", "hour", "age"} <= names
    assert len(names) < 150
    assert "brightness" not in names
    assert "hour" not in names_in_views(STATISTICS)


def test_every_other_word(warehouse: Warehouse) -> None:
    """With own columns of all other names that SQL has, each view is made, and can be read."""
    names = sorted(words() - names_in_views(SENSOR_DATA))
    assert len(names) > 50
    own = [OwnColumn(name, ColumnType.STRING) for name in names]
    others = [EVENTS, ENTITIES, RELATIONSHIPS, EXPORT_LOG]
    warehouse.create_table(tables=[with_own_columns(SENSOR_DATA, own), *others])
    with warehouse.connecting() as connection:
        made = DatasetViews(connection)
        assert not made.ensure([SENSOR_DATA, *others], "recorder_", True)
    moment = "TIMESTAMP '2026-10-28'"
    for view in views.VIEWS:
        if SENSOR_DATA in view.needs and all(type_ == "TIMESTAMP" for _, type_ in view.arguments):
            arguments = ", ".join([moment] * len(view.arguments))
            sql = f"SELECT * FROM home.{view.name}({arguments})"  # noqa: S608
            assert warehouse.server.query(sql, warehouse.project) == []
