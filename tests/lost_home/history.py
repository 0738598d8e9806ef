"""Years of statistics, written into the recorder's database while Home Assistant rests."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import batched
import time

from homeassistant.components.recorder.db_schema import Statistics, StatisticsMeta
from sqlalchemy import create_engine, insert
from sqlalchemy.pool import NullPool

from tests.bigquery_export.support.lost_home import KINDS, Kind, hours, numbered
from tests.bigquery_export.support.statistics_rows import HOUR

_LAST_HOURS = 6
"""Hours before now of which the first database has nothing: the next one begins then."""
_FRESH = (2, 3)
"""Hours of those that the next database has."""
_ROWS = 20_000


def kinds(number: int) -> list[Kind]:
    """Return as many statistics, of all kinds in turn."""
    found = []
    for index in range(number):
        kind = KINDS[index % len(KINDS)]
        found.append(replace(kind, statistic_id=f"{kind.statistic_id}_{index}"))
    return found


def begin(count: int) -> float:
    """Return when so many hours begin, of which the last ones have just passed."""
    return time.time() // HOUR * HOUR - (count + _LAST_HOURS) * HOUR


def write(url: str, statistics: Sequence[Kind], count: int) -> None:
    """Write so many hours of each statistic."""
    engine = create_engine(url, poolclass=NullPool)
    first = begin(count)
    with engine.begin() as connection:
        connection.execute(
            insert(StatisticsMeta),
            [numbered(number, kind) for number, kind in enumerate(statistics, start=1)],
        )

        def rows() -> Iterator[dict[str, object]]:
            # As the recorder does it: hour by hour.
            for hour in range(count):
                for number, kind in enumerate(statistics, start=1):
                    yield from hours(number, kind, (hour,), begin=first)

        for some in batched(rows(), _ROWS, strict=False):
            connection.execute(insert(Statistics), list(some))
    engine.dispose()


def write_fresh(url: str, statistics: Sequence[Kind], count: int) -> None:
    """Write some hours into the next database, in which all sums begin at 0."""
    first = begin(count)
    fresh = [count + hour for hour in _FRESH]
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        for number, kind in enumerate(statistics, start=1):
            if ":" in kind.statistic_id:
                continue
            factor = 0.001 if kind.unit_after else 1.0
            rows = hours(number, kind, fresh, since=fresh[0], factor=factor, begin=first)
            connection.execute(insert(StatisticsMeta), [numbered(number, kind, lost=True)])
            connection.execute(insert(Statistics), rows)
    engine.dispose()
