"""The subentry flows of all copies."""

from collections.abc import Mapping
from typing import Final

from ..copies.copy_subentry import CopyType
from .copy_flow import CopyFlow
from .files_flow import FilesFlow
from .influxdb_flow import InfluxdbFlow
from .postgresql_flow import PostgresqlFlow

COPY_FLOWS: Final[Mapping[str, type[CopyFlow]]] = {
    CopyType.FILES: FilesFlow,
    CopyType.INFLUXDB: InfluxdbFlow,
    CopyType.POSTGRESQL: PostgresqlFlow,
}
