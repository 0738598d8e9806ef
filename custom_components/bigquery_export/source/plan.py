"""The statements that a reader of a table of the recorder executes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Dialect, Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from .source_table import SourceTable
from .statements import as_recorded

PIECE_ROWS = 1_250
"""Rows in one read at most, so that each step of processing them takes only milliseconds.

Four pieces make a batch of the default size. Connections, statements and code that is no longer in
the processor's cache cost as much for a piece as some 150 states.
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """The statements of a reader, and the places of columns in a row."""

    rows: Select[Any]
    newest: Select[Any]
    oldest: Select[Any]
    newest_of_all: Select[Any]
    """Includes rows that are not final."""
    waiting: Select[Any]
    marks: Select[Any]
    times: Select[Any]
    repeats: Select[Any] | None
    oldest_time: Select[Any] | None
    time_of_row: Select[Any]
    together: Select[Any]
    times_places: tuple[int, ...]
    latest: Select[Any]


@cache
def plan_of(table: SourceTable) -> Plan:
    """Prepare statements: that takes milliseconds, and an export every few minutes has many."""
    id_ = table.columns[0]
    time = as_recorded(table.times[-1]) if table.times else id_
    after, until = id_ > bindparam("after"), id_ <= bindparam("until")
    newest = select(func.max(id_))
    waiting = select(func.count()).select_from(id_.class_).where(after, until)
    if table.final is not None:
        pending = select(func.min(id_)).where(~table.final).correlate(None).scalar_subquery()
        before_pending = or_(pending.is_(None), id_ < pending)
        newest, waiting = newest.where(before_pending), waiting.where(before_pending)
    return Plan(
        # To begin after an id, SQLite would read the page where that id would be: a damaged one,
        # where rows are read again from the first one behind it.
        rows=select(*map(as_recorded, table.columns))
        .where(id_ >= bindparam("first"), until)
        .order_by(id_)
        .limit(bindparam("limit")),
        newest=newest,
        oldest=select(func.min(id_)),
        newest_of_all=select(func.max(id_)),
        waiting=waiting,
        marks=select(id_, *map(as_recorded, table.fingerprint)).where(
            id_.in_(bindparam("ids", expanding=True))
        ),
        times=select(*map(as_recorded, table.times or (id_,))).where(after, until),
        repeats=_repeats(id_, table.identity) if table.identity else None,
        oldest_time=None if table.purged_by is None else _oldest_time(id_, table.purged_by),
        time_of_row=select(time).where(id_ == bindparam("id")),
        together=select(func.count()).where(time == bindparam("time")),
        times_places=table.places(table.times),
        latest=select(id_).where(time.is_not(None)).order_by(time.desc()).limit(1),
    )


def _oldest_time(id_: InstrumentedAttribute[Any], time: InstrumentedAttribute[Any]) -> Select[Any]:
    """Return a statement for the lowest time of the next 1,250 rows.

    The index of the times does not help: it begins with rows that were exported long ago.
    """
    after = id_ > bindparam("after")
    rows = select(as_recorded(time)).where(after).order_by(id_).limit(PIECE_ROWS).subquery()
    return select(func.min(rows.c[0]))


def is_plain(statement: Select[Any], dialect: Dialect) -> bool:
    """Return whether SQLAlchemy leaves all values as the database's driver returns them."""
    return dialect.name == "sqlite" and not any(
        column.type.dialect_impl(dialect).result_processor(dialect, None)
        for column in statement.selected_columns
    )


def _repeats(
    id_: InstrumentedAttribute[Any], identity: Sequence[InstrumentedAttribute[Any]]
) -> Select[Any]:
    earlier = aliased(id_.class_)
    earlier_id = getattr(earlier, id_.key)
    same = [getattr(earlier, column.key) == column for column in identity]
    return (
        select(id_, func.count())
        .join(earlier, and_(*same))
        .where(id_ > bindparam("after"), id_ <= bindparam("until"))
        .where(
            or_(
                earlier_id <= bindparam("up_to"),
                earlier_id.between(bindparam("again_after") + 1, bindparam("again_until")),
            )
        )
        .group_by(id_)
    )
