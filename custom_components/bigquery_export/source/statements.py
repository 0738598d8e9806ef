"""Statements on the recorder's database, whatever its columns hold.

SQLite keeps a value of any type in any column, and text that is not UTF-8, as a database of
PostgreSQL with the encoding SQL_ASCII does. The recorder writes neither, but tools that people use
on their databases do. MariaDB converts all text to the encoding of the connection.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from math import isfinite
from sqlite3 import SQLITE_CORRUPT
from typing import Any, override

from sqlalchemy import ColumnElement, Connection, DateTime, Dialect, Executable, String, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.types import TypeDecorator

_PRIMARY_CODE = 0xFF
"""The bits of an error code of SQLite that its extended codes have in common (its page "Result and
Error Codes")."""
_UNDECODABLE = "Could not decode to UTF-8"
"""How the error of Python's sqlite3 begins, which has no code of its own."""


def fetch(
    connection: Connection, statement: Executable, values: Mapping[str, Any] | None = None
) -> Sequence[tuple[Any, ...]]:
    """Return all rows of a statement; text that is not UTF-8 has replacement characters."""
    if _keeps_any_text(connection):
        return _fetch_any_text(connection, statement, values)
    try:
        return connection.execute(statement, values).tuples().all()
    except DBAPIError as err:
        if not is_undecodable(err.orig):
            raise
    with lenient_text(connection):
        return connection.execute(statement, values).tuples().all()


def fetch_before_damage(
    connection: Connection, statement: Executable, values: Mapping[str, Any]
) -> tuple[Sequence[tuple[Any, ...]], bool]:
    """Return the rows of a statement up to a damaged page, and whether they end at one.

    The last row before it may be missing, unless the statement is limited to one: Python's sqlite3
    looks for the next row first. Raises DBAPIError when there is no other row.
    """
    try:
        return fetch(connection, statement, values), False
    except DBAPIError as err:
        if not is_damaged(err.orig):
            raise
        damage = err
    rows: list[tuple[Any, ...]] = []
    with lenient_text(connection), suppress(DBAPIError):
        rows.extend(connection.execute(statement, values).tuples())
    if not rows:
        raise damage
    return rows, True


def fetch_by_ids(
    connection: Connection, statement: Executable, ids: Sequence[Any]
) -> tuple[Sequence[tuple[Any, ...]], Sequence[Any]]:
    """Return the rows of a statement that have some `ids`, and the ids of damaged ones."""
    try:
        return fetch(connection, statement, {"ids": ids}), ()
    except DBAPIError as err:
        if not is_damaged(err.orig):
            raise
    rows: list[tuple[Any, ...]] = []
    damaged = []
    for id_ in ids:
        try:
            rows += fetch(connection, statement, {"ids": [id_]})
        except DBAPIError as err:
            if not is_damaged(err.orig):
                raise
            damaged.append(id_)
    return rows, damaged


def is_damaged(err: BaseException | None) -> bool:
    """Return whether a page of SQLite's file is damaged: what is on others can still be read.

    An error of the disk, or a file that is locked, has another code, and may pass.
    """
    code = getattr(err, "sqlite_errorcode", None)
    return code is not None and code & _PRIMARY_CODE == SQLITE_CORRUPT


def is_undecodable(err: BaseException | None) -> bool:
    """Return whether a driver has failed because SQLite has text that is not UTF-8."""
    return str(err).startswith(_UNDECODABLE)


def _keeps_any_text(connection: Connection) -> bool:
    """Return whether it is a database of PostgreSQL that does not check the encoding of text.

    Its driver then decodes ASCII alone, or the server refuses what is not UTF-8, after which a
    transaction cannot go on. So it cannot be waited for an error.
    """
    if connection.dialect.driver != "psycopg2":
        return False
    driver: Any = connection.connection.driver_connection
    return bool(driver.get_parameter_status("server_encoding") == "SQL_ASCII")


def _fetch_any_text(
    connection: Connection, statement: Executable, values: Mapping[str, Any] | None
) -> Sequence[tuple[Any, ...]]:
    """Return all rows of a statement, and decode their text here."""
    driver: Any = connection.connection.driver_connection
    extensions = connection.dialect.loaded_dbapi.extensions
    before = dict(driver.string_types)
    # The server sends text as it is, for as long as the transaction lasts.
    connection.exec_driver_sql("SET LOCAL client_encoding TO 'SQL_ASCII'")
    extensions.register_type(extensions.BYTES, driver)
    try:
        result = connection.execute(statement, values)
        columns = result.cursor.description if result.cursor else ()
        is_text = [column[1] in extensions.BYTES.values for column in columns]
        rows = result.tuples().all()
    finally:
        driver.string_types.clear()
        driver.string_types.update(before)
    return [
        tuple(as_text(value) if text else value for value, text in zip(row, is_text, strict=True))
        for row in rows
    ]


@contextmanager
def lenient_text(connection: Connection) -> Iterator[None]:
    """Decode all text of SQLite meanwhile, with replacement characters where it is not UTF-8.

    This takes longer than what the driver does itself, and is for rows that it cannot decode.
    """
    driver: Any = connection.connection.driver_connection
    before = driver.text_factory
    driver.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        yield
    finally:
        driver.text_factory = before


class _Time(TypeDecorator[Any]):
    """A date and time, or, on SQLite, whatever else its column holds."""

    impl = String
    cache_ok = True

    @override
    def process_result_value(self, value: object, dialect: Dialect) -> object:
        """Return a datetime, or the value itself where it is none."""
        if not isinstance(value, str):
            return value
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value


def as_recorded(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """Return a column as it is to be selected, so that no value of it fails the statement."""
    expression: ColumnElement[Any] = column.expression
    if isinstance(column.type, DateTime):
        return type_coerce(expression, _Time).label(column.key)
    return expression


def as_text(value: object) -> str | None:
    """Return a value from a column of texts: a number as it is written, bytes as UTF-8."""
    match value:
        case None | str():
            return value
        case bytes():
            return value.decode(errors="replace")
    return str(value)


def is_finite(value: object) -> bool:
    """Return whether a value from a column of numbers is one that can be computed with."""
    return isinstance(value, int | float) and isfinite(value)
