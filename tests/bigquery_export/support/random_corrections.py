"""Changes of statistics at random: what Home Assistant does, and what is hard to notice in sums."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from homeassistant.components.recorder.db_schema import StatisticsMeta
from sqlalchemy import Connection, delete, func, insert, select, update

from tests.bigquery_export.support.statistics_corrections import START, STEPS, rows_of

VALUES = ("mean", "mean_weight", "min", "max", "last_reset_ts", "state", "sum")
ODD = (0.0, -1.5, 1e-9, 3e12, 1e300, 2.5e-8, None)


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes one table of statistics in a database."""

    random: Random
    connection: Connection
    name: str
    model: Any

    def make(self) -> str:
        """Make one change, and return which."""
        change = self.random.choice(CHANGES)
        change(self)
        return change.__name__

    def rows(self, number: int) -> list[Any]:
        """Return some rows with all columns, of one statistic if there are enough."""
        metadata_id = self.metadata_id()
        found = list(
            self.connection.execute(
                select(self.model.__table__).where(self.model.metadata_id == metadata_id)
            )
        )
        return self.random.sample(found, number) if len(found) >= number else []

    def set(self, row: Any, **values: Any) -> None:
        """Change a row."""
        self.connection.execute(update(self.model).where(self.model.id == row.id).values(**values))

    def metadata_id(self) -> int:
        """Return the id of a statistic, or 0 where there is none."""
        ids = list(self.connection.execute(select(StatisticsMeta.id)).scalars())
        return self.random.choice(ids) if ids else 0

    def column(self) -> str:
        """Return a column of values."""
        return self.random.choice(VALUES)

    def time(self) -> float:
        """Return a time that rows may have."""
        return START + self.random.randrange(80) * STEPS[self.name]

    def since(self, **values: Any) -> None:
        """Change all rows of a statistic from a time on."""
        self.connection.execute(
            update(self.model)
            .where(self.model.metadata_id == self.metadata_id(), self.model.start_ts >= self.time())
            .values(**values)
        )

    def metadata(self, **values: Any) -> None:
        """Change the metadata of a statistic."""
        self.connection.execute(
            update(StatisticsMeta).where(StatisticsMeta.id == self.metadata_id()).values(**values)
        )


def adjust(to: Changes) -> None:
    """Add to all sums since some time."""
    to.since(sum=to.model.sum + to.random.choice((0.25, -3.75, 1e-6)))


def convert(to: Changes) -> None:
    """Convert all values, and the unit."""
    to.since(**{name: getattr(to.model, name) * 1.8 for name in ("mean", "min", "max", "sum")})
    to.metadata(unit_of_measurement=f"unit {to.random.random()}")


def replace(to: Changes) -> None:
    """Import a row in place of another one."""
    for row in to.rows(1):
        to.set(row, **{to.column(): to.random.choice((*ODD, to.random.random()))})


def opposite(to: Changes) -> None:
    """Add to a value of one row what another one loses."""
    change, name = to.random.choice((1.0, 0.5, 1024.0)), to.column()
    for row, by in zip(to.rows(2), (change, -change), strict=False):
        to.set(row, **{name: (getattr(row, name) or 0.0) + by})


def opposite_in_a_row(to: Changes) -> None:
    """Add to a value what another one of the same row loses."""
    for row in to.rows(1):
        to.set(row, state=(row.state or 0.0) + 2.0, sum=(row.sum or 0.0) - 2.0)


def bend(to: Changes) -> None:
    """Change three or four rows in a way that polynomials of their times do not show."""
    steps = to.random.choice(((1, -2, 1), (1, -3, 3, -1)))
    found = sorted(to.rows(len(steps)), key=lambda row: row.start_ts or 0.0)
    for row, by in zip(found, steps, strict=False):
        to.set(row, mean=(row.mean or 0.0) + by)


def swap(to: Changes) -> None:
    """Let two rows change their values among each other."""
    name = to.column()
    rows = to.rows(2)
    for row, other in zip(rows, reversed(rows), strict=True):
        to.set(row, **{name: getattr(other, name)})


def swap_columns(to: Changes) -> None:
    """Let two values of one row change places."""
    for row in to.rows(1):
        to.set(row, min=row.max, max=row.min)


def least(to: Changes) -> None:
    """Change a value a little."""
    for row in to.rows(1):
        if row.mean:
            to.set(row, mean=row.mean * (1 + 1e-12))


def made_later(to: Changes) -> None:
    """Say that a row was made at another time."""
    for row in to.rows(1):
        to.set(row, created_ts=(row.created_ts or START) + 0.5)


def move(to: Changes) -> None:
    """Move a row to another time: of another month, of the time before 1970, or none."""
    for row in to.rows(1):
        time = to.random.choice((row.start_ts and row.start_ts + 400 * 86_400.5, -86_400.5, None))
        used = select(func.count()).where(
            to.model.metadata_id == row.metadata_id, to.model.start_ts == time
        )
        if not to.connection.execute(used).scalar():
            to.set(row, start_ts=time)


def clear_range(to: Changes) -> None:
    """Delete rows of a statistic."""
    for row in to.rows(to.random.choice((1, 5))):
        to.connection.execute(delete(to.model).where(to.model.id == row.id))


def clear(to: Changes) -> None:
    """Delete all rows of a statistic, perhaps with it; the next rows may get their ids."""
    id_ = to.metadata_id()
    to.connection.execute(delete(to.model).where(to.model.metadata_id == id_))
    if to.random.random() < 0.3:
        to.connection.execute(delete(StatisticsMeta).where(StatisticsMeta.id == id_))


def rename(to: Changes) -> None:
    """Give a statistic another id, or another name."""
    name = f"sensor.new_{to.random.randrange(1 << 30)}"
    to.metadata(**{to.random.choice(("statistic_id", "name")): name})


def append(to: Changes) -> None:
    """Record new rows, some of them before others."""
    if not (id_ := to.metadata_id()):
        return
    last = to.connection.execute(
        select(func.max(to.model.start_ts)).where(to.model.metadata_id == id_)
    ).scalar()
    first = 0 if last is None else max(0, int((last - START) // STEPS[to.name]) + 1)
    rows = rows_of(id_, to.name, first, to.random.choice((1, 7)))
    to.connection.execute(insert(to.model.__table__), rows)


CHANGES: tuple[Callable[[Changes], None], ...] = (
    adjust,
    convert,
    replace,
    opposite,
    opposite_in_a_row,
    bend,
    swap,
    swap_columns,
    least,
    made_later,
    move,
    clear_range,
    clear,
    rename,
    append,
    append,
)
