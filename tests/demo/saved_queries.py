"""Three questions that a home asks BigQuery, and a dashboard with the answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.home.client import Client, Json
from tests.home.integration import DOMAIN, add_saved_query
from tests.machine.patience import patient

URL = "bigquery-questions"
"""The address of the dashboard in Home Assistant."""
LIGHT = "light.living_room"
STATISTIC = f"{DOMAIN}:light_in_the_living_room"
_PATIENCE = 30.0
_HOURS_OF_LIGHT = f"""
WITH spans AS (
  SELECT
    state,
    last_updated AS since,
    LEAD(last_updated) OVER (PARTITION BY source ORDER BY last_updated) AS until
  FROM sensor_data
  WHERE last_changed >= '2020-01-01' AND entity_id = '{LIGHT}'
), hours AS (
  SELECT
    hour AS start,
    SUM(TIMESTAMP_DIFF(
      LEAST(until, TIMESTAMP_ADD(hour, INTERVAL 1 HOUR)), GREATEST(since, hour), SECOND
    )) / 3600 AS light
  FROM spans
  CROSS JOIN UNNEST(GENERATE_TIMESTAMP_ARRAY(
    TIMESTAMP_TRUNC(since, HOUR), until, INTERVAL 1 HOUR
  )) AS hour
  WHERE state = 'on' AND until > hour
  GROUP BY start
)
SELECT start, SUM(light) OVER (ORDER BY start) AS sum FROM hours
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Saved:
    """A question, and the fields of its form."""

    type: str
    fields: Mapping[str, Any]


SAVED = (
    Saved(
        "statistic",
        {
            "name": "Light in the living room",
            "query": _HOURS_OF_LIGHT,
            "unit_of_measurement": "h",
            "hours": 24,
        },
    ),
    Saved(
        "sensor",
        {
            "name": "Warmest hour in the kitchen",
            "query": (
                "SELECT MAX(max) AS warmest FROM statistics_latest"
                " WHERE statistic_id = 'sensor.kitchen_temperature'"
            ),
            "unit_of_measurement": "°C",
            "device_class": "temperature",
            "hours": 24,
        },
    ),
    Saved(
        "sensor",
        {
            "name": "Most active entity",
            "query": (
                "SELECT entity_id, COUNT(*) AS states FROM sensor_data"
                " WHERE last_changed >= '2020-01-01' AND domain != 'sensor'"
                " GROUP BY entity_id ORDER BY states DESC, entity_id LIMIT 1"
            ),
            "column": "entity_id",
            "hours": 24,
        },
    ),
)
_SENSORS = tuple(str(saved.fields["name"]) for saved in SAVED if saved.type == "sensor")


async def add_saved_queries(client: Client, entry_id: str) -> None:
    """Add all of them, as a user would; the entry is loaded again then. Raises SetupError."""
    for saved in SAVED:
        await add_saved_query(client, entry_id, saved.type, dict(saved.fields))
        async with patient(_PATIENCE):
            await client.until_loaded(DOMAIN)


async def answers(client: Client) -> dict[str, str]:
    """Return what the sensors show by their names, once all do; waits for that."""
    async with patient(_PATIENCE):
        while True:
            shown = {
                str(state["attributes"].get("friendly_name")): str(state["state"])
                for state in await client.states()
            }
            found = {name: shown.get(name, "unknown") for name in _SENSORS}
            if not {"unknown", "unavailable"} & set(found.values()):
                return found


async def light_by_day(client: Client) -> list[Json]:
    """Return the hours of light of each day, once the recorder has them; waits for that."""
    async with patient(_PATIENCE):
        while True:
            found = await client.command(
                "recorder/statistics_during_period",
                start_time="2020-01-01T00:00:00Z",
                statistic_ids=[STATISTIC],
                period="day",
                types=["change"],
            )
            if days := found.get(STATISTIC):
                listed: list[Json] = days
                return listed


async def make_questions_dashboard(client: Client) -> None:
    """Make a dashboard with the answers, beside the days that the recorder has."""
    registry: list[Json] = await client.command("config/entity_registry/list")
    tiles = [
        {"type": "tile", "entity": entity["entity_id"]}
        for entity in registry
        if entity["platform"] == DOMAIN and entity.get("config_subentry_id")
    ]
    graph = {
        "type": "statistics-graph",
        "title": "Light by day, asked of BigQuery",
        "entities": [STATISTIC],
        "chart_type": "bar",
        "period": "day",
        "stat_types": ["change"],
        "days_to_show": 14,
    }
    recent = {
        "type": "history-graph",
        "title": "The kitchen, as the recorder has it",
        "entities": ["sensor.kitchen_temperature"],
        "hours_to_show": 24,
    }
    sections = [
        {"type": "grid", "cards": [{"type": "heading", "heading": "From BigQuery"}, *tiles, graph]},
        {
            "type": "grid",
            "cards": [{"type": "heading", "heading": "From the recorder"}, recent],
        },
    ]
    await client.command(
        "lovelace/dashboards/create", url_path=URL, title="Questions", mode="storage"
    )
    view = {"type": "sections", "title": "Questions", "sections": sections}
    await client.command("lovelace/config/save", url_path=URL, config={"views": [view]})
