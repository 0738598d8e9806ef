"""What rows refer to by an id, read by need and remembered for the time of a run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute

SHARED_CHARACTERS = 8 * 1024 * 1024
"""Of texts that many rows share, how much a reader remembers."""
NEW_BYTES = 8 * 1024 * 1024
"""Of texts that are read once, how much is kept by whoever has read them."""
_BESIDES = 280
"""Bytes that each takes besides: what is made of it has more columns, and two dictionaries know
it."""


class SharedTexts:
    """Texts that rows refer to by an id, as many rows share each: read by need, and remembered.

    The recorder re-uses the ids of what it has purged, so they must not outlive the run.
    """

    def __init__(
        self, id_: InstrumentedAttribute[int], text: InstrumentedAttribute[str | None]
    ) -> None:
        """Remember nothing yet."""
        self._statement = select(id_, text).where(id_.in_(bindparam("ids", expanding=True)))
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


class NewTexts:
    """The same for whoever keeps what it has made of the texts: each is read once.

    That is until there are too many. Then those are forgotten, on both sides, that nobody has
    needed for longest.
    """

    def __init__(
        self, id_: InstrumentedAttribute[int], text: InstrumentedAttribute[str | None]
    ) -> None:
        """Know of none yet."""
        self._statement = select(id_, text).where(id_.in_(bindparam("ids", expanding=True)))
        self._bytes = 0
        self._known: dict[int, int] = {}
        """Bytes that texts take by their ids, those that were needed last at the end."""

    def learn(
        self, connection: Connection, ids: set[int | None]
    ) -> tuple[Mapping[int, str | None], Sequence[int]]:
        """Return those texts that are new, and the ids of the ones to be forgotten before."""
        forgotten = self._forget() if self._bytes > NEW_BYTES else ()
        known = self._known
        missing = []
        for id_ in ids:
            if id_ is None:
                continue
            if (size := known.pop(id_, None)) is None:
                missing.append(id_)
            else:
                known[id_] = size
        texts: dict[int, str | None] = dict.fromkeys(missing)
        if missing:
            texts.update(connection.execute(self._statement, {"ids": missing}).tuples().all())
            sizes = {id_: len(text or "") + _BESIDES for id_, text in texts.items()}
            known.update(sizes)
            self._bytes += sum(sizes.values())
        return texts, forgotten

    def _forget(self) -> Sequence[int]:
        """Forget a little more than is necessary, as it is looked for from the beginning."""
        forgotten = []
        for id_, size in self._known.items():
            if self._bytes <= NEW_BYTES * 15 // 16:
                break
            self._bytes -= size
            forgotten.append(id_)
        for id_ in forgotten:
            del self._known[id_]
        return forgotten


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
