"""What the views and table functions answer about a small home."""

from datetime import UTC, datetime
import re
from typing import Any

from homeassistant.components.automation.config import PLATFORM_SCHEMA
from homeassistant.util.yaml import parse_yaml
import pytest

from custom_components.bigquery_export.bigquery.views import MATERIALIZED_VIEWS, VIEWS, Kind
from tests.bigquery_export.support.warehouse import Warehouse

_DAY = "TIMESTAMP '2026-10-28 00:00:00+00', TIMESTAMP '2026-10-29 00:00:00+00'"
"""A day in UTC; the home's clock is an hour ahead."""
_MICROSECONDS = re.compile(r"\d{16}")


def shown(value: Any) -> str:
    """Return a value of the REST API as BigQuery's console shows it; times without the year."""
    if value is None:
        return "-"
    if _MICROSECONDS.fullmatch(value):
        time = datetime.fromtimestamp(int(value) / 1_000_000, UTC)
        return f"{time:%m-%d %H:%M:%S}"
    return str(value).removesuffix(".0")


def ask(golden: Warehouse, sql: str) -> str:
    """Return the answer to a query, a line for each row."""
    rows = golden.server.query(sql.replace("(DAY)", f"({_DAY})"), golden.project)
    return "\n".join(" | ".join(map(shown, row.values())) for row in rows)


CASES = {
    "states_between": (
        """SELECT entity_id, state, last_updated, valid_to, seconds
        FROM home.states_between(DAY)
        WHERE entity_id IN ('sensor.warmth', 'sensor.gone') ORDER BY entity_id, last_updated""",
        """
        sensor.gone | 1 | 10-28 02:00:00 | 10-28 03:00:00 | 3600
        sensor.gone | - | 10-28 03:00:00 | - | 75600
        sensor.warmth | 19 | 10-28 00:30:00 | 10-28 01:00:00 | 1800
        sensor.warmth | unavailable | 10-28 01:00:00 | 10-28 01:10:00 | 600
        sensor.warmth | 20 | 10-28 01:10:00 | 10-28 01:40:00 | 1800
        sensor.warmth | 20 | 10-28 01:40:00 | 10-28 23:30:00 | 78600
        sensor.warmth | 22 | 10-28 23:30:00 | - | 1800
        """,
    ),
    "state_at": (
        """SELECT entity_id, state, last_updated
        FROM home.state_at(TIMESTAMP '2026-10-28 02:00:00+00', TIMESTAMP '2026-10-20')
        ORDER BY entity_id""",
        """
        sensor.gone | 1 | 10-28 02:00:00
        sensor.warmth | 20 | 10-28 01:40:00
        """,
    ),
    "state_at: an attribute came later": (
        """SELECT entity_id, state, last_updated
        FROM home.state_at(TIMESTAMP '2026-10-28 01:20:00+00', TIMESTAMP '2026-10-20')""",
        "sensor.warmth | 20 | 10-28 01:10:00",
    ),
    "state_at: removed, and since": (
        """SELECT entity_id, state
        FROM home.state_at(TIMESTAMP '2026-10-28 03:00:00+00', TIMESTAMP '2026-10-28 01:30:00+00')
        ORDER BY entity_id""",
        "",
    ),
    "replay": (
        """SELECT position, entity_id, version, previous_state, state
        FROM home.replay(TIMESTAMP '2026-10-28 00:00:00+00', TIMESTAMP '2026-10-28 03:30:00+00')
        ORDER BY position""",
        """
        1 | sensor.warmth | 1 | - | 19
        2 | sensor.warmth | 2 | 19 | unavailable
        3 | sensor.warmth | 3 | unavailable | 20
        4 | sensor.warmth | 4 | 20 | 20
        5 | sensor.gone | 1 | - | 1
        6 | sensor.gone | 2 | 1 | -
        """,
    ),
    "entity_attributes": (
        """SELECT last_updated, attribute, type, value, value_numeric
        FROM home.entity_attributes(DAY) WHERE entity_id = 'sensor.odd'
        ORDER BY last_updated, attribute""",
        """
        10-28 04:00:00 | inner | object | {"x":1} | -
        10-28 04:00:00 | list | array | [1,"a"] | -
        10-28 04:00:00 | nothing | null | - | -
        10-28 04:00:00 | number | number | -1.5 | -1.5
        10-28 04:00:00 | text | string | a "b" | -
        10-28 04:00:00 | with.dot | string | 2 | -
        10-28 04:00:00 | yes | boolean | true | -
        10-28 05:00:00 | number | number | 3 | 3
        """,
    ),
    "attributes_latest": (
        """SELECT entity_id, last_updated, attribute, type, value, value_numeric
        FROM home.attributes_latest(TIMESTAMP '2026-10-20')
        WHERE STARTS_WITH(entity_id, 'sensor.') ORDER BY entity_id, attribute""",
        """
        sensor.odd | 10-28 05:00:00 | number | number | 3 | 3
        sensor.warmth | 10-29 00:30:00 | n | number | 2 | 2
        """,
    ),
    "entity_exports": (
        """SELECT entity_id, row_count, newest, exported, seconds_late
        FROM home.entity_exports(TIMESTAMP '2026-10-20')
        WHERE entity_id IN ('sensor.gone', 'sensor.warmth') ORDER BY entity_id""",
        """
        sensor.gone | 2 | 10-28 03:00:00 | 10-29 23:00:00 | 158400
        sensor.warmth | 7 | 10-29 00:30:00 | 10-29 23:00:00 | 81000
        """,
    ),
    "devices_latest": (
        """SELECT device_id, device_name, manufacturer, areas, integrations, entities, disabled,
          sw_version, connections
        FROM home.devices_latest ORDER BY device_id""",
        """
        hub | The hub | M | Attic, Hall | zha | 4 | 1 | 2 | -
        lonely | Lonely | - | Attic | met, zha | 0 | 0 | - | bluetooth, mac
        named | Named | - | - | - | 1 | 0 | - | -
        parent | - | - | - | - | 1 | 0 | - | -
        spare | Spare | - | - | - | 2 | 0 | - | -
        """,
    ),
    "areas_latest": (
        """SELECT area_id, area_name, floor_name, devices, entities, disabled
        FROM home.areas_latest ORDER BY area_id""",
        """
        attic | Attic | - | 1 | 1 | 0
        hall | Hall | Ground | 1 | 3 | 0
        """,
    ),
    "data_quality": (
        """SELECT day, row_count, available_percent, numeric_percent, longest_gap,
          median_interval, late, repeated, attributes_only
        FROM home.data_quality(DAY) WHERE entity_id = 'sensor.warmth' ORDER BY day""",
        """
        2026-10-28 | 4 | 75 | 75 | 1800 | 1800 | 4 | 1 | 1
        2026-10-29 | 1 | 100 | 100 | - | - | 0 | 0 | 0
        """,
    ),
    "hourly_summary": (
        """SELECT hour, unit_of_measurement, row_count, numbers, mean, min, max, changes
        FROM home.hourly_summary(DAY) WHERE entity_id = 'sensor.warmth' ORDER BY hour""",
        """
        10-28 00:00:00 | °C | 1 | 1 | 19 | 19 | 19 | 1
        10-28 01:00:00 | °C | 3 | 2 | 20 | 20 | 20 | 2
        10-28 23:00:00 | °C | 1 | 1 | 22 | 22 | 22 | 1
        """,
    ),
    "states_by_hour": (
        """SELECT hour, unit_of_measurement, changes, available, numbers, mean, min, max
        FROM home.states_by_hour WHERE entity_id = 'sensor.warmth' ORDER BY hour""",
        """
        10-27 22:00:00 | °C | 1 | 1 | 1 | 18 | 18 | 18
        10-28 00:00:00 | °C | 1 | 1 | 1 | 19 | 19 | 19
        10-28 01:00:00 | °C | 2 | 1 | 1 | 20 | 20 | 20
        10-28 23:00:00 | °C | 1 | 1 | 1 | 22 | 22 | 22
        """,
    ),
    "activity_by_hour": (
        """SELECT area_name, hour, active_devices, changes, last_activity
        FROM home.activity_by_hour WHERE DATE(hour) = '2026-10-28' ORDER BY area_name, hour""",
        """
        Attic | 10-28 08:00:00 | 1 | 1 | 10-28 08:00:00
        Attic | 10-28 09:00:00 | 1 | 1 | 10-28 09:00:03
        Hall | 10-28 06:00:00 | 2 | 3 | 10-28 06:30:00
        Hall | 10-28 09:00:00 | 1 | 1 | 10-28 09:00:01
        """,
    ),
    "state_features": (
        """SELECT moment, value, previous, difference, seconds_since_change,
          ROUND(hour_sine, 3) AS hs, ROUND(hour_cosine, 3) AS hc,
          ROUND(weekday_sine, 3) AS ws, ROUND(weekday_cosine, 3) AS wc
        FROM home.state_features(
          TIMESTAMP '2026-10-28 00:20:00+00', TIMESTAMP '2026-10-28 02:20:00+00', 1200)
        ORDER BY moment, entity_id DESC""",
        # An hour later by the home's clock; Wednesday is day 2 of 7.
        """
        10-28 00:40:00 | 19 | - | - | 600 | 0.423 | 0.906 | 0.975 | -0.223
        10-28 01:00:00 | - | 19 | - | 0 | 0.5 | 0.866 | 0.975 | -0.223
        10-28 01:20:00 | 20 | - | - | 600 | 0.574 | 0.819 | 0.975 | -0.223
        10-28 01:40:00 | 20 | 20 | 0 | 1800 | 0.643 | 0.766 | 0.975 | -0.223
        10-28 02:00:00 | 20 | 20 | 0 | 3000 | 0.707 | 0.707 | 0.975 | -0.223
        10-28 02:00:00 | 1 | - | - | 0 | 0.707 | 0.707 | 0.975 | -0.223
        """,
    ),
    "room_occupancy": (
        """SELECT area_name, hour, active_devices, changes, last_activity
        FROM home.room_occupancy(DAY) ORDER BY area_name, hour""",
        """
        Attic | 2026-10-28T09:00:00 | 1 | 1 | 10-28 08:00:00
        Attic | 2026-10-28T10:00:00 | 1 | 1 | 10-28 09:00:03
        Hall | 2026-10-28T07:00:00 | 2 | 3 | 10-28 06:30:00
        Hall | 2026-10-28T10:00:00 | 1 | 1 | 10-28 09:00:01
        """,
    ),
    "unused_entities": (
        """SELECT entity_id, device_name, area_name, last_written
        FROM home.unused_entities(TIMESTAMP '2026-10-01') ORDER BY entity_id""",
        """
        button.named | Named | - | -
        button.parent | - | - | -
        sensor.a | Hub | Attic | -
        sensor.alone | - | Hall | -
        sensor.c | Hub | Hall | -
        sensor.spare | Spare | - | 11-03 01:00:00
        """,
    ),
    "unused_devices": (
        """SELECT device_id, device_name, model, areas, entities, last_written
        FROM home.unused_devices(TIMESTAMP '2026-10-01') ORDER BY device_id""",
        "spare | Spare | S | - | 2 | 11-03 02:00:00",
    ),
    "usage_patterns": (
        """SELECT entity_id, season, day_of_week, hour_of_day, changes, share, is_peak
        FROM home.usage_patterns(DAY) WHERE entity_id = 'light.hall' ORDER BY hour_of_day""",
        """
        light.hall | autumn | 3 | 7 | 2 | 66.7 | true
        light.hall | autumn | 3 | 10 | 1 | 33.3 | false
        """,
    ),
    "automation_runs": (
        """SELECT entity_id, time_fired, `trigger`, user_id, effects, last_effect, last_state,
          seconds
        FROM home.automation_runs(DAY) ORDER BY time_fired""",
        """
        automation.a | 10-28 09:00:00 | time | anna | 2 | switch.attic | on | 3
        automation.b | 10-28 10:00:00 | - | - | 0 | - | - | -
        """,
    ),
    "completeness": (
        "SELECT date, recorded_percent, starts, crashes FROM home.completeness ORDER BY date",
        """
        2026-10-26 | 50 | 1 | 0
        2026-10-27 | 0 | 0 | 0
        2026-10-28 | 25 | 2 | 1
        2026-10-29 | 0 | 0 | 0
        """,
    ),
    "rejections": (
        """SELECT day, table_name, reason, row_count, exports, first_time, last_time
        FROM home.rejections WHERE table_name = 'events' ORDER BY day, reason""",
        # At half past midnight by the home's clock it is still the day before.
        """
        2026-11-15 | events | bad … | 9 | 2 | 11-15 03:00:00 | 11-15 23:30:00
        2026-11-15 | events | no. 1 | 1 | 1 | 11-15 03:00:00 | 11-15 03:00:00
        2026-11-17 | events | - | 7 | 1 | 11-17 03:00:00 | 11-17 03:00:00
        """,
    ),
    "export_settings": (
        """SELECT valid_from, valid_to, export_id, integration_version, changed, columns,
          hidden_entities, hash_users
        FROM home.export_settings ORDER BY valid_from""",
        """
        10-28 03:00:00 | 10-30 03:00:00 | one | 1.2 | - | ambient, time | - | false
        10-30 03:00:00 | 10-31 03:00:00 | three | 1.2 | columns, hash_users, hidden_entities \
        | time | person.hidden_12 | true
        10-31 03:00:00 | - | four | 1.3 | integration_version, columns, hash_users, \
        hidden_entities | ambient, time | - | false
        """,
    ),
    "export_settings: what an export is made of": (
        """SELECT tables, events, context_entities, include, exclude, dropped_attributes,
          coordinates, delivery
        FROM home.export_settings WHERE export_id = 'one'""",
        """
        sensor_data, statistics | - | [{"entity_id":"sensor.price","name":"price"}] | {} \
        | {"domains":["sun"]} | token | keep | storage_write
        """,
    ),
    "export_rules": (
        """SELECT export_id, `trigger`, finished, row_count, rejected, sent_to,
          integration_version, columns, delivery
        FROM home.export_rules WHERE NOT STARTS_WITH(export_id, 'r') ORDER BY finished""",
        """
        old | schedule | 10-27 03:00:00 | 10 | 0 | sensor_data | 1.2 | - | -
        one | schedule | 10-28 03:01:00 | 20 | 2 | sensor_data, statistics | 1.2 \
        | ambient, time | storage_write
        two | schedule | 10-29 03:00:00 | 10 | 0 | sensor_data | 1.2 | ambient, time \
        | storage_write
        three | schedule | 10-30 03:00:00 | 10 | 0 | sensor_data | 1.2 | time | storage_write
        four | schedule | 10-31 03:00:00 | 10 | 0 | sensor_data | 1.3 | ambient, time \
        | storage_write
        """,
    ),
    "statistics_between": (
        """SELECT statistic_id, start, sum
        FROM home.statistics_between(
          TIMESTAMP '2026-10-28 06:00:00+00', TIMESTAMP '2026-10-28 23:00:00+00'
        )
        WHERE statistic_id = 'sensor.bought' ORDER BY start""",
        """
        sensor.bought | 10-28 06:00:00 | 6000
        sensor.bought | 10-28 07:00:00 | 6500
        """,
    ),
    "daily_statistics_between": (
        """SELECT statistic_id, start, `end`, date, sum, change
        FROM home.daily_statistics_between(
          TIMESTAMP '2026-10-24 22:00:00+00', TIMESTAMP '2026-10-27 22:00:00+00'
        )
        WHERE statistic_id != 'sensor.daily' ORDER BY start""",
        """
        sensor.water_meter | 10-24 22:00:00 | 10-25 23:00:00 | 2026-10-25 | 5 | 5
        sensor.water_meter | 10-26 23:00:00 | 10-27 23:00:00 | 2026-10-27 | 9 | 4
        """,
    ),
    "daily_statistics_latest": (
        """SELECT statistic_id, date, sum, change FROM home.daily_statistics_latest
        WHERE statistic_id != 'sensor.daily' ORDER BY statistic_id, date""",
        """
        sensor.water_meter | 2026-10-25 | 5 | 5
        sensor.water_meter | 2026-10-27 | 9 | 4
        sensor.water_meter | 2026-10-28 | 10 | 1
        """,
    ),
    "daily_energy": (
        """SELECT day, flow, statistic_id, amount, unit, mean_power, peak_power, cost, currency
        FROM home.daily_energy(
          TIMESTAMP '2026-10-27 23:00:00+00', TIMESTAMP '2026-10-28 23:00:00+00'
        )
        ORDER BY statistic_id""",
        """
        2026-10-28 | grid_import | sensor.bought | 5.5 | kWh | 0.6111111111111112 | 1 | 0.5 | EUR
        2026-10-28 | gas | utility:gas | 2 | m³ | - | - | - | -
        """,
    ),
    "daily_energy: costs by the price, and carbon dioxide": (
        """SELECT day, statistic_id, amount, unit, cost, currency, co2_grams
        FROM home.daily_energy(
          TIMESTAMP '2026-11-03 23:00:00+00', TIMESTAMP '2026-11-04 23:00:00+00'
        )
        WHERE flow = 'grid_import' OR statistic_id = 'sensor.hob' ORDER BY statistic_id""",
        # There is no carbon intensity of the fourth hour.
        """
        2026-11-04 | sensor.hob | 2.25 | kWh | - | - | -
        2026-11-04 | sensor.import | 4 | kWh | 1.125 | EUR | 500
        2026-11-04 | utility:village | 3 | kWh | 0.5 | EUR | 1100
        """,
    ),
    "energy_cost": (
        """SELECT statistic_id, start, day, hour_of_day, amount, price, cost, currency
        FROM home.energy_cost(
          TIMESTAMP '2026-11-03 23:00:00+00', TIMESTAMP '2026-11-04 23:00:00+00'
        )
        ORDER BY statistic_id, start""",
        # What the dashboard's own statistic says of the second hour is less than by the mean price.
        """
        sensor.import | 11-03 23:00:00 | 2026-11-04 | 0 | 1 | 0.25 | 0.25 | EUR
        sensor.import | 11-04 00:00:00 | 2026-11-04 | 1 | 2 | 0.5 | 0.75 | EUR
        sensor.import | 11-04 01:00:00 | 2026-11-04 | 2 | 0 | 0.125 | 0 | EUR
        sensor.import | 11-04 02:00:00 | 2026-11-04 | 3 | 1 | 0.125 | 0.125 | EUR
        utility:village | 11-03 23:00:00 | 2026-11-04 | 0 | 1 | 0.25 | 0.25 | EUR
        utility:village | 11-04 00:00:00 | 2026-11-04 | 1 | 0 | 0.5 | 0 | EUR
        utility:village | 11-04 01:00:00 | 2026-11-04 | 2 | 2 | 0.125 | 0.25 | EUR
        """,
    ),
    "energy_cost: without a price": (
        """SELECT statistic_id, flow, start, amount, unit, price, cost
        FROM home.energy_cost(
          TIMESTAMP '2026-10-27 23:00:00+00', TIMESTAMP '2026-10-28 23:00:00+00'
        )""",
        "sensor.bought | grid_import | 10-28 07:00:00 | 0.5 | kWh | 1 | 0.5",
    ),
    "energy_savings": (
        """SELECT day, statistic_id, amount, cost, lowest_price, lowest_hour, highest_price,
          highest_hour, savings, currency
        FROM home.energy_savings(
          TIMESTAMP '2026-11-03 23:00:00+00', TIMESTAMP '2026-11-04 23:00:00+00'
        )
        ORDER BY statistic_id""",
        """
        2026-11-04 | sensor.import | 4 | 1.125 | 0.125 | 2 | 0.5 | 1 | 0.75 | EUR
        2026-11-04 | utility:village | 3 | 0.5 | 0.125 | 2 | 0.5 | 1 | 0 | EUR
        """,
    ),
    "consumers": (
        """SELECT statistic_id, name, included_in, amount, share, mean_power, peak_power
        FROM home.consumers(
          TIMESTAMP '2026-11-03 23:00:00+00', TIMESTAMP '2026-11-04 23:00:00+00'
        )
        ORDER BY statistic_id""",
        """
        sensor.fan_energy | sensor.fan_energy | - | 1.25 | 25 | 1250 | 1250
        sensor.hob | sensor.hob | sensor.oven | 2.25 | 45 | 1125 | 2000
        sensor.oven | sensor.oven | - | 3.75 | 75 | 750 | 2500
        """,
    ),
    "standby_power": (
        """SELECT statistic_id, hours, hours_off, standby_power, kwh_a_year
        FROM home.standby_power(TIMESTAMP '2026-11-04 23:00:00', TIMESTAMP '2026-11-05 23:00:00')
        ORDER BY statistic_id""",
        # 8,766 hours a year, of which the television is off in one of twelve.
        """
        sensor.pump_power | 1 | 0 | 3 | 26.3
        sensor.tv_power | 12 | 1 | 2 | 16.1
        """,
    ),
    "unusual_hours": (
        """SELECT statistic_id, start, local_time, value, usual, ROUND(deviation, 4) AS deviation
        FROM home.unusual_hours(TIMESTAMP '2026-11-04', TIMESTAMP '2026-11-05')
        ORDER BY statistic_id""",
        """
        sensor.cellar | 11-04 03:00:00 | 2026-11-04T04:00:00 | 15 | 11 | 1.1547
        sensor.water | 11-04 03:00:00 | 2026-11-04T04:00:00 | 5 | 0 | 0
        """,
    ),
    "failure_cascades": (
        """SELECT began, seconds, first_entity, first_device, entities, devices, integrations,
          dependents, dependent_ids, entity_ids
        FROM home.failure_cascades(TIMESTAMP '2026-11-06', TIMESTAMP '2026-11-07')
        ORDER BY began""",
        """
        11-06 05:00:30 | 60.5 | light.desk | Desk | 3 | 2 | 2 | 1 | automation.desk \
        | light.all, light.desk, light.shelf
        11-06 06:00:00 | 2 | switch.pump | Pump | 2 | 1 | 1 | 0 | - | sensor.pump, switch.pump
        """,
    ),
    "habits": (
        """SELECT trigger_entity, trigger_state, entity_id, state, support, confidence, seconds
        FROM home.habits(TIMESTAMP '2026-11-08', TIMESTAMP '2026-11-13')
        ORDER BY trigger_entity, entity_id""",
        """
        binary_sensor.desk | on | light.group | on | 3 | 75 | 159
        binary_sensor.desk | on | light.hallway | on | 3 | 75 | 160
        binary_sensor.desk | on | light.reading | on | 3 | 75 | 160
        binary_sensor.door | on | light.group | on | 3 | 75 | 159
        """,
    ),
    "integration_outages": (
        """SELECT entry_id, name, began, ended, seconds, states, reason, reason_key, entities
        FROM home.integration_outages(DAY) ORDER BY entry_id, began""",
        """
        hub | Philips Hue | 10-28 02:00:00 | 10-28 04:00:00 | 7200 | setup_error, setup_retry \
        | timeout | t | 12
        stick | Zigbee | 10-19 22:00:00 | 10-28 05:00:00 | 716400 | setup_error | - | - | 3
        stick | Zigbee | 10-28 07:00:00 | 10-28 08:00:00 | 3600 | not_loaded | - | - | 3
        weather | Met.no | 10-28 22:00:00 | - | - | setup_retry | still | - | 1
        """,
    ),
    "shared_targets": (
        "SELECT entity_id, name, automations, automation_ids FROM home.shared_targets",
        "light.porch | light.porch | 2 | automation.dusk, script.leave",
    ),
}
"""For each function a query, and its answer by hand."""


@pytest.mark.parametrize("name", CASES)
def test_answers(golden: Warehouse, socket_enabled: None, name: str) -> None:
    """The answer is what was worked out by hand."""
    query, answer = CASES[name]
    expected = [" ".join(line.split()) for line in answer.strip().splitlines()]
    assert ask(golden, query).splitlines() == expected


def test_habit_as_automation(golden: Warehouse, socket_enabled: None) -> None:
    """Home Assistant takes a habit as an automation."""
    text = ask(
        golden,
        "SELECT automation FROM home.habits(TIMESTAMP '2026-11-08', TIMESTAMP '2026-11-13')"
        " WHERE trigger_entity = 'binary_sensor.desk' AND entity_id = 'light.reading'",
    )
    config = PLATFORM_SCHEMA(parse_yaml(text))
    (trigger,), (action,) = config["triggers"], config["actions"]
    assert trigger == {"platform": "state", "entity_id": "binary_sensor.desk", "to": "on"}
    assert action["action"] == "light.turn_on"
    assert action["target"] == {"entity_id": ["light.reading"]}
    assert config["alias"] == "light.reading on after binary_sensor.desk"


WHY = {
    ("light.lamp", "2026-11-01 19:30"): (
        "person > input_boolean.movie > automation.movie > script.outer > script.inner"
        " > light.lamp",
        "light.lamp became on: a person, then input_boolean.movie became on, then"
        " automation.movie ran, then script.outer ran, then script.inner ran",
    ),
    ("light.stairs", "2026-11-01 20:30"): (
        "binary_sensor.motion > binary_sensor.group > automation.stairs > light.stairs",
        "light.stairs became on: binary_sensor.motion became on, then binary_sensor.group became"
        " on, then automation.stairs ran",
    ),
    ("light.lamp", "2026-11-01 21:30"): ("light.lamp", "light.lamp became off by itself"),
    ("light.lamp", "2026-11-01 22:30"): ("person > light.lamp", "light.lamp became on: a person"),
    ("light.end", "2026-11-02 06:00"): (
        "switch.plug > automation.first > input_boolean.second > automation.second > light.end",
        "light.end became on: switch.plug became on, then automation.first ran, then"
        " input_boolean.second became on, then automation.second ran",
    ),
}


@pytest.mark.parametrize(("entity", "moment"), WHY)
def test_why(golden: Warehouse, socket_enabled: None, entity: str, moment: str) -> None:
    """The path has all that the contexts link, in order, and nothing that came after."""
    answer = ask(
        golden,
        f"SELECT path, sentence FROM home.why('{entity}', TIMESTAMP '{moment}:00+00')",  # noqa: S608
    )
    assert answer == " | ".join(WHY[entity, moment])


def test_why_says_who(golden: Warehouse, socket_enabled: None) -> None:
    """The person is a user of Home Assistant, and an entity that did nothing has no answer."""
    moment = "TIMESTAMP '2026-11-01 22:30:00+00'"
    who = f"SELECT user_id, since, state FROM home.why('light.lamp', {moment})"  # noqa: S608
    assert ask(golden, who) == "bert | 11-01 22:00:00 | on"
    assert ask(golden, who.replace("light.lamp", "light.missing")) == ""


def test_all_have_a_case() -> None:
    """Each function, and each view that another test does not compare, is compared here."""
    compared = {name.partition(":")[0] for name in CASES} | {"why"}
    assert {view.name for view in VIEWS if view.kind is Kind.TABLE_FUNCTION} <= compared
    assert {view.name for view in MATERIALIZED_VIEWS} <= compared
