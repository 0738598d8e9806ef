"""What InfluxDB refuses, as errors that say what to do. None has the token, or a row."""

from dataclasses import dataclass

from ...errors import ExportError, TransientError


@dataclass(eq=False)
class InfluxdbUnreachableError(TransientError):
    """There is no connection to the server, no answer in time, or it is busy."""

    key = "influxdb_unreachable"
    server: str
    message: str


@dataclass(eq=False)
class InfluxdbAccessError(ExportError):
    """The server does not accept the token or password, or it may not write."""

    key = "influxdb_access"
    server: str
    message: str


@dataclass(eq=False)
class InfluxdbNotFoundError(ExportError):
    """The server does not know the database, bucket or organization."""

    key = "influxdb_not_found"
    server: str
    message: str


@dataclass(eq=False)
class InfluxdbVersionError(ExportError):
    """The server has another major version than the user has selected."""

    key = "influxdb_version"
    server: str
    found: str


@dataclass(eq=False)
class InfluxdbTlsError(ExportError):
    """The server's certificate is not valid, or it has no encryption."""

    key = "influxdb_tls"
    server: str
    message: str


@dataclass(eq=False)
class InfluxdbRefusedError(ExportError):
    """InfluxDB refuses rows of a table for any other reason."""

    key = "influxdb_refused"
    of_one_table = True
    message: str
