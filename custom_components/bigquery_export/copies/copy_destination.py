"""The port of a copy: what a job needs of a destination that is not BigQuery."""

from collections.abc import Iterable
from typing import Protocol

from ..export.delivery import Delivery
from ..export.existing_rows import ExistingRows
from ..export.fence import Fence
from ..rows.table import Table


class CopyDestination(Protocol):
    """A place that rows are copied to. Its methods block and raise ExportError."""

    @property
    def delivery(self) -> Delivery:
        """Return the way into its tables."""

    def fence(self, source: str) -> Fence:
        """Return the fence of an installation. Nothing is read yet."""

    def existing_rows(self, source: str) -> ExistingRows:
        """Return what reads the rows of an installation. Nothing is read yet."""

    def ensure(self, tables: Iterable[Table], source: str) -> None:
        """Make tables and columns that are missing, and a fence before the first rows."""

    def stop(self) -> None:
        """End what is under way, in other threads too: it raises StoppedError."""

    def close(self) -> None:
        """Close all connections."""
