"""A schema in PostgreSQL as the destination of a copy."""

from collections.abc import Iterable

from ...rows.table import Table
from .postgresql_delivery import PostgresqlDelivery
from .postgresql_fence import PostgresqlFence
from .postgresql_schema import PostgresqlSchema
from .postgresql_settings import PostgresqlSettings
from .selected_rows import SelectedRows
from .server import Server


class PostgresqlDatabase:
    """A schema in PostgreSQL. Its methods block and raise ExportError."""

    def __init__(self, settings: PostgresqlSettings) -> None:
        """Connect to nothing yet."""
        self._server = Server(settings)
        self.delivery = PostgresqlDelivery(self._server)

    def fence(self, source: str) -> PostgresqlFence:
        """Return the fence of an installation. Nothing is read yet."""
        return PostgresqlFence(self._server, source)

    def existing_rows(self, source: str) -> SelectedRows:
        """Return what reads the rows of an installation. Nothing is read yet."""
        return SelectedRows(self._server, source)

    def ensure(self, tables: Iterable[Table], source: str) -> None:
        """Make what is missing, with a fence, and make sure that rows may be inserted."""
        PostgresqlSchema(self._server).ensure(tables, source)

    def maintain(self) -> None:
        """Do nothing: the database does it itself."""

    def stop(self) -> None:
        """Let nothing begin any more, and end the waiting for answers."""
        self._server.stop()

    def close(self) -> None:
        """Do as `stop`: each connection is closed by what has opened it."""
        self.stop()
