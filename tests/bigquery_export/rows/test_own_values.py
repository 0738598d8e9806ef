"""Values of own columns: found by a path, converted to a unit, and of the type of their column."""

from typing import Any
from zoneinfo import ZoneInfo

from homeassistant.const import UnitOfTemperature
from hypothesis import given, strategies as st
import pytest

from custom_components.bigquery_export.bigquery.ndjson import NdjsonEncoding
from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.own_columns import (
    OWN_TYPES,
    OwnColumn,
    with_own_columns,
)
from custom_components.bigquery_export.rows.own_values import (
    attribute_reader,
    can_convert,
    state_reader,
    units,
)
from custom_components.bigquery_export.rows.recorded_values import UNENCODABLE
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.table import ColumnType

UNFIT = object()
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOON = 1_795_950_000_000_000
"""2026-11-29 11:00 UTC, 12:00 in Amsterdam."""


def value_of(column: OwnColumn, attributes: dict[str, Any]) -> object:
    """Return a column's value of attributes, or UNFIT."""
    try:
        return attribute_reader(column, AMSTERDAM)(attributes)
    except UNENCODABLE:
        return UNFIT


def value_of_state(column: OwnColumn, state: str | None, unit: str | None = None) -> object:
    """Return a column's value of a state, or UNFIT."""
    try:
        return state_reader(column, AMSTERDAM)(state, unit)
    except UNENCODABLE:
        return UNFIT


@pytest.mark.parametrize(
    ("type_", "value", "expected"),
    [
        ("STRING", "Küche", "Küche"),
        ("STRING", "", ""),
        ("STRING", 21.5, "21.5"),
        ("STRING", True, "true"),
        ("STRING", ["a", 1], '["a",1]'),
        ("INT64", 7, 7),
        ("INT64", -7.0, -7),
        ("INT64", " +12 ", 12),
        ("INT64", "9007199254740993", 2**53 + 1),
        ("INT64", "21.0", 21),
        ("INT64", 2**63 - 1, 2**63 - 1),
        ("INT64", 2**63, UNFIT),
        ("INT64", -(2**63) - 1, UNFIT),
        ("INT64", 1e300, UNFIT),
        ("INT64", 21.5, UNFIT),
        ("INT64", "21.5", UNFIT),
        ("INT64", True, UNFIT),
        ("INT64", "١٢", UNFIT),
        ("INT64", [1], UNFIT),
        ("FLOAT64", 7, 7.0),
        ("FLOAT64", "7.25", 7.25),
        ("FLOAT64", "-0", -0.0),
        ("FLOAT64", "nan", UNFIT),
        ("FLOAT64", "1e400", UNFIT),
        ("FLOAT64", "1_0", UNFIT),
        ("FLOAT64", "", UNFIT),
        ("FLOAT64", False, UNFIT),
        ("FLOAT64", {"a": 1}, UNFIT),
        ("BOOL", True, True),
        ("BOOL", "ON", True),
        ("BOOL", " no ", False),
        ("BOOL", 0, False),
        ("BOOL", 1, True),
        ("BOOL", 2, UNFIT),
        ("BOOL", 1.0, UNFIT),
        ("BOOL", "home", UNFIT),
        ("BOOL", [], UNFIT),
        ("TIMESTAMP", "2026-11-29T11:00:00+00:00", NOON),
        ("TIMESTAMP", "2026-11-29T12:00:00", NOON),
        ("TIMESTAMP", "2026-11-29 12:00:00.000001", NOON + 1),
        ("TIMESTAMP", "2026-11-29", NOON - 12 * 3_600_000_000),
        ("TIMESTAMP", NOON // 1_000_000, NOON),
        ("TIMESTAMP", NOON / 1_000_000 + 0.5, NOON + 500_000),
        ("TIMESTAMP", "noon", UNFIT),
        ("TIMESTAMP", "", UNFIT),
        ("TIMESTAMP", True, UNFIT),
        ("TIMESTAMP", 1e12, UNFIT),
        ("TIMESTAMP", "0001-01-01T00:00:00+01:00", UNFIT),
        ("TIMESTAMP", "0001-01-01T00:00:00+00:00", -62_135_596_800_000_000),
        ("TIMESTAMP", "9999-12-31T23:59:59.999999+00:00", 253_402_300_799_999_999),
        ("TIMESTAMP", "9999-12-31T23:59:59-01:00", UNFIT),
        ("JSON", [1, {"a": None}], '[1,{"a":null}]'),
        ("JSON", "text", '"text"'),
        ("JSON", 0, "0"),
        *((str(type_), None, None) for type_ in OWN_TYPES),
    ],
)
def test_types(type_: str, value: object, expected: object) -> None:
    """A value fits a column where BigQuery or Home Assistant takes it for one of the type."""
    found = value_of(OwnColumn("own", ColumnType(type_), "a"), {"a": value})
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("hs_color", "[30.5,99]"),
        ("hs_color.0", "30.5"),
        ("hs_color.2", None),
        ("hs_color.x", "[]"),
        ("forecast.temperature", "[12,null]"),
        ("forecast.1.wind.speed", "7"),
        ("forecast.0.wind.speed", None),
        ("next.temperature", "12"),
        ("next.missing.temperature", None),
        ("brightness", "7"),
        ("brightness.0", None),
        ("ip.address", '"with a dot"'),
        ("missing", None),
        ("", None),
    ],
)
def test_paths(path: str, expected: str | None) -> None:
    """A path goes through objects by names and through lists by numbers; a whole name is first."""
    attributes = {
        "hs_color": [30.5, 99],
        "forecast": [{"temperature": 12}, {"wind": {"speed": 7}}, "rain"],
        "next": {"temperature": 12},
        "brightness": 7,
        "ip": {"address": "by the path"},
        "ip.address": "with a dot",
    }
    assert value_of(OwnColumn("own", ColumnType.JSON, path), attributes) == expected


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"temperature": 20, "temperature_unit": "°C"}, 68.0),
        ({"temperature": 68, "temperature_unit": "°F"}, 68.0),
        ({"temperature": "20", "temperature_unit": "°C"}, 68.0),
        # Of another attribute of the same kind, and of the state.
        ({"temperature": 20, "dew_unit": "°C", "pressure_unit": "hPa"}, 68.0),
        ({"temperature": 20, "unit_of_measurement": "°C"}, 68.0),
        # Two others, of which it is not known which one is meant: the home's own.
        ({"temperature": 293.15, "a_unit": "°C", "unit_of_measurement": "°F"}, 68.0),
        ({"temperature": 293.15}, 68.0),
        ({"temperature": 20, "temperature_unit": "hPa"}, UNFIT),
        ({"temperature": 20, "temperature_unit": ["°C"]}, UNFIT),
        ({"temperature": "warm", "temperature_unit": "°C"}, UNFIT),
        ({"temperature": None, "temperature_unit": "°C"}, None),
        ({}, None),
    ],
)
def test_units_of_attributes(attributes: dict[str, Any], expected: object) -> None:
    """The unit is the attribute's own, else the only one that is there, else the home's."""
    column = OwnColumn(
        *("own", ColumnType.FLOAT64, "temperature"),
        unit=UnitOfTemperature.FAHRENHEIT,
        home_unit=UnitOfTemperature.KELVIN,
    )
    assert value_of(column, attributes) == (pytest.approx(68.0) if expected == 68.0 else expected)


def test_unit_that_the_user_knows() -> None:
    """What the user says of an attribute goes before a guess, and not before what it has itself."""
    column = OwnColumn("own", ColumnType.FLOAT64, "dew", unit="°F", value_unit="K", home_unit="°F")
    found = value_of(column, {"dew": 293.15, "unit_of_measurement": "°C"})
    assert found == pytest.approx(68.0)
    assert value_of(column, {"dew": 20, "dew_unit": "°C"}) == pytest.approx(68.0)


@pytest.mark.parametrize(
    ("unit", "state", "of_state", "expected"),
    [
        ("°F", "20", "°C", 68.0),
        ("°F", "20", None, UNFIT),
        ("°F", "20", "hPa", UNFIT),
        ("°F", "unavailable", "°C", None),
        ("°F", "warm", "°C", UNFIT),
        ("kWh", "1500", "Wh", 1.5),
        ("m/s", "36", "km/h", 10.0),
        # Consumption by distance has no value as distance by consumption where it is 0.
        ("km/kWh", "20", "kWh/100km", 5.0),
        ("km/kWh", "0", "kWh/100km", UNFIT),
    ],
)
def test_units_of_states(unit: str, state: str, of_state: str | None, expected: object) -> None:
    """A state has the unit that Home Assistant keeps with it, or no value without one."""
    found = value_of_state(OwnColumn("own", ColumnType.FLOAT64, unit=unit), state, of_state)
    assert found == (pytest.approx(expected) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    ("type_", "state", "expected"),
    [
        ("BOOL", "on", True),
        ("STRING", "on", "on"),
        ("STRING", "unknown", None),
        ("INT64", "21.0", 21),
        ("TIMESTAMP", "2026-11-29T11:00:00+00:00", NOON),
        ("JSON", '{"a": 1}', '{"a":1}'),
        ("JSON", "null", None),
        ("JSON", "21.50", "21.5"),
        ("JSON", "on", UNFIT),
        ("JSON", "NaN", UNFIT),
        *((str(type_), None, None) for type_ in OWN_TYPES),
        *((str(type_), "unavailable", None) for type_ in OWN_TYPES),
    ],
)
def test_states(type_: str, state: str | None, expected: object) -> None:
    """A state fits as an attribute does; JSON is read, and what says nothing has no value."""
    assert value_of_state(OwnColumn("own", ColumnType(type_)), state) == expected


def test_known_units() -> None:
    """Units are those that Home Assistant converts without knowing what is measured."""
    assert {"°C", "km/h", "kWh", "%"} <= set(units())
    assert can_convert("°C", "°F")
    assert not can_convert("°C", "hPa")
    assert not can_convert("°C", "")
    assert not can_convert("", "°C")


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(
        ["on", "7", "2026-11-29T11:00:00Z", "0001-01-01", "-1e5", "9" * 30, "infinity"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(value=JSON_VALUES, type_=st.sampled_from(OWN_TYPES))
def test_whatever_fits_can_be_sent(value: object, type_: ColumnType) -> None:
    """Of any attribute, what a column is said to take can be encoded, for both deliveries."""
    column = OwnColumn("own", type_, "a")
    found = value_of(column, {"a": value})
    if found is None or found is UNFIT:
        return
    for encoding in (ProtobufEncoding, NdjsonEncoding):
        encoder = encoding(with_own_columns(SENSOR_DATA, [column]))
        row = encoder.row(encoder.fragment({"own": found}))
        assert encoder.decode(row) == {"own": found}
