"""What an export comes to: the arithmetic, and what it rests on in the recorder."""

from typing import Any

from homeassistant.components.recorder.db_schema import (
    Events,
    EventTypes,
    States,
    StatesMeta,
    Statistics,
    StatisticsMeta,
    StatisticsShortTerm,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from sqlalchemy import Connection, delete, event, select

from custom_components.bigquery_export.bigquery.prices import FREE_SENDING, FREE_STORAGE, GIB
from custom_components.bigquery_export.const import (
    CONF_COLUMNS,
    CONF_CONTEXT_ENTITIES,
    CONF_DELIVERY,
    CONF_EVENTS,
    CONF_TABLES,
)
from custom_components.bigquery_export.errors import RecorderBusyError
from custom_components.bigquery_export.estimate.estimate import (
    Estimate,
    Speed,
    TableEstimate,
    async_estimate,
)
from custom_components.bigquery_export.export.recorder_tables import RECORDER_TABLES
from custom_components.bigquery_export.settings.options import options_from
from tests.bigquery_export.support.databases import (
    ON_EACH_DATABASE,
    in_database,
    insert_rows,
)
from tests.bigquery_export.support.recorder_rows import MODELS
from tests.bigquery_export.support.recording import execute

DAY = 86_400
START = 1_790_000_000.0


def estimate(rows: int, per_day: float, size: int, **changes: Any) -> Estimate:
    """Return an estimate of one table."""
    return Estimate({"sensor_data": TableEstimate(rows, per_day, size)}, **changes)


def test_a_home_is_free() -> None:
    """What a home of 50,000 states a day has is free for a year, and more."""
    home = estimate(500_000, 50_000, 400)
    assert (home.bytes, home.bytes_per_day) == (200_000_000, 20_000_000)
    assert home.bytes_per_year == 7_300_000_000
    assert home.cost.is_free
    assert home.years_of_free_storage == pytest.approx((10 * GIB - 2e8) / 7.3e9)
    assert home.seconds == 200
    assert home.as_dict() == {
        "tables": {"sensor_data": {"rows": 500_000, "rows_per_day": 50_000, "bytes_per_row": 400}},
        "damaged": [],
        "rows": 500_000,
        "bytes": 200_000_000,
        "seconds": 200,
        "rows_per_day": 50_000,
        "bytes_per_day": 20_000_000,
        "bytes_per_year": 7_300_000_000,
        "cost": {
            "sending_history": 0,
            "sending_per_month": 0,
            "storage_per_month": 0,
            "storage_per_month_after_a_year": 0,
        },
        "within_free_tier": True,
        "assumed": {"rows_per_second": 5_000, "bytes_per_second": 1_000_000},
    }


def test_prices() -> None:
    """What is beyond the free tier costs what Google asks; load jobs are sent for nothing."""
    size = FREE_SENDING + 100 * GIB
    cost = estimate(1, 1 / 30, size).cost
    assert cost.sending_history == pytest.approx(100 * 0.025)
    assert cost.sending_per_month == pytest.approx(100 * 0.025, rel=1e-6)
    assert cost.storage_per_month == pytest.approx((size - FREE_STORAGE) / GIB * 0.02)
    assert cost.storage_per_month_after_a_year > 10 * cost.storage_per_month
    assert estimate(1, 0, size, sending_is_billed=False).cost.sending_history == 0
    assert estimate(1, 0, FREE_STORAGE).years_of_free_storage == 0
    growing = estimate(0, 1, 11 * GIB // 365).cost
    assert not growing.is_free
    assert growing.storage_per_month == 0 < growing.storage_per_month_after_a_year
    assert estimate(0, 0, 0).seconds == 0


def test_the_slower_of_both_counts() -> None:
    """Time is that of the machine or of its line, whichever is slower."""
    speed = Speed(rows_per_second=100, bytes_per_second=1_000)
    assert estimate(1_000, 0, 1, speed=speed).seconds == 10
    assert estimate(1_000, 0, 50, speed=speed).seconds == 50


async def metadata_ids(hass: HomeAssistant, *entity_ids: str) -> list[int]:
    """Let the recorder know entities, and return what it calls them."""
    for entity_id in entity_ids:
        hass.states.async_set(entity_id, "on")
    await async_wait_recording_done(hass)
    statement = select(StatesMeta.metadata_id, StatesMeta.entity_id)
    known = await in_database(hass, lambda db: db.execute(statement).tuples().all())
    ids = {entity_id: id_ for id_, entity_id in known}
    return [ids[entity_id] for entity_id in entity_ids]


async def fill(hass: HomeAssistant) -> None:
    """Write a history of ten days: 2,000 states, of which every fifth is of a light."""
    entity, light = await metadata_ids(hass, "sensor.s0", "light.a")
    await in_database(hass, lambda db: db.execute(delete(States)))
    await insert_rows(
        hass,
        States,
        [
            {
                "state_id": 1_000 + number,
                "metadata_id": entity if number % 5 else light,
                "state": "21.5",
                "last_updated_ts": START + number * DAY / 200,
            }
            for number in range(2_000)
        ],
    )
    await insert_rows(
        hass,
        StatisticsMeta,
        [
            {"id": id_, "statistic_id": f"sensor.s{id_}", "source": "recorder", "has_sum": False}
            for id_ in range(1, 4)
        ],
    )
    for model, periods in ((Statistics, 40), (StatisticsShortTerm, 10)):
        await insert_rows(
            hass,
            model,
            [
                {
                    "metadata_id": id_,
                    "start_ts": START + period * 3_600,
                    "created_ts": START,
                    "mean": 1.5,
                }
                for period in range(periods)
                for id_ in range(1, 4)
            ],
        )
    await in_database(hass, lambda db: db.execute(delete(Events)))
    types = {901: "bell_rang", 902: "not_chosen"}
    await insert_rows(
        hass,
        EventTypes,
        [{"event_type_id": id_, "event_type": name} for id_, name in types.items()],
    )
    await insert_rows(
        hass,
        Events,
        [
            {"time_fired_ts": START + number * 864, "event_type_id": 901 + number % 2}
            for number in range(1_000)
        ],
    )


@ON_EACH_DATABASE
async def test_estimate(hass: HomeAssistant) -> None:
    """Rows, and rows a day, are those of the recorder, whatever the database."""
    await fill(hass)
    options = options_from({CONF_TABLES: list(RECORDER_TABLES), CONF_EVENTS: ["bell_rang"]})
    found = (await async_estimate(hass, options)).tables
    assert found["sensor_data"].rows == 2_000
    assert found["sensor_data"].rows_per_day == pytest.approx(200, rel=0.01)
    assert 100 < found["sensor_data"].bytes_per_row < 400
    assert (found["statistics"].rows, found["statistics"].rows_per_day) == (120, 3 * 24)
    assert found["statistics_short_term"].rows_per_day == 3 * 288
    # Every second event is of the chosen type.
    assert found["events"].rows == pytest.approx(500, rel=0.05)
    assert found["events"].rows_per_day == pytest.approx(50, rel=0.05)
    assert found["recorder_runs"].rows == 1


async def test_what_is_chosen_counts(hass: HomeAssistant) -> None:
    """Entities, columns and context entities that are chosen change the estimate, and gaps too."""
    await fill(hass)
    only = {CONF_TABLES: ["sensor_data"]}
    (everything,) = (await async_estimate(hass, options_from(only))).tables.values()
    chosen = {**only, "include": {"domains": ["light"]}, CONF_DELIVERY: "load_job"}
    lights = await async_estimate(hass, options_from(chosen))
    assert not lights.sending_is_billed
    assert lights.rows == pytest.approx(400, rel=0.2)
    assert lights.rows_per_day == pytest.approx(40, rel=0.2)
    bare = await async_estimate(hass, options_from({**only, CONF_COLUMNS: []}))
    assert bare.tables["sensor_data"].bytes_per_row < everything.bytes_per_row
    context_entities = [
        {"entity_id": f"sensor.s{number}", "name": str(number)} for number in range(4)
    ]
    more = await async_estimate(
        hass, options_from({**only, CONF_CONTEXT_ENTITIES: context_entities})
    )
    assert more.tables["sensor_data"].bytes_per_row == everything.bytes_per_row + 100
    await execute(hass, "DELETE FROM states WHERE state_id BETWEEN 1200 AND 2199")
    assert (await async_estimate(hass, options_from(only))).rows == pytest.approx(1_000, rel=0.1)
    await execute(hass, "DELETE FROM states")
    assert (await async_estimate(hass, options_from(only))).rows == 0
    get_instance(hass).schema_version = 0
    with pytest.raises(RecorderBusyError):
        await async_estimate(hass, options_from(only))


async def test_a_young_recorder(hass: HomeAssistant) -> None:
    """What is recorded in less than an hour counts as an hour's; also where a time is missing."""
    options = options_from({CONF_TABLES: ["sensor_data"]})
    (entity,) = await metadata_ids(hass, "sensor.s0")
    for last in (START + 60, None):
        await in_database(hass, lambda db: db.execute(delete(States)))
        times = (START, last)
        await insert_rows(
            hass,
            States,
            [{"metadata_id": entity, "state": "1", "last_updated_ts": time} for time in times],
        )
        found = (await async_estimate(hass, options)).tables["sensor_data"]
        assert found.rows_per_day == 24 * found.rows > 0


async def test_nothing_is_counted(hass: HomeAssistant) -> None:
    """No query goes through a table: it takes milliseconds, however many rows there are."""
    await fill(hass)
    statements: list[tuple[str, Any]] = []
    engine = get_instance(hass).engine
    assert engine

    def note(_: object, __: object, statement: str, values: Any, *___: object) -> None:
        statements.append((statement, values))

    event.listen(engine, "before_cursor_execute", note)
    await async_estimate(hass, options_from({CONF_TABLES: list(RECORDER_TABLES)}))
    event.remove(engine, "before_cursor_execute", note)
    selects = [(text, values) for text, values in statements if "SELECT" in text]
    assert len(selects) > 20

    def plans(db: Connection) -> list[str]:
        return [
            str(step[-1])
            for text, values in selects
            for step in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
        ]

    steps = await in_database(hass, plans)
    tables = {model.__tablename__ for model in MODELS.values()}
    scanned = {step.split()[1] for step in steps if step.startswith("SCAN ")}
    assert not scanned & tables
