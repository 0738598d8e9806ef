"""A database of InfluxDB as the destination of a copy."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
import time

from ...errors import ExportError
from ...export.existing_rows import FoundRow
from ...export.fence import Fence
from ...rows.table import Table
from .influxdb_delivery import InfluxdbDelivery
from .influxdb_errors import (
    InfluxdbAccessError,
    InfluxdbNotFoundError,
    InfluxdbRefusedError,
    InfluxdbVersionError,
)
from .influxdb_server import InfluxdbServer, PointsRefusedError
from .influxdb_settings import InfluxdbSettings
from .points import Point

CHECK = "export_check"
_HOUR = 3_600
"""No database keeps points for less."""


class InfluxdbDatabase:
    """A database of InfluxDB. Its methods block and raise ExportError."""

    def __init__(self, settings: InfluxdbSettings) -> None:
        """Connect to nothing yet."""
        self._server = InfluxdbServer(settings)
        self.delivery = InfluxdbDelivery(self._server)

    def fence(self, source: str) -> Fence | None:
        """Return None: who has an old checkpoint sends the same points, which changes nothing."""
        return None

    def existing_rows(self, source: str) -> NoRows:
        """Return what finds no row: those that are there may be sent again."""
        return NoRows()

    def ensure(self, tables: Iterable[Table], source: str) -> None:
        """Make sure that points may be written, by one that is the same for an hour.

        Tables need not be made.
        """
        hour = int(time.time()) // _HOUR * _HOUR * 1_000_000
        point = Point(f"{CHECK},source={source}", hour, 'by="bigquery_export"')
        try:
            self._server.write([point.line])
        except PointsRefusedError as err:
            self._check_version()
            raise InfluxdbRefusedError(message=err.reason) from None
        except InfluxdbAccessError, InfluxdbNotFoundError, InfluxdbRefusedError:
            self._check_version()
            raise

    def maintain(self) -> None:
        """Do nothing: the database does it itself."""

    def stop(self) -> None:
        """Let no request begin any more, and end the waiting for answers."""
        self._server.stop()

    def close(self) -> None:
        """Do as `stop`, and close the connections."""
        self._server.close()

    def _check_version(self) -> None:
        """Raise InfluxdbVersionError if the server says that it is another one than selected."""
        found = ""
        with suppress(ExportError):
            found = self._server.version()
        if self._server.is_other_version(found):
            raise InfluxdbVersionError(server=self._server.settings.server, found=found)


class NoRows:
    """Finds no row."""

    def seconds_until_known(self, table: Table, before: int, *, query: bool = True) -> float:
        """Return 0."""
        return 0.0

    def rows(self, table: Table, partition_start: int) -> Iterator[FoundRow]:
        """Yield nothing."""
        yield from ()
