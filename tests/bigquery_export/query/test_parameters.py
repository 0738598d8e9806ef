"""Parameters of queries: their types, and what is none."""

from datetime import UTC, date, datetime
from typing import Any

from homeassistant.util import dt as dt_util
import pytest

from custom_components.bigquery_export.bigquery.select_query import Parameter
from custom_components.bigquery_export.query.parameters import (
    ParameterError,
    parameters_of,
    typed,
)

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "type_", "expected"),
    [
        (True, "BOOL", True),
        (7, "INT64", 7),
        (0.5, "FLOAT64", 0.5),
        ("2026-11-01", "STRING", "2026-11-01"),
        (NOON, "TIMESTAMP", NOON),
        (date(2026, 11, 1), "DATE", date(2026, 11, 1)),
        (["a", "b"], "STRING", ["a", "b"]),
        ({"type": "timestamp", "value": "2026-11-01T12:00:00+00:00"}, "TIMESTAMP", NOON),
        ({"type": "TIMESTAMP", "value": NOON.timestamp()}, "TIMESTAMP", NOON),
        ({"type": "DATE", "value": "2026-11-01"}, "DATE", date(2026, 11, 1)),
        ({"type": "INT64", "value": "7"}, "INT64", 7),
        ({"type": "INT64", "value": ["7", 8]}, "INT64", [7, 8]),
        ({"type": "FLOAT64", "value": 1}, "FLOAT64", 1.0),
        ({"type": "STRING", "value": 1}, "STRING", "1"),
    ],
)
def test_types(value: Any, type_: str, expected: Any) -> None:
    """A value has the type that BigQuery has for it, or the one that is given."""
    (found,) = parameters_of({"name": value})
    assert found == Parameter("name", type_, expected)
    assert type(found.value) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"type": "INT64"},
        {"type": "INT64", "value": 1, "more": 2},
        {"type": "GEOGRAPHY", "value": "POINT(1 2)"},
        {"type": "INT64", "value": 1.5},
        {"type": "INT64", "value": True},
        {"type": "INT64", "value": 2**63},
        {"type": "INT64", "value": float("inf")},
        {"type": "BOOL", "value": "on"},
        {"type": "DATE", "value": "2026-11-31"},
        {"type": "TIMESTAMP", "value": "now"},
        {"type": "STRING", "value": None},
        {"type": "STRING", "value": {"a": 1}},
        [],
        ["a", 1],
        [["a"]],
    ],
)
def test_no_values(value: Any) -> None:
    """What is no value of a type is named."""
    with pytest.raises(ParameterError, match="name"):
        parameters_of({"name": value})


@pytest.mark.parametrize("name", ["", "1st", "a b", "a;b", "ä", "a" * 129])
def test_no_names(name: str) -> None:
    """What is no name of a parameter never reaches BigQuery."""
    with pytest.raises(ParameterError):
        parameters_of({name: 1})


def test_local_times() -> None:
    """A time without a time zone is the home's."""
    zone = dt_util.get_time_zone("Europe/Berlin")
    assert zone is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dt_util, "DEFAULT_TIME_ZONE", zone)
        found = typed("name", "TIMESTAMP", "2026-11-01 13:00:00").value
    assert found == NOON
