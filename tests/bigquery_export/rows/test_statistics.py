"""Encoding statistics as rows of `statistics` and `statistics_short_term`."""

from typing import Any
from zoneinfo import ZoneInfo

from astral import Observer
import pytest

from custom_components.bigquery_export.bigquery.protobuf import ProtobufEncoding
from custom_components.bigquery_export.rows.columns import (
    REGISTRY_COLUMNS,
    quarter_values,
    run_values,
)
from custom_components.bigquery_export.rows.context import RowContext
from custom_components.bigquery_export.rows.local_time import Place
from custom_components.bigquery_export.rows.registry import RegistryValues
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import (
    FIVE_MINUTES,
    HOUR,
    STATISTICS,
    STATISTICS_SHORT_TERM,
    finite,
    mean_type,
    statistic_values,
)
from custom_components.bigquery_export.rows.statistics_encoder import StatisticsEncoder
from custom_components.bigquery_export.rows.table import Scope
from custom_components.bigquery_export.source.source_table import Anchor
from custom_components.bigquery_export.source.statistics import (
    Statistic,
    StatisticsPiece,
    StatisticsRow,
)
from tests.bigquery_export.support.sources import AMSTERDAM, RUN_VALUES, STARTED

ENCODING = ProtobufEncoding(STATISTICS)
KITCHEN = Statistic("sensor.kitchen", "recorder", "°C", "temperature", False, None, 1)
COST = Statistic("provider:cost", "provider", "EUR", None, True, "Cost", 0)
OWN = Statistic("bigquery_export:light", "bigquery_export", "h", "duration", True, "Light", 0)
START = 1_790_000_100.0  # 2026-09-21 14:15 UTC
MICROS = 1_790_000_100_000_000


def encoder(place: Place = AMSTERDAM) -> StatisticsEncoder:
    """Return an encoder of hours."""
    return StatisticsEncoder(ENCODING, RowContext(RUN_VALUES, place), HOUR)


def row(**changes: Any) -> StatisticsRow:
    """Return a row as the recorder has it, with changes."""
    values: dict[str, Any] = {
        "id": 5,
        "metadata_id": 1,
        "start": START,
        "mean": None,
        "mean_weight": None,
        "min": None,
        "max": None,
        "last_reset": None,
        "state": None,
        "sum": None,
        "created": None,
    }
    return tuple((values | changes).values())


def piece(*rows: StatisticsRow) -> StatisticsPiece:
    """Return a piece of these rows."""
    return StatisticsPiece(rows, {1: KITCHEN, 2: COST, 3: OWN}, Anchor(0, ""))


def encode(*rows: StatisticsRow) -> list[dict[str, Any]]:
    """Encode rows that all can be, and read them again."""
    encoded = encoder().encode(piece(*rows))
    assert not encoded.rejected
    return [ENCODING.decode(data) for data in encoded.data]


def test_tables() -> None:
    """Both tables have the same columns; the hours of a year are in twelve partitions."""
    assert STATISTICS.columns == STATISTICS_SHORT_TERM.columns
    assert (STATISTICS.partition_by, STATISTICS.partition_unit) == ("start", "MONTH")
    assert (STATISTICS_SHORT_TERM.partition_by, STATISTICS_SHORT_TERM.partition_unit) == (
        *("start", "DAY"),
    )
    assert STATISTICS.cluster_by == ("statistic_id", "source")
    assert set(REGISTRY_COLUMNS) < set(STATISTICS.columns) & set(SENSOR_DATA.columns)
    names = [column.name for column in STATISTICS.columns]
    assert len(names) == len(set(names))
    assert [column.name for column in STATISTICS.columns if column.mode == "REQUIRED"] == [
        *("statistic_id", "start", "source", "export_id"),
    ]


def test_each_scope_computes_its_own_columns() -> None:
    """What a scope's function returns are columns of that scope, and nothing is forgotten."""
    run = run_values(source="s", export_id="e", started=STARTED)
    assert run.keys() == STATISTICS.names(Scope.RUN)
    quarter = quarter_values(STARTED, AMSTERDAM.observer)
    assert quarter.keys() == STATISTICS.names(Scope.QUARTER)
    registry = {column.name for column in REGISTRY_COLUMNS}
    assert statistic_values(KITCHEN).keys() == STATISTICS.names(Scope.ENTITY) - registry
    assert not STATISTICS.names(Scope.ATTRIBUTES)
    values = dict.fromkeys(("mean", "mean_weight", "min", "max", "state", "sum"), 1.0)
    (sent,) = encode(row(last_reset=1.5, created=2.5, **values))
    assert STATISTICS.names(Scope.ROW) <= sent.keys()


def test_row() -> None:
    """A row has the values of its run, statistic and quarter, and its own."""
    measured = {"mean": 0.1, "mean_weight": 0.5, "min": -0.25, "max": 1e300}
    metered = {"last_reset": START - 0.25, "state": 3.0, "sum": 1 / 3, "created": START + 3610.5}
    (values,) = encode(row(**measured, **metered))
    assert values == {
        "statistic_id": "sensor.kitchen",
        "statistic_source": "recorder",
        "unit_of_measurement": "°C",
        "unit_class": "temperature",
        "mean_type": "arithmetic",
        "has_sum": False,
        "start": MICROS,
        "end": MICROS + 3_600_000_000,
        **measured,
        "last_reset": MICROS - 250_000,
        "state": 3.0,
        "sum": 1 / 3,
        "created": MICROS + 3_610_500_000,
        "deleted": False,
        "domain": "sensor",
        "local_time": "2026-09-21 16:15:00.000000",
        "hour_of_day": 16,
        "day_of_week": 1,
        "month": 9,
        "is_weekend": False,
        "is_daylight": True,
        "time_of_day": "afternoon",
        "season": "autumn",
        "source": "home",
        "id": 5,
        "export_id": "export",
        "export_timestamp": round(STARTED.timestamp() * 1e6),
    }


def test_statistic_of_no_entity() -> None:
    """What an integration brought in has a name, and no domain."""
    (values,) = encode(row(metadata_id=2, sum=0.0))
    assert values["statistic_id"] == "provider:cost"
    assert values["statistic_source"] == "provider"
    assert values["name"] == "Cost"
    assert values["mean_type"] == "none"
    assert values["sum"] == 0.0
    assert not values.keys() & {"domain", "mean", "state", "last_reset", "created", "unit_class"}


def test_statistic_of_our_own() -> None:
    """What BigQuery was asked for is not sent back, nor is it that it is gone."""
    own, other = row(metadata_id=3, sum=1.0), row(metadata_id=2, sum=2.0)
    assert [values["statistic_id"] for values in encode(own, other)] == ["provider:cost"]
    assert not encoder().encode_deleted(OWN.statistic_id, START, START).data
    assert encoder().encode_deleted(COST.statistic_id, START, START).data


def test_key() -> None:
    """A row is known by its statistic and start, and belongs to the day of its start."""
    encoded = encoder().encode(piece(row(), row(id=6, metadata_id=2, start=-0.5)))
    assert encoded.ids == [5, 6]
    assert encoded.names == ["sensor.kitchen", "provider:cost"]
    assert encoded.times == [MICROS, -500_000]
    assert encoded.days == {20_717, -1}


def test_five_minutes() -> None:
    """A short-term row lasts five minutes, and begins at no particular one."""
    short = StatisticsEncoder(ENCODING, RowContext(RUN_VALUES, AMSTERDAM), FIVE_MINUTES)
    (data,) = short.encode(piece(row(start=START + 421.5))).data
    values = ENCODING.decode(data)
    assert values["end"] - values["start"] == 300_000_000
    assert values["local_time"] == "2026-09-21 16:22:01.500000"


@pytest.mark.parametrize(
    ("zone", "start", "local"),
    [
        ("Asia/Kolkata", 1_790_000_100.0 - 900, "2026-09-21 19:30:00.000000"),
        ("Asia/Kathmandu", 1_790_000_100.0 - 900, "2026-09-21 19:45:00.000000"),
        ("Australia/Lord_Howe", 1_791_039_600.0, "2026-10-04 01:30:00.000000"),
        ("Australia/Lord_Howe", 1_791_043_200.0, "2026-10-04 03:00:00.000000"),
    ],
)
def test_hours_of_other_zones(zone: str, start: float, local: str) -> None:
    """An hour of UTC begins where the home's clocks show it, and not with a local hour."""
    place = Place(ZoneInfo(zone), Observer(27.7, 85.3, 0))
    (data,) = encoder(place).encode(piece(row(start=start))).data
    values = ENCODING.decode(data)
    assert values["local_time"] == local
    assert values["hour_of_day"] == int(local[11:13])


def test_renamed_during_a_run() -> None:
    """A row has what its piece says of the statistic, whatever earlier pieces said."""
    statistics = encoder()
    encoded = [
        statistics.encode(StatisticsPiece([row()], {1: statistic}, Anchor(0, "")))
        for statistic in (KITCHEN, KITCHEN._replace(unit_of_measurement="°F"))
    ]
    units = [ENCODING.decode(rows.data[0])["unit_of_measurement"] for rows in encoded]
    assert units == ["°C", "°F"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metadata_id": None}, "no longer knows its statistic"),
        ({"metadata_id": 99}, "no longer knows its statistic"),
        ({"start": None}, "has no time"),
        ({"start": float("nan")}, "not in the years 1 to 9999"),
        ({"start": 1e300}, "not in the years 1 to 9999"),
        ({"last_reset": float("inf")}, "not in the years 1 to 9999"),
        ({"created": -1e11}, "not in the years 1 to 9999"),
        ({"start": 253_402_300_799.5}, "range"),
    ],
)
def test_rejected_rows(changes: dict[str, Any], reason: str) -> None:
    """A row that cannot be encoded is rejected with the reason, and stops no other."""
    encoded = encoder().encode(piece(row(**changes), row(id=6)))
    assert encoded.ids == [6]
    (rejected,) = encoded.rejected
    assert reason in rejected.reason
    assert rejected.values["id"] == 5
    assert not rejected.encoded


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), None])
def test_numbers_that_are_none(number: float | None) -> None:
    """NaN and infinities are NULL: databases differ in what they make of them."""
    assert finite(number) is None
    (values,) = encode(row(mean=number, min=number, max=number, state=number, sum=number))
    assert not values.keys() & {"mean", "min", "max", "state", "sum"}


def test_mean_type() -> None:
    """A mean says what it is, also where Home Assistant is newer than this integration."""
    assert [mean_type(number) for number in (0, 1, 2, 3, None)] == [
        *("none", "arithmetic", "circular", "3", None),
    ]


def test_registry_values() -> None:
    """A statistic of an entity has the registry values of the entity, and one of none has none."""

    class Known:
        version = 0

        def of(self, entity_id: str) -> RegistryValues:
            return RegistryValues(area_name=f"Area of {entity_id}", labels=("A", "B"))

    encoded = StatisticsEncoder(
        ENCODING, RowContext(RUN_VALUES, AMSTERDAM, registry=Known()), HOUR
    ).encode(piece(row(), row(metadata_id=2)))
    of_entity, of_none = (ENCODING.decode(data) for data in encoded.data)
    assert (of_entity["area_name"], of_entity["labels"]) == ("Area of sensor.kitchen", ["A", "B"])
    assert not {"area_name", "labels"} & of_none.keys()
