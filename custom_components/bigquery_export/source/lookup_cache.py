"""What rows refer to by an id, read when needed and cached for one run."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set as AbstractSet
from contextlib import suppress
from typing import Any

import orjson
from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute

from .statements import as_text, fetch, fetch_by_ids, is_damaged

SHARED_CHARACTERS = 8 * 1024 * 1024
"""How many characters of texts that many rows share a reader caches."""

UNREADABLE = ""
"""Stands for a text on a damaged page: it is no JSON, and counts as such."""

type Ids = AbstractSet[int | None]
"""The ids that rows refer to; None where a row has none."""
type Missing = Callable[[Ids], Ids]
"""Returns which of the texts with these ids are missing, where pieces are encoded."""


class TextsByIds:
    """Statements for the texts with some ids; make it once, as that takes long."""

    def __init__(
        self, id_: InstrumentedAttribute[int], text: InstrumentedAttribute[str | None]
    ) -> None:
        """Take an id and a text of one table."""
        self._statement = select(id_, text).where(id_.in_(bindparam("ids", expanding=True)))
        # SQLAlchemy writes a list of ids into the statement, so SQLite has to prepare it each time.
        self._of_sqlite = (
            f"SELECT {id_.key}, {text.key} FROM json_each(?)"  # noqa: S608
            f" CROSS JOIN {id_.class_.__tablename__} ON {id_.key} = value"
        )

    def fetch(
        self, connection: Connection, ids: Sequence[int]
    ) -> tuple[Sequence[tuple[Any, ...]], Sequence[int]]:
        """Return ids and texts, and the ids of damaged ones."""
        if connection.dialect.name == "sqlite":
            driver: Any = connection.connection.driver_connection
            with suppress(connection.dialect.loaded_dbapi.Error, TypeError):
                wanted = orjson.dumps(ids).decode()
                return driver.execute(self._of_sqlite, (wanted,)).fetchall(), ()
        return fetch_by_ids(connection, self._statement, ids)


class SharedTexts:
    """Texts that rows refer to by an id, each shared by many rows: read when needed, and cached.

    The recorder reuses the ids of what it has purged, so the cache must not outlive the run.
    """

    def __init__(self, statements: TextsByIds) -> None:
        """Begin with an empty cache."""
        self._statements = statements
        self._characters = 0
        self._texts: dict[int, str | None] = {}

    def learn(self, connection: Connection, ids: set[int | None]) -> Mapping[int, str | None]:
        """Return at least the texts with these ids; one text is the same object throughout."""
        if self._characters > SHARED_CHARACTERS:
            self._texts = {}  # The piece before keeps the old one.
            self._characters = 0
        if missing := [id_ for id_ in ids if id_ is not None and id_ not in self._texts]:
            rows, damaged = self._statements.fetch(connection, missing)
            for id_, value in rows:
                self._texts[id_] = text = as_text(value)
                self._characters += len(text or "")
            self._texts.update(dict.fromkeys(damaged, UNREADABLE))
        return self._texts


class MissingTexts:
    """Texts whose encoded fragments the encoder caches: only those that it lacks are read."""

    def __init__(self, statements: TextsByIds) -> None:
        """Read all of them, until `missing` is set."""
        self._statements = statements
        self.missing: Missing = set

    def read(self, connection: Connection, ids: Ids) -> Mapping[int, str | None]:
        """Return the texts that are missing, None for an id that the recorder does not have."""
        missing = [id_ for id_ in self.missing(ids) if id_ is not None]
        texts: dict[int, str | None] = dict.fromkeys(missing)
        if missing:
            found, damaged = self._statements.fetch(connection, missing)
            texts.update((id_, as_text(value)) for id_, value in found)
            texts.update(dict.fromkeys(damaged, UNREADABLE))
        return texts


class MetaRows[Meta]:
    """The rows of a small table that others refer to: all are read when one is not in the cache."""

    def __init__(self, statement: Select[Any], make: Callable[..., Meta]) -> None:
        """Begin with an empty cache; the statement selects an id, and what `make` takes."""
        self._statement = statement
        self._make = make
        self._rows: dict[int, Meta] = {}

    def learn(self, connection: Connection, ids: set[int | None]) -> Mapping[int, Meta]:
        """Return at least the rows with these ids, as far as there are any."""
        if missing := ids.difference(self._rows) - {None}:
            try:
                self._rows = self._made(fetch(connection, self._statement))
            except DBAPIError as err:
                if not is_damaged(err.orig):
                    raise
                has_id = self._statement.selected_columns[0].in_(bindparam("ids", expanding=True))
                rows, _ = fetch_by_ids(connection, self._statement.where(has_id), list(missing))
                self._rows = {**self._rows, **self._made(rows)}
        return self._rows

    def _made(self, rows: Iterable[tuple[Any, ...]]) -> dict[int, Meta]:
        return {id_: self._make(*values) for id_, *values in rows}
