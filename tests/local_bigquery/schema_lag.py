"""The time for which write streams do not know a new column.

Source: write-api-streaming, "Work with table schema changes" (minutes pass until a stream notices).
"""

import time

from .names import TableName
from .schema import Column
from .settings import Settings


class SchemaLag:
    """Tells the columns that write streams know from those that a table has."""

    def __init__(self, settings: Settings) -> None:
        """Let columns wait as long as the settings say when they are asked for."""
        self._settings = settings
        self._added: dict[tuple[str, str], float] = {}

    def note(self, table: TableName, added: list[Column]) -> None:
        """Begin the wait for columns that were just added."""
        now = time.monotonic()
        self._added.update({(str(table), column.key): now for column in added})

    def known(self, table: TableName, columns: list[Column]) -> list[Column]:
        """Return the columns without those that write streams do not know yet."""
        unknown_since = time.monotonic() - self._settings.schema_lag_seconds
        return [
            column
            for column in columns
            if self._added.get((str(table), column.key), unknown_since) <= unknown_since
        ]
