"""What a kind of server has to have to be compared with BigQuery.

To add one, write a `Destination` and put it into `DESTINATIONS` of `destinations.py`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from custom_components.bigquery_export.rows.table import Column, Table
from tests.home.client import Json


class Server(Protocol):
    """A server that runs, and the copy in it."""

    @property
    def version(self) -> str:
        """Return the version of what the copy is in."""

    @property
    def fields(self) -> Json:
        """Return what the form of the copy is filled in with, beside its name."""

    def columns(self, table: Table) -> Sequence[Column]:
        """Return the columns of a table that this kind of copy has; none if it has no such one."""

    def rows(self, table: Table) -> Iterator[Mapping[str, Any]]:
        """Yield all rows, with a value for each of these columns."""

    def kept(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
        """Return of the rows that BigQuery has those that the copy has to have, as it has them."""

    def break_off(self) -> bool:
        """End what Home Assistant is in the middle of; return whether there was anything."""


class Destination(Protocol):
    """A kind of server that copies go to."""

    @property
    def name(self) -> str:
        """Return the name that the last lines have."""

    @property
    def subentry_type(self) -> str:
        """Return the type of the subentry that copies there."""

    def running(self, folder: Path) -> AbstractContextManager[Server]:
        """Run an empty one, with all its files in a folder. Raises MissingPackageError."""
