"""Full names of tables, in the spellings of REST, gRPC and SQL."""

from dataclasses import dataclass
import re

import grpc

from .errors import StorageApiError

_TABLE = r"projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)"


@dataclass(frozen=True, slots=True)
class TableName:
    """The full name of a table."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        """Return the name as BigQuery's messages write it."""
        return f"{self.project}:{self.dataset}.{self.table}"

    @property
    def path(self) -> str:
        """The name as the Storage Write API writes it."""
        return f"projects/{self.project}/datasets/{self.dataset}/tables/{self.table}"

    @property
    def reference(self) -> dict[str, str]:
        """The name as the REST API writes it."""
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.table}

    @property
    def sql(self) -> str:
        """The name as GoogleSQL writes it."""
        return f"`{self.project}.{self.dataset}.{self.table}`"


def table_name(path: str) -> TableName:
    """Read the name of a table; raises StorageApiError."""
    return _parse(path, _TABLE)


def table_name_of_stream(path: str) -> TableName:
    """Read the table out of the name of a stream; raises StorageApiError."""
    return _parse(path, rf"{_TABLE}/streams/[^/]+")


def table_id(path: str) -> str:
    """Return the id of the table that a path of REST or gRPC leads through, or ""."""
    match = re.search(r"/tables/([^/$:]+)", path)
    return match[1] if match else ""


def _parse(path: str, pattern: str) -> TableName:
    if (match := re.fullmatch(pattern, path)) is None:
        raise StorageApiError(grpc.StatusCode.INVALID_ARGUMENT, f"Invalid resource name: '{path}'")
    return TableName(*match.groups())
