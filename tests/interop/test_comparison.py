"""The comparison of two tables finds each row that is not there once with all its values."""

from collections.abc import Mapping
from typing import Any

import pytest

from custom_components.bigquery_export.rows.entities import ENTITIES
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import Column, ColumnType, Scope

from .comparison import Comparison, compare, noticed_last

COLUMNS = (
    Column("entity_id", ColumnType.STRING, Scope.ROW, ""),
    Column("last_updated", ColumnType.TIMESTAMP, Scope.ROW, ""),
    Column("state_id", ColumnType.INT64, Scope.ROW, ""),
    Column("state", ColumnType.STRING, Scope.ROW, ""),
    Column("attributes", ColumnType.JSON, Scope.ROW, ""),
    Column("export_id", ColumnType.STRING, Scope.ROW, ""),
)


def row(number: int, state: str = "on", attributes: str = "{}") -> Mapping[str, Any]:
    """Return a state."""
    return {
        "entity_id": "light.lamp",
        "last_updated": number,
        "state_id": number,
        "state": state,
        "attributes": attributes,
        "export_id": str(id(object())),
    }


@pytest.mark.parametrize(
    ("copied", "different", "missing", "extra"),
    [
        ([row(1), row(2)], 0, 0, 0),
        ([row(2), row(1)], 0, 0, 0),
        ([row(1)], 0, 1, 0),
        ([row(1), row(2), row(2)], 0, 0, 1),
        ([row(1), row(2), row(3)], 0, 0, 1),
        ([row(1), row(2, "off")], 1, 0, 0),
        ([row(1), row(2, attributes='{"a": 1}')], 1, 0, 0),
        ([row(1), row(2, "off"), row(2, "off")], 1, 0, 1),
        ([row(1), row(3)], 0, 1, 1),
        ([], 0, 2, 0),
    ],
)
def test_compared(
    copied: list[Mapping[str, Any]], different: int, missing: int, extra: int
) -> None:
    """Rows are counted as different, missing or extra; what an export adds does not count."""
    found = compare(SENSOR_DATA, COLUMNS, [row(1), row(2)], copied)
    assert (found.different, found.missing, found.extra) == (different, missing, extra)
    assert found.agrees is not any((different, missing, extra))
    assert bool(found.examples) is not found.agrees
    assert (found.tables, found.rows) == (1, 2)


def test_json_that_says_the_same() -> None:
    """The order of keys and the sign of a zero are not compared."""
    sent, copied = row(1, attributes='{"b":-0.0,"a":1}'), row(1, attributes='{"a":1,"b":0.0}')
    assert compare(SENSOR_DATA, COLUMNS, [sent], [copied]).agrees


def test_dimension_tables() -> None:
    """Rows without an id of the recorder are known by what they are about."""
    columns = [one for one in ENTITIES.columns if one.name in {"source", "entity_id", "name"}]
    sent = {"source": "home", "entity_id": "light.lamp", "name": "Lamp"}
    assert compare(ENTITIES, columns, [sent], [sent]).agrees
    assert not compare(ENTITIES, columns, [sent], [{**sent, "name": "Bulb"}]).agrees


def test_sum() -> None:
    """All tables together are what their last line says."""
    total = Comparison(1, 5, 1, 0, 0, ("a",)) + Comparison(1, 7, 0, 2, 3, ("b",))
    assert str(total) == "tables=2 rows=12 different=1 missing=2 extra=3"
    assert total.examples == ("a", "b")


def test_noticed_last() -> None:
    """Of dimension tables what holds now is compared: a copy may not have seen what was before."""
    first, second, other = (
        {"source": "home", "registry_id": id_, "name": name, "valid_from": time}
        for id_, name, time in (("a", "A", 1), ("a", "B", 2), ("b", "A", 1))
    )
    assert [*noticed_last(ENTITIES, [second, first, other])] == [second, other]
    assert len([*noticed_last(SENSOR_DATA, [row(1), row(1)])]) == 2
