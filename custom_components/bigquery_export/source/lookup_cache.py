"""What rows refer to by an id, read by need and remembered for the time of a run."""

from collections.abc import Callable, Mapping, Set as AbstractSet
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute

SHARED_CHARACTERS = 8 * 1024 * 1024
"""Of texts that many rows share, how much a reader remembers."""

type Ids = AbstractSet[int | None]
"""The ids that rows refer to; None where a row has none."""
type Missing = Callable[[Ids], Ids]
"""Returns which of the texts with these ids are missing, where pieces are encoded."""


def texts_by_ids(
    id_: InstrumentedAttribute[int], text: InstrumentedAttribute[str | None]
) -> Select[Any]:
    """Return a statement for the texts with some `ids`; it is made once, as that takes long."""
    return select(id_, text).where(id_.in_(bindparam("ids", expanding=True)))


class SharedTexts:
    """Texts that rows refer to by an id, as many rows share each: read by need, and remembered.

    The recorder re-uses the ids of what it has purged, so they must not outlive the run.
    """

    def __init__(self, statement: Select[Any]) -> None:
        """Remember nothing yet; the statement is one of `texts_by_ids`."""
        self._statement = statement
        self._characters = 0
        self._texts: dict[int, str | None] = {}

    def learn(self, connection: Connection, ids: set[int | None]) -> Mapping[int, str | None]:
        """Return at least the texts with these ids; one text is the same object throughout."""
        if self._characters > SHARED_CHARACTERS:
            self._texts = {}  # The piece before keeps the old one.
            self._characters = 0
        if missing := [id_ for id_ in ids if id_ is not None and id_ not in self._texts]:
            for id_, text in connection.execute(self._statement, {"ids": missing}).tuples():
                self._texts[id_] = text
                self._characters += len(text or "")
        return self._texts


class MissingTexts:
    """The same where the encoder keeps fragments of the texts: those that it lacks are read."""

    def __init__(self, statement: Select[Any]) -> None:
        """Read all of them, until `missing` is set."""
        self._statement = statement
        self.missing: Missing = set

    def read(self, connection: Connection, ids: Ids) -> Mapping[int, str | None]:
        """Return those of the texts that are missing, None for one that there is not."""
        missing = [id_ for id_ in self.missing(ids) if id_ is not None]
        texts: dict[int, str | None] = dict.fromkeys(missing)
        if missing:
            texts.update(connection.execute(self._statement, {"ids": missing}).tuples().all())
        return texts


class MetaRows[Meta]:
    """The rows of a small table that others refer to: read as a whole when one is not known."""

    def __init__(self, statement: Select[Any], make: Callable[..., Meta]) -> None:
        """Remember nothing yet; the statement selects an id, and what `make` takes."""
        self._statement = statement
        self._make = make
        self._rows: dict[int, Meta] = {}

    def learn(self, connection: Connection, ids: set[int | None]) -> Mapping[int, Meta]:
        """Return at least the rows with these ids, as far as there are any."""
        if ids - self._rows.keys() - {None}:
            rows = connection.execute(self._statement).tuples()
            self._rows = {id_: self._make(*values) for id_, *values in rows}
        return self._rows
