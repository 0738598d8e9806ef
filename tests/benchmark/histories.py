"""The databases that are measured: histories of a made-up home."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import sqlite3
from typing import Any

from homeassistant.components.recorder.db_schema import (
    Base,
    RecorderRuns,
    SchemaChanges,
    StateAttributes,
    States,
    StatesMeta,
    StatisticsRuns,
)
from sqlalchemy import Connection, create_engine, func, insert, make_url, select
from sqlalchemy.pool import NullPool

from tests.bigquery_export.support.databases import empty_database
from tests.home.recorder_database import make
from tests.home.recorder_states import Sets

ENTITIES = 300
DAYS = 10
ROWS_FOR_A_VARIETY = 285_000
"""So that there is a set of attributes for about 35 states, as in homes with a long history."""
_COPIED_ROWS = 5_000


def make_history(path: Path, states: int, sets: Sets = Sets.BY_TIME) -> None:
    """Make a database of so many states with next to nothing else, unless there is one."""
    if not path.exists():
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        make(
            new,
            states=states,
            events=100,
            entities=ENTITIES,
            variety=max(1, round(states / ROWS_FOR_A_VARIETY)),
            sets=sets,
            days=DAYS,
            statistics_days=0.1,
            short_term_days=0.1,
        )
        new.rename(path)


def attributes_in(path: Path) -> int:
    """Return how many different sets of attributes a database has."""
    with sqlite3.connect(path) as connection:
        (number,) = connection.execute("SELECT count(*) FROM state_attributes").fetchone()
    connection.close()
    return int(number)


@contextmanager
def copied_to(database: str, history: Path) -> Iterator[str]:
    """Copy a history to a server, mysql or postgresql, and yield the URL; drop it afterwards.

    Raises what pytest raises to skip a test when there is no such server.
    """
    with empty_database(database, history.parent) as url:
        source = create_engine(f"sqlite:///{history}", poolclass=NullPool)
        target = create_engine(url, poolclass=NullPool)
        Base.metadata.create_all(target)
        with source.connect() as old, target.begin() as new:
            for model in (
                *(StatesMeta, StateAttributes, States),
                *(SchemaChanges, RecorderRuns, StatisticsRuns),
            ):
                _copy(old, new, model)
                # What the servers do by themselves sooner or later; joins need it.
                analyze = "ANALYZE" if database == "postgresql" else "ANALYZE TABLE"
                new.exec_driver_sql(f"{analyze} {model.__tablename__}")
        yield url


def _copy(old: Connection, new: Connection, model: Any) -> None:
    table = model.__table__
    for rows in old.execute(select(table)).mappings().partitions(_COPIED_ROWS):
        new.execute(insert(table), [dict(row) for row in rows])
    if new.dialect.name == "postgresql":
        # It numbers rows by itself, from 1 on, whatever ids there are already.
        (id_,) = table.primary_key
        newest = select(func.max(id_)).scalar_subquery()
        new.execute(select(func.setval(func.pg_get_serial_sequence(table.name, id_.name), newest)))


def connect(url: str) -> tuple[Any, str]:
    """Return a connection of the database's own driver, and how that marks a parameter in SQL."""
    address = make_url(url)
    if address.get_backend_name() == "sqlite":
        assert address.database
        connection = sqlite3.connect(address.database, check_same_thread=False)
        # As much as the recorder's own connections have.
        connection.execute("PRAGMA cache_size = -16384")
        return connection, "?"
    return create_engine(url, poolclass=NullPool).raw_connection(), "%s"
