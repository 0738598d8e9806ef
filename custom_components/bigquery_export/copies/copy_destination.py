"""The port of a copy: its settings, and what a job needs of a destination that is not BigQuery."""

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

    def fence(self, source: str) -> Fence | None:
        """Return the fence of an installation. Nothing is read yet.

        It is None where rows that are sent again take the place of those that are there, so that
        who goes on with an old checkpoint does no harm.
        """

    def existing_rows(self, source: str) -> ExistingRows:
        """Return what reads the rows of an installation. Nothing is read yet."""

    def ensure(self, tables: Iterable[Table], source: str) -> None:
        """Make tables and columns that are missing, and a fence before the first rows."""

    def maintain(self) -> None:
        """Do what can wait until all rows are there."""

    def stop(self) -> None:
        """End what is under way, in other threads too: it raises StoppedError."""

    def close(self) -> None:
        """Close all connections."""


class CopySettings(Protocol):
    """Where a copy goes, as its subentry stores it."""

    @property
    def product(self) -> str:
        """Return the name of what the copy is in."""

    @property
    def identity(self) -> str:
        """Return what identifies the place: two copies must not share one."""

    @property
    def requirements(self) -> tuple[str, ...]:
        """Return the libraries that it needs, as pip takes them.

        Home Assistant installs them with the first copy. Others do without, so they are not in the
        manifest.
        """
