"""Where a copy in PostgreSQL is, as a config subentry stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Self

from homeassistant.const import CONF_HOST, CONF_PASSWORD, CONF_PORT, CONF_USERNAME

CONF_DATABASE = "database"
CONF_SCHEMA = "schema"
CONF_TLS = "tls"
DEFAULT_PORT = 5432
DEFAULT_SCHEMA = "home_assistant"


class Tls(StrEnum):
    """How a connection is encrypted."""

    VERIFIED = "verified"
    """The server has a certificate of its name by an authority that Home Assistant trusts."""
    ON = "on"
    """Encrypted, with any certificate."""
    OFF = "off"


@dataclass(frozen=True, slots=True)
class PostgresqlSettings:
    """A schema of a database, and how to connect to it."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    schema: str
    tls: Tls
    product: ClassVar = "PostgreSQL"
    requirements: ClassVar = ("psycopg[binary]==3.3.9",)

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return what the data of a subentry, or of its form, say."""
        return cls(
            str(data[CONF_HOST]).strip(),
            int(data.get(CONF_PORT, DEFAULT_PORT)),
            str(data[CONF_DATABASE]).strip(),
            str(data[CONF_USERNAME]).strip(),
            str(data.get(CONF_PASSWORD, "")),
            str(data.get(CONF_SCHEMA, DEFAULT_SCHEMA)).strip(),
            Tls(data.get(CONF_TLS, Tls.ON)),
        )

    @property
    def server(self) -> str:
        """Return the server as sentences name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def identity(self) -> str:
        """Return what identifies the schema: two copies must not share one."""
        return f"postgresql {self.host.lower()}:{self.port} {self.database} {self.schema}"
