"""An on-disk recorder database of a made-up home, as Home Assistant leaves it when it stops."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
import sqlite3
import time

from homeassistant.components.recorder.db_schema import SCHEMA_VERSION, Base
from sqlalchemy import create_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from .entities import make_entities
from .recorder_events import EVENT_DATA_COLUMNS, EVENT_TYPES_COLUMNS, EVENTS_COLUMNS, EventsMaker
from .recorder_states import (
    STATE_ATTRIBUTES_COLUMNS,
    STATES_COLUMNS,
    STATES_META_COLUMNS,
    Row,
    Sets,
    StatesMaker,
)
from .recorder_statistics import (
    FIVE_MINUTES,
    HOUR,
    STATISTICS_COLUMNS,
    STATISTICS_META_COLUMNS,
    make_statistics,
    statistics_rows,
)
from .states import DAY

RUN_DAYS = 3
RESTART_SECONDS = 20.0


def make(
    path: Path,
    *,
    states: int = 100_000,
    events: int | None = None,
    entities: int = 120,
    variety: int = 1,
    sets: Sets = Sets.IN_TURN,
    days: float = 10,
    statistics_days: float = 30,
    short_term_days: float | None = None,
    seed: int = 1,
    end: float | None = None,
) -> None:
    """Make a recorder database at `path`, which must not exist.

    It holds `states` rows of `days` days until `end` (epoch seconds; now if not given), an event
    for every twenty states unless `events` says otherwise, five-minute statistics of the same
    days unless `short_term_days` says otherwise, and hourly ones of `statistics_days`. `variety` is
    how many times as many different attributes there are, `sets` which of them states have. All but
    the times depends on `seed` alone.
    """
    if end is None:
        end = time.time()
    start = end - days * DAY
    short_term = start if short_term_days is None else end - short_term_days * DAY
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    home = make_entities(entities, variety)
    states_maker = StatesMaker(home, random, sets)
    events_maker = EventsMaker(random)
    kept = make_statistics(home)

    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # A file that is made anew in seconds needs no protection against power cuts.
        database.execute("PRAGMA synchronous=OFF")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("BEGIN")
        tables, indices = _schema()
        for statement in tables:
            database.execute(statement)

        def insert(table: str, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
            names = ", ".join(f'"{column}"' for column in columns)
            values = ", ".join("?" * len(columns))
            database.executemany(f"INSERT INTO {table} ({names}) VALUES ({values})", rows)  # noqa: S608

        insert("states_meta", STATES_META_COLUMNS, states_maker.meta_rows())
        insert("states", STATES_COLUMNS, states_maker.rows(states, start, end))
        insert("state_attributes", STATE_ATTRIBUTES_COLUMNS, states_maker.attributes_rows())
        insert("event_types", EVENT_TYPES_COLUMNS, events_maker.types_rows())
        insert("event_data", EVENT_DATA_COLUMNS, events_maker.data_rows())
        number_of_events = states // 20 if events is None else events
        insert("events", EVENTS_COLUMNS, events_maker.rows(number_of_events, start, end))
        insert(
            "statistics_meta",
            STATISTICS_META_COLUMNS,
            (statistic.meta_row(metadata_id) for metadata_id, statistic in enumerate(kept, 1)),
        )
        insert(
            "statistics",
            STATISTICS_COLUMNS,
            statistics_rows(kept, HOUR, end - statistics_days * DAY, end, random),
        )
        insert(
            "statistics_short_term",
            STATISTICS_COLUMNS,
            statistics_rows(kept[:-1], FIVE_MINUTES, short_term, end, random),
        )
        insert("statistics_runs", ("start",), _statistics_runs(start, end))
        insert("recorder_runs", ("start", "end", "closed_incorrect", "created"), _runs(start, end))
        insert("schema_changes", ("schema_version", "changed"), [(SCHEMA_VERSION, _text(start))])

        # Made after the rows, indices cost a third of the time.
        for statement in indices:
            database.execute(statement)
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _schema() -> tuple[list[str], list[str]]:
    """Return the statements that create Home Assistant's own tables, and their indices."""
    dialect = create_engine("sqlite://").dialect
    tables = Base.metadata.sorted_tables
    return (
        [str(CreateTable(table).compile(dialect=dialect)) for table in tables],
        [
            str(CreateIndex(index).compile(dialect=dialect))
            for table in tables
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ],
    )


def _text(timestamp: float) -> str:
    """Return a time as SQLAlchemy stores it in SQLite."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _statistics_runs(start: float, end: float) -> Iterator[Row]:
    """Yield every whole five minutes: what is missing here, Home Assistant compiles at start."""
    for period in range(int(start // FIVE_MINUTES) + 1, int(end // FIVE_MINUTES)):
        yield (_text(period * FIVE_MINUTES),)


def _runs(start: float, end: float) -> Iterator[Row]:
    """Yield the runs of Home Assistant; the first ended with a power cut."""
    begun = start
    while begun < end:
        ended = min(end, begun + RUN_DAYS * DAY)
        # Less than a restart is left: Home Assistant ran on.
        if end - ended < RESTART_SECONDS:
            ended = end
        yield _text(begun), _text(ended), begun == start and ended < end, _text(begun)
        begun = ended + RESTART_SECONDS
