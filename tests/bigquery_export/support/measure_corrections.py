"""Measure what a check of statistics for corrections costs.

    .venv/bin/python -m tests.bigquery_export.support.measure_corrections [rows]

It fills an SQLite database of its own with statistics, and says how much CPU time it takes to add
them up, as the nightly check does where nothing has changed, or by statistic and day, as it does
where something has, and to read them all, as it does every four weeks.
"""

from collections.abc import Callable
from pathlib import Path
import sys
from tempfile import TemporaryDirectory
from time import process_time
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from homeassistant.components.recorder.db_schema import Base, Statistics, StatisticsMeta
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

from custom_components.bigquery_export.export.corrections.digests import Digests, Periods, month
from custom_components.bigquery_export.source import connections, statistics
from custom_components.bigquery_export.source.statistics_spans import StatisticsSpans
from custom_components.bigquery_export.source.statistics_sums import SUMMED_IDS, StatisticsSums

STATISTICS = 24
"""With five years of them, about a million rows."""
TURNS = 3
HOUR = 3_600.0
START = 1_600_000_000.0 // HOUR * HOUR


def fill(session: Session, rows: int) -> None:
    """Write statistics as the recorder does, hour by hour: a third of them are meters."""
    session.execute(
        insert(StatisticsMeta),
        [
            {
                "id": number,
                "statistic_id": f"sensor.statistic_{number}",
                "source": "recorder",
                "unit_of_measurement": "kWh",
                "unit_class": "energy",
                "has_sum": True,
                "mean_type": 1,
            }
            for number in range(1, STATISTICS + 1)
        ],
    )

    def row(number: int) -> dict[str, Any]:
        hour, statistic = divmod(number, STATISTICS)
        start = START + hour * HOUR
        meter = statistic % 3 == 0
        value = 21.456789 + number / 7
        return {
            "metadata_id": statistic + 1,
            "start_ts": start,
            "created_ts": start + HOUR + 10.123456,
            "mean": None if meter else value,
            "min": None if meter else value - 1,
            "max": None if meter else value + 1,
            "state": value if meter else None,
            "sum": value + 1_000 if meter else None,
        }

    for first in range(0, rows, 10_000):
        session.execute(
            insert(Statistics), [row(number) for number in range(first, min(rows, first + 10_000))]
        )
    session.commit()


def timed(work: Callable[[], None]) -> float:
    """Return how many seconds of CPU time something takes, of all threads together."""
    began = process_time()
    work()
    return process_time() - began


def added(add: Callable[[int, int], object], rows: int) -> None:
    """Add up all rows."""
    for after in range(0, rows, SUMMED_IDS):
        add(after, min(after + SUMMED_IDS, rows))


def read(spans: StatisticsSpans, rows: int) -> None:
    """Read all rows, and make their digests."""
    digests = Digests(Periods(month))
    after = 0
    while piece := spans.read(after, rows):
        digests.add(piece)
        after = piece.last.id
    found = sum(digest.rows for of in digests.by_statistic.values() for digest in of.values())
    assert found == rows


def main(rows: int) -> None:
    """Fill, read and measure."""
    with TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'recorder.db'}")
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            fill(session, rows)

        hass: Any = SimpleNamespace()
        spans = StatisticsSpans(hass, statistics.STATISTICS)
        sums = StatisticsSums(hass, statistics.STATISTICS)
        with patch.object(connections, "get_instance", lambda _: SimpleNamespace(engine=engine)):
            for turn in range(TURNS):
                took = {
                    "added up": timed(lambda: added(sums.total, rows)),
                    "added up by day": timed(lambda: added(sums.by_day, rows)),
                    "read": timed(lambda: read(spans, rows)),
                }
                each = ", ".join(f"{what} {1e6 * took / rows:.2f}" for what, took in took.items())
                print(f"turn {turn + 1}, in microseconds of CPU time for each row: {each}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
