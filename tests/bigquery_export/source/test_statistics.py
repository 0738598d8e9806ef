"""Reading the recorder's statistics, on each database."""

from datetime import UTC, datetime, timedelta
from typing import Any

from homeassistant.components.recorder.db_schema import (
    Statistics,
    StatisticsMeta,
)
from homeassistant.components.recorder.models import StatisticMeanType
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
from hypothesis import HealthCheck, given, settings, strategies as st
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
    do_adhoc_statistics,
)
from sqlalchemy import delete, insert, update

from custom_components.bigquery_export.rows.statistics import STATISTICS, STATISTICS_SHORT_TERM
from custom_components.bigquery_export.rows.table import Table
from custom_components.bigquery_export.source.source_table import Anchor
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    in_recorder,
    insert_rows,
)
from tests.bigquery_export.support.sources import (
    decoded,
    microseconds,
    read_pieces,
    read_rows,
    source,
)
from tests.bigquery_export.support.statistics_rows import MODELS, START, row

PERIODS = {"statistics": "hour", "statistics_short_term": "5minute"}
ON_BOTH_TABLES = pytest.mark.parametrize("table", [STATISTICS, STATISTICS_SHORT_TERM])
EXACT = [0.1, 1 / 3, -0.0, 5e-324, 1.7976931348623157e308, 2**53 + 1.0, 21.456789012345678, 1e23]
"""Numbers that need all their digits."""


async def record_statistics(hass: HomeAssistant) -> None:
    """Write the metadata of a measurement, a meter, an angle and a statistic of no entity."""
    common = {"has_mean": None, "name": None}
    await insert_rows(
        hass,
        StatisticsMeta,
        [
            common
            | {
                "id": number,
                "statistic_id": statistic_id,
                "source": statistic_id.partition(":")[0] if ":" in statistic_id else "recorder",
                "unit_of_measurement": unit,
                "unit_class": unit_class,
                "has_sum": kind is StatisticMeanType.NONE,
                "name": "Störung 🌙" if ":" in statistic_id else None,
                "mean_type": kind,
            }
            for number, statistic_id, unit, unit_class, kind in (
                (1, "sensor.kitchen", "°C", "temperature", StatisticMeanType.ARITHMETIC),
                (2, "sensor.meter", "kWh", "energy", StatisticMeanType.NONE),
                (3, "sensor.wind", "°", None, StatisticMeanType.CIRCULAR),
                (4, "provider:cost", None, None, StatisticMeanType.NONE),
            )
        ],
    )


def seconds(micros: int) -> float:
    """Return a TIMESTAMP as Home Assistant's API has it."""
    return micros / 1e6


@ON_EACH_DATABASE
@ON_BOTH_TABLES
async def test_as_home_assistant_shows_them(hass: HomeAssistant, table: Table) -> None:
    """Each value is the one that Home Assistant's own API gives, to the last digit."""
    await record_statistics(hass)
    rows = [
        row(number, metadata_id=1, mean=value, min=-value, max=value)
        for number, value in enumerate(EXACT)
    ]
    rows += [
        row(number, metadata_id=2, state=value, sum=value, last_reset_ts=START - number / 3)
        for number, value in enumerate(EXACT)
    ]
    rows += [row(0, metadata_id=3, mean=359.9, mean_weight=0.1), row(0, metadata_id=4, sum=1.5)]
    rows += [row(9, metadata_id=2)]
    await insert_rows(hass, MODELS[table.name], rows)

    encoded = await read_rows(hass, source(hass, table), limit=4)
    assert not encoded.rejected
    values = decoded(table, encoded)
    shown = await in_recorder(
        hass,
        lambda: statistics_during_period(
            hass,
            datetime.fromtimestamp(START, UTC) - timedelta(days=1),
            None,
            None,
            PERIODS[table.name],  # type: ignore[arg-type]
            None,
            {"last_reset", "max", "mean", "min", "state", "sum"},
        ),
    )
    expected: list[dict[str, Any]] = [
        {"statistic_id": statistic_id, **shown_row}
        for statistic_id, shown_rows in shown.items()
        for shown_row in shown_rows
    ]
    names = {
        "sensor.kitchen": ("mean", "min", "max"),
        "sensor.meter": ("last_reset", "state", "sum"),
        "sensor.wind": ("mean",),
        "provider:cost": ("sum",),
    }
    found = [
        {
            "statistic_id": value["statistic_id"],
            "start": seconds(value["start"]),
            "end": seconds(value["end"]),
            **{name: value.get(name) for name in names[value["statistic_id"]]},
        }
        for value in values
    ]
    for value in found:
        if value.get("last_reset") is not None:
            value["last_reset"] = seconds(value["last_reset"])
    for value in expected:
        for name in [*value]:
            if name not in ("statistic_id", "start", "end", *names[value["statistic_id"]]):
                assert value.pop(name) is None
        if value.get("last_reset") is not None:
            value["last_reset"] = seconds(round(value["last_reset"] * 1e6))

    def place(value: dict[str, Any]) -> tuple[str, float]:
        return value["statistic_id"], value["start"]

    assert sorted(found, key=place) == sorted(expected, key=place)
    assert len(found) == 2 * len(EXACT) + 3
    by_id = {value["statistic_id"]: value for value in values}
    assert by_id["provider:cost"]["name"] == "Störung 🌙"
    assert by_id["provider:cost"]["statistic_source"] == "provider"
    assert "domain" not in by_id["provider:cost"]
    assert by_id["sensor.wind"]["mean_weight"] == 0.1
    assert by_id["sensor.wind"]["mean_type"] == "circular"
    assert by_id["sensor.meter"]["domain"] == "sensor"


@ON_EACH_DATABASE
async def test_what_home_assistant_compiled(hass: HomeAssistant) -> None:
    """The statistics that Home Assistant makes of states are read with all that it knows."""
    attributes = {
        "device_class": "energy",
        "state_class": "total_increasing",
        "unit_of_measurement": "kWh",
    }
    assert await async_setup_component(hass, "sensor", {})  # It says what of a state is counted.
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    hass.states.async_set("sensor.meter", "10", attributes, timestamp=start.timestamp() + 1)
    hass.states.async_set("sensor.meter", "12.5", attributes, timestamp=start.timestamp() + 2)
    await async_wait_recording_done(hass)
    do_adhoc_statistics(hass, start=start)
    await async_wait_recording_done(hass)
    (values,) = decoded(
        STATISTICS_SHORT_TERM, await read_rows(hass, source(hass, STATISTICS_SHORT_TERM))
    )
    assert values["statistic_id"] == "sensor.meter"
    assert values["statistic_source"] == "recorder"
    assert values["unit_of_measurement"] == "kWh"
    assert values["unit_class"] == "energy"
    assert values["has_sum"] is True
    assert values["mean_type"] == "none"
    assert values["start"] == round(start.timestamp()) * 1_000_000
    assert values["end"] - values["start"] == 300_000_000
    assert (values["state"], values["sum"]) == (12.5, 2.5)
    assert values["deleted"] is False


@ON_EACH_DATABASE
@ON_BOTH_TABLES
async def test_pieces_and_increments(hass: HomeAssistant, table: Table) -> None:
    """Pieces follow one another without a gap or an overlap, and a later run resumes."""
    await record_statistics(hass)
    await insert_rows(hass, MODELS[table.name], [row(number, mean=1.0) for number in range(25)])
    first = source(hass, table)
    pieces = await read_pieces(hass, first, limit=10)
    assert [len(piece.rows) for piece in pieces] == [10, 10, 5]
    ids = [row[0] for piece in pieces for row in piece.rows]
    assert ids == sorted(set(ids))
    assert await in_recorder(hass, first.reader.oldest_id) == ids[0]
    assert await in_recorder(hass, first.reader.count, ids[9]) == 15

    # A row of the past comes later.
    await insert_rows(hass, MODELS[table.name], [row(-5, mean=2.0)])
    second = source(hass, table)
    assert await in_recorder(hass, second.reader.newest_id) == ids[-1] + 1
    (piece,) = await read_pieces(hass, second, after=ids[-1])
    assert [row[3] for row in piece.rows] == [2.0]


@ON_EACH_DATABASE
async def test_empty_table(hass: HomeAssistant) -> None:
    """Where nothing is recorded there is nothing to read."""
    statistics = source(hass, STATISTICS)
    assert await in_recorder(hass, statistics.reader.newest_id) == 0
    assert await in_recorder(hass, statistics.reader.oldest_id) is None
    assert await in_recorder(hass, statistics.reader.count, 0) == 0
    assert await in_recorder(hass, statistics.reader.read, 0, 100) is None
    assert await in_recorder(hass, statistics.reader.fingerprints, []) == {}


@ON_EACH_DATABASE
async def test_fingerprint(hass: HomeAssistant) -> None:
    """A row keeps its fingerprint after a correction, but not when its id belongs to another."""
    await record_statistics(hass)
    await insert_rows(hass, Statistics, [row(number, sum=1.0 / 3) for number in range(3)])
    statistics = source(hass, STATISTICS)
    pieces = await read_pieces(hass, statistics, limit=1)
    anchors: list[Anchor] = [piece.last for piece in pieces]
    before = {anchor.id: anchor.fingerprint for anchor in anchors}
    ids = [*before]
    assert await in_recorder(hass, statistics.reader.fingerprints, [*ids, 10_000]) == before

    await in_database(hass, lambda db: db.execute(update(Statistics).values(sum=5.0)))
    assert await in_recorder(hass, statistics.reader.fingerprints, ids) == before

    def replace(db: Any) -> None:
        db.execute(delete(Statistics).where(Statistics.id == ids[-1]))
        db.execute(insert(Statistics).values(id=ids[-1], **row(7)))

    await in_database(hass, replace)
    after = await in_recorder(hass, statistics.reader.fingerprints, ids)
    assert after[ids[-1]] != before[ids[-1]]
    assert after[ids[0]] == before[ids[0]]


@ON_EACH_DATABASE
async def test_rejected_rows(hass: HomeAssistant) -> None:
    """A row that cannot be encoded stops no other; what is no number is NULL."""
    await record_statistics(hass)
    dialect = get_instance(hass).dialect_name
    nan = float("nan") if dialect == "postgresql" else None
    infinity = float("-inf") if dialect != "mysql" else None
    rows = [
        row(0, mean=1.0),
        row(1, metadata_id=None),
        row(2, start_ts=None),
        row(3, start_ts=1e300),
        row(4, last_reset_ts=-1e12),
        row(5, mean=nan, min=infinity),
        row(6, mean=2.0),
    ]
    await insert_rows(hass, Statistics, rows)
    encoded = await read_rows(hass, source(hass, STATISTICS))
    assert [value.get("mean") for value in decoded(STATISTICS, encoded)] == [1.0, None, 2.0]
    assert [rejected.reason.partition(",")[0] for rejected in encoded.rejected] == [
        "the recorder no longer knows its statistic",
        "the recorder has no time for it",
        "its time",
        "its time",
    ]
    assert [rejected.values["statistic_id"] for rejected in encoded.rejected] == [
        *(None, "sensor.kitchen", "sensor.kitchen", "sensor.kitchen")
    ]
    assert "min" not in decoded(STATISTICS, encoded)[1]


async def test_statistic_that_appears_during_a_run(hass: HomeAssistant) -> None:
    """A statistic that is new after the first piece is known when it is met."""
    await record_statistics(hass)
    await insert_rows(hass, Statistics, [row(0)])
    statistics = source(hass, STATISTICS)
    await read_pieces(hass, statistics)
    meta = {"id": 9, "statistic_id": "sensor.new", "source": "recorder", "mean_type": 7}
    await insert_rows(hass, StatisticsMeta, [meta])
    await insert_rows(hass, Statistics, [row(0, metadata_id=9)])
    (values,) = decoded(STATISTICS, await read_rows(hass, statistics, after=1))
    assert values["statistic_id"] == "sensor.new"
    assert values["mean_type"] == "7"


NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.fixed_dictionaries(
    {
        "metadata_id": st.integers(1, 4),
        "created_ts": st.none() | st.floats(0, 4e9),
        "last_reset_ts": st.none() | st.floats(0, 4e9),
        **dict.fromkeys(("mean", "mean_weight", "min", "max", "state", "sum"), NUMBERS),
    }
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=st.dictionaries(st.floats(-6e10, 2.5e11), ROWS, min_size=1, max_size=20))
async def test_round_trip(hass: HomeAssistant, rows: dict[float, dict[str, Any]]) -> None:
    """Whatever the recorder holds is in the row that is sent."""

    def refill(db: Any) -> None:
        db.execute(delete(Statistics))
        db.execute(delete(StatisticsMeta))

    await in_database(hass, refill)
    await record_statistics(hass)
    values = [{"start_ts": start, **values} for start, values in rows.items()]
    await insert_rows(hass, Statistics, values)
    encoded = await read_rows(hass, source(hass, STATISTICS), limit=7)
    assert not encoded.rejected
    for wanted, found in zip(values, decoded(STATISTICS, encoded), strict=True):
        for name in ("mean", "mean_weight", "min", "max", "state", "sum"):
            assert found.get(name) == wanted[name]
        for name in ("start", "created", "last_reset"):
            time = wanted[f"{name}_ts"]
            assert found.get(name) == (None if time is None else microseconds(time))
        assert found["end"] - found["start"] == 3_600_000_000
