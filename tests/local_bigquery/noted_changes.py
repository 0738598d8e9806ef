"""Notes about changes of tables, with which to find out after a kill what became of them.

bqemulator and the store cannot change together. So what is to be known after a change is noted
before it, with the number of rows that the table then has.
"""

from collections.abc import Mapping
from dataclasses import asdict
import secrets

from .emulator import Emulator, Exclusive
from .names import TableName
from .store import Document, Store

type Documents = Mapping[str, Mapping[str, Document]]
"""Documents by kind and key."""

_KIND = "load"


class NotedChanges:
    """The changes that are under way. A change must hold bqemulator from its note to its end."""

    def __init__(self, store: Store) -> None:
        """Keep the notes in this store; `recover` must follow before anything else reads it."""
        self._store = store

    def begin(self, table: TableName, rows_after: int, after: Documents) -> str:
        """Note what is to be kept after a change; returns the key of the note."""
        key = secrets.token_hex(8)
        note = {"table": asdict(table), "rows_after": rows_after, "after": after}
        self._store.put(_KIND, {key: note})
        return key

    def done(self, key: str, after: Documents) -> None:
        """Keep the documents: the change was made."""
        self._store.put_all(after, drop=(_KIND, key))

    def undone(self, key: str) -> None:
        """Forget the note: the change was not made."""
        self._store.drop(_KIND, key)

    async def settle(self, emulator: Exclusive, key: str) -> None:
        """Find out by the number of rows whether a change was made."""
        note = dict(self._store.all(_KIND))[key]
        table = TableName(**note["table"])
        rows = await emulator.count(table.project, table.dataset, table.table)
        self.done(key, note["after"] if rows == note["rows_after"] else {})

    async def recover(self, emulator: Emulator) -> None:
        """Find out what became of the changes that a kill interrupted."""
        for key, _ in list(self._store.all(_KIND)):
            async with emulator.exclusively() as exclusive:
                await self.settle(exclusive, key)
