"""What a person would ask the exported history, in BigQuery's SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import combining, east_asian_width


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the SQL that answers it; `{dataset}` stands for the dataset."""

    title: str
    sql: str


QUESTIONS = (
    Question(
        "Rows by domain",
        """
        SELECT domain, COUNT(*) AS row_count, COUNT(DISTINCT entity_id) AS entities
        FROM `{dataset}.sensor_data` GROUP BY domain ORDER BY row_count DESC, domain
        """,
    ),
    Question(
        "How warm the kitchen was today, by the clock on its wall",
        """
        SELECT hour_of_day AS hour, ROUND(AVG(state_numeric), 2) AS mean,
          MIN(state_numeric) AS lowest, MAX(state_numeric) AS highest, unit_of_measurement AS unit
        FROM `{dataset}.sensor_data`
        WHERE entity_id = 'sensor.kitchen_temperature' AND state_numeric IS NOT NULL
          AND DATE(local_time) = (SELECT MAX(DATE(local_time)) FROM `{dataset}.sensor_data`)
        GROUP BY hour_of_day, unit_of_measurement ORDER BY hour_of_day
        """,
    ),
    Question(
        "The most active entities",
        """
        SELECT entity_id, MAX(friendly_name) AS name, COUNT(*) AS row_count,
          COUNTIF(state_changed) AS state_changes
        FROM `{dataset}.sensor_data` GROUP BY entity_id ORDER BY row_count DESC, entity_id LIMIT 5
        """,
    ),
    Question(
        "How warm the rooms are, by floor, by day and night, and by the weather at that moment",
        """
        SELECT floor_name AS floor, area_name AS area, IF(is_daylight, 'day', 'night') AS sun,
          JSON_VALUE(ambient, '$.weather') AS weather, ROUND(AVG(state_numeric), 2) AS mean,
          COUNT(*) AS row_count
        FROM `{dataset}.sensor_data`
        WHERE area_name IS NOT NULL AND state_numeric IS NOT NULL
          AND JSON_VALUE(ambient, '$.weather') IS NOT NULL
        GROUP BY floor, area, sun, weather ORDER BY floor, area, sun, row_count DESC LIMIT 10
        """,
    ),
    Question(
        "Unavailable in the last 24 hours",
        """
        WITH spans AS (
          SELECT entity_id, is_available, last_updated, COALESCE(
            LEAD(last_updated) OVER (PARTITION BY entity_id ORDER BY last_updated),
            CURRENT_TIMESTAMP()) AS until
          FROM `{dataset}.sensor_data`
        )
        SELECT entity_id, COUNT(*) AS times,
          ROUND(SUM(TIMESTAMP_DIFF(until, last_updated, SECOND)) / 60, 1) AS minutes,
          ROUND(SUM(TIMESTAMP_DIFF(until, last_updated, SECOND)) / 864, 1) AS percent_of_day
        FROM spans
        WHERE NOT is_available
          AND last_updated > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 24 HOUR)
        GROUP BY entity_id ORDER BY minutes DESC, entity_id LIMIT 5
        """,
    ),
    Question(
        "Energy by day, from the statistics",
        """
        WITH meters AS (
          SELECT statistic_id, DATE(local_time) AS day, unit_of_measurement AS unit,
            MAX(sum) - MIN(sum) AS used
          FROM `{dataset}.statistics`
          WHERE unit_class = 'energy'
          GROUP BY statistic_id, day, unit
        )
        SELECT day, COUNT(*) AS meters, ROUND(SUM(used), 1) AS used, unit,
          MAX_BY(statistic_id, used) AS most_by
        FROM meters GROUP BY day, unit ORDER BY day DESC LIMIT 7
        """,
    ),
    Question(
        "The automations that were triggered most, and by what",
        """
        WITH triggered AS (
          SELECT entity_id, JSON_VALUE(event_data, '$.source') AS source, time_of_day, local_time
          FROM `{dataset}.events` WHERE event_type = 'automation_triggered'
        )
        SELECT entity_id, source, COUNT(*) AS times, COUNTIF(time_of_day = 'night') AS at_night,
          MAX(local_time) AS last
        FROM triggered GROUP BY entity_id, source ORDER BY times DESC, entity_id, source LIMIT 5
        """,
    ),
)


def table_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return rows as lines of text in columns; numbers are aligned to the right."""
    if not rows:
        return ["(no rows)"]
    columns = list(rows[0])
    cells = [columns, *([_text(row[name]) for name in columns] for row in rows)]
    widths = [max(_width(line[i]) for line in cells) for i in range(len(columns))]
    numeric = [all(_is_number(line[i]) for line in cells[1:]) for i in range(len(columns))]
    lines = [
        "  ".join(map(_aligned, line, widths, numeric, strict=True)).rstrip() for line in cells
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _aligned(text: str, width: int, right: bool) -> str:
    padding = " " * (width - _width(text))
    return padding + text if right else text + padding


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1
        for character in text
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
