"""Measure what a check of statistics for corrections costs.

    .venv/bin/python -m tests.bigquery_export.support.measure_corrections [rows]

It fills an SQLite database of its own with statistics, reads them as the nightly check does, and
says how much CPU time each part took, of all threads together.
"""

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
from custom_components.bigquery_export.source import reader, statistics
from custom_components.bigquery_export.source.statistics_spans import StatisticsSpans

STATISTICS = 24
"""With five years of them, about a million rows."""
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


def main(rows: int) -> None:
    """Fill, read and measure."""
    with TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{Path(folder) / 'recorder.db'}")
        Base.metadata.create_all(engine)
        with Session(engine) as session:
            fill(session, rows)

        def scope(**_: Any) -> Session:
            return Session(engine)

        spans = StatisticsSpans(SimpleNamespace(), statistics.STATISTICS)  # type: ignore[arg-type]
        digests = Digests(Periods(month))
        reading = hashing = 0.0
        after = 0
        with (
            patch.object(reader, "session_scope", scope),
            patch.object(statistics, "session_scope", scope),
        ):
            while True:
                began = process_time()
                piece = spans.read(after, rows)
                reading += process_time() - began
                if piece is None:
                    break
                began = process_time()
                digests.add(piece)
                hashing += process_time() - began
                after = piece.last.id
        periods = sum(map(len, digests.by_statistic.values()))
        found = sum(digest.rows for of in digests.by_statistic.values() for digest in of.values())
        assert found == rows
        print(
            f"{rows} rows in {periods} periods: {reading:.2f} s of CPU time to read them,"
            f" {hashing:.2f} s for their digests, {reading + hashing:.2f} s together"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
