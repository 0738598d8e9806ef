"""What PostgreSQL refuses, as errors that say what to do. None has the password, or a row."""

from dataclasses import dataclass

from ...errors import ExportError, TransientError


@dataclass(eq=False)
class PostgresqlUnreachableError(TransientError):
    """There is no connection to the server, or no answer in time."""

    key = "postgresql_unreachable"
    server: str
    message: str


@dataclass(eq=False)
class PostgresqlAccessError(ExportError):
    """The server refuses the connection: user, password, database or its rules of access."""

    key = "postgresql_access"
    server: str
    message: str


@dataclass(eq=False)
class PostgresqlTlsError(ExportError):
    """The connection cannot be encrypted as the user wants it, or only encrypted."""

    key = "postgresql_tls"
    server: str
    message: str


@dataclass(eq=False)
class PostgresqlUnfitError(ExportError):
    """The database cannot hold the rows: it is too old, or has another encoding than UTF-8."""

    key = "postgresql_unfit"
    version: str
    encoding: str


@dataclass(eq=False)
class PostgresqlPermissionError(ExportError):
    """The user lacks a privilege in the database or the schema."""

    key = "postgresql_permission"
    of_one_table = True
    message: str


@dataclass(eq=False)
class PostgresqlMismatchError(ExportError):
    """A table of this name has other columns, or other partitions."""

    key = "postgresql_mismatch"
    of_one_table = True
    table: str
    columns: str


@dataclass(eq=False)
class PostgresqlRefusedError(ExportError):
    """PostgreSQL refuses a statement for any other reason."""

    key = "postgresql_refused"
    of_one_table = True
    message: str
