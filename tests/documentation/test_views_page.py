"""The page on views and functions has all of them, and says what they read."""

import re

import pytest

from custom_components.bigquery_export.bigquery.connection import Destination
from custom_components.bigquery_export.bigquery.views import MATERIALIZED_VIEWS, VIEWS, Kind, View
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from tests.local_bigquery.bytes_read import reads
from tests.local_bigquery.schema import Json
from tests.local_bigquery.sql_tokens import tree

from .markdown import ROOT

PAGE = (ROOT / "docs" / "views.md").read_text()
DESTINATION = Destination("project", "home", "EU", "states")
ROW = {
    "source": 34,
    "entity_id": 30,
    "state": 7,
    "attributes": 100,
    "unit_of_measurement": 5,
    "domain": 9,
    "device_class": 12,
    "area_name": 10,
    "device_id": 34,
    "context_id": 28,
    "context_parent_id": 7,
    "context_user_id": 7,
    "season": 8,
}
"""Bytes of a column in a common row; others take 1 or 8 by their type."""
AS_SELECTED = frozenset({"states_between", "state_at", "replay"})
"""Functions that have all columns of states, of which BigQuery reads those that are selected."""
_SHOWN = re.compile(r"^\| (?:\[)?`(\w+)\([^|]*\| [^|]*\| (\d+)[^|]*\|$", re.MULTILINE)


def states(name: str) -> Json | None:
    """Return the table of states, as the local BigQuery has it."""
    if name != "project.home.states":
        return None
    fields = [{"name": column.name, "type": column.type} for column in SENSOR_DATA.columns]
    return {"schema": {"fields": fields}}


def bytes_of(view: View) -> int:
    """Return what a function reads of a common row of states, rounded to 5 bytes."""
    query = tree(view.sql(DESTINATION).query)
    read = [column for found in reads(query, states) for column in found.columns]
    total = sum(ROW.get(column.name, 1 if column.type == "BOOL" else 8) for column in read)
    return round(total / 5) * 5


@pytest.mark.parametrize(
    "view",
    [view for view in VIEWS if view.kind is Kind.TABLE_FUNCTION and SENSOR_DATA in view.needs],
    ids=lambda view: view.name,
)
def test_what_functions_read(view: View) -> None:
    """The megabytes of a million states are those of the columns that the query names."""
    shown = dict(_SHOWN.findall(PAGE))
    if view.name in AS_SELECTED:
        assert int(shown[view.name]) < bytes_of(view)
    else:
        assert int(shown[view.name]) == bytes_of(view)


@pytest.mark.parametrize("view", MATERIALIZED_VIEWS, ids=lambda view: view.name)
def test_what_materialized_views_read(view: View) -> None:
    """The page says what BigQuery reads of all rows at first, and the option what of both."""
    (shown,) = re.findall(rf"^\| `{view.name}` \|.*\| (\d+) \|$", PAGE, re.MULTILINE)
    assert int(shown) == bytes_of(view)
    both = sum(map(bytes_of, MATERIALIZED_VIEWS))
    assert f"{both} MB for each million" in (ROOT / "docs" / "options.md").read_text()


def test_all_are_there() -> None:
    """Each view and function has a place on the page, with its arguments in order."""
    for view in VIEWS:
        call = ", ".join(
            name.removesuffix("_time").removesuffix("_seconds") for name, _ in view.arguments
        )
        assert f"`{view.name}({call})`" in PAGE if call else f"`{view.name}`" in PAGE, view.name
